"""One client's connection: aiohttp's, with S3's manners where HTTP itself goes wrong.

What cannot even be parsed is answered in S3's XML too. A client that has finished sending (half-closed)
still gets its answer. A body that breaks off, or whose framing is broken, reaches the operation that reads
it at once as an error, instead of leaving it to wait.

What a client can make a connection hold is bounded: the sizes of request lines and headers, the bytes of a
body not yet asked for, and the time that it may do nothing. (`call.STALL_S_MAX` bounds the rest.)
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler, RequestPayloadError, _ErrInfo

from outlast.base.limits import KIB
from outlast.gateway.s3.call import XML_TYPE, told_always
from outlast.gateway.s3.errors import S3Error, render_error

# A key of 1,024 bytes, each percent-encoded, and the parameters of a presigned URL.
LINE_BYTES_MAX = 8 * KIB
HEADERS_MAX = 200
# Twice this much of a body is taken before it is asked for; then the client has to wait.
READ_AHEAD_BYTES = 256 * KIB
# A connection may wait so long for its next (or first) request.
IDLE_S_MAX = 75.0
# After an error, the rest of a body is read and thrown away for so long, that the client sees the answer.
LINGER_S_MAX = 5.0


class Connection(RequestHandler):
    """A connection of `Connections`."""

    __slots__ = ("_answered", "_body", "_ending", "_lost", "_new_id")

    def __init__(self, manager: "Connections", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp documents None, and has it untyped
            auto_decompress=False,  # a body's encoding is part of the object
            keepalive_timeout=IDLE_S_MAX,
            lingering_time=LINGER_S_MAX,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
            max_headers=HEADERS_MAX,
            read_bufsize=READ_AHEAD_BYTES,
        )
        self._answered = 0
        self._ending = False
        self._lost: asyncio.Future[None] = loop.create_future()
        self._body: StreamReader | None = None  # of the newest request
        self._new_id = manager.new_id

    @property
    def _idle(self) -> bool:
        """Whether every request that came has been answered."""
        return self._answered == self._request_count

    def finish(self) -> "asyncio.Future[None]":
        """Close after the request under way, or now if there is none. Done when it is closed."""
        self._ending = True
        if self._idle:
            self.force_close()
        return self._lost

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        super().data_received(data)
        if self._messages:
            message, body = self._messages[-1]
            if isinstance(message, _ErrInfo):
                # aiohttp queues the answer to broken framing behind the request whose body is broken.
                self._break_body("the body's framing is broken")
            else:
                self._body = body

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's own type, which aiohttp narrows
        """The client sends no more. True: it may still want an answer."""
        if self._idle:
            return False
        self._ending = True
        self._break_body("the body is shorter than announced")
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        super().connection_lost(exc)
        if not self._idle:
            self._break_body("the connection is lost")
        elif self._body is not None and not self._body.is_eof():
            self._body.feed_eof()  # aiohttp may be waiting for the rest of it, to throw it away
        if not self._lost.done():
            self._lost.set_result(None)

    def _break_body(self, message: str) -> None:
        if self._body is not None and not self._body.is_eof():
            self._ending = True
            self._body.set_exception(RequestPayloadError(message))
            # A reader that is just being woken by an end of a chunk looks for the end, not for an exception.
            self._body.feed_eof()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send what the handler gave. After it, a connection that brings no more is closed."""
        if self._ending:
            resp.force_close()
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._answered += 1

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no HTTP, or when an answer that had begun could not be finished."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionResetError("the answer could not be finished") from exc
        error = S3Error("RequestHeaderSectionTooLarge" if isinstance(exc, LineTooLong) else "BadRequest")
        if status >= 500:
            error = S3Error("InternalError")
        id = self._new_id()
        response = web.Response(
            status=error.status,
            headers=told_always(id) | {"Content-Type": XML_TYPE},
            body=render_error(error, "", id),
        )
        response.force_close()
        return response


class Connections(web.Server):
    """The connections of one server. `new_id` gives the ids of requests that never became one."""

    def __init__(
        self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], new_id: Callable[[], str]
    ) -> None:
        super().__init__(handler)
        self.new_id = new_id

    def __call__(self) -> Connection:
        """A new connection: the protocol factory that asyncio asks."""
        return Connection(self, self._loop)

    async def finish(self, within_s: float) -> None:
        """Let every connection finish the request under way, for at most so long."""
        ends = [one.finish() for one in self.connections if isinstance(one, Connection)]
        if ends:
            await asyncio.wait(ends, timeout=within_s)
