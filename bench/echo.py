"""`python -m bench.echo`: the HTTP server of the gateway with nothing behind it. Prints its port.

PUT takes a body and answers; GET /N gives N bytes, in pieces of 1 MiB when there are many.
"""

import asyncio

import uvloop
from aiohttp import web

PIECE = bytes(1 << 20)
WHOLE_BYTES_MAX = 1 << 20


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    if request.method == "PUT":
        async for _ in request.content.iter_any():
            pass
        return web.Response(headers={"ETag": '"0"'})
    size = int(request.path[1:])
    if size <= WHOLE_BYTES_MAX:
        return web.Response(body=PIECE[:size])
    response = web.StreamResponse()
    response.content_length = size
    await response.prepare(request)
    for start in range(0, size, len(PIECE)):
        await response.write(PIECE[: size - start])
    return response


async def serve() -> None:
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
