"""LIST of 100,000 keys, a thousand at a time, beside as many bytes from the echo."""

import asyncio
import re
import time

from bench.measurement import Measurement, duration
from bench.stage import BUCKET, Stage

KEYS = 100_000
CLIENTS = 64
PREFIX = "list/"


async def fill(stage: Stage) -> None:
    """Write the keys, in ten folders."""
    numbers = iter(range(KEYS))

    async def work() -> None:
        for number in numbers:
            key = f"{PREFIX}{number % 10}/some-file-name-{number:06}"
            assert (await stage.client.put(BUCKET, key, b"x")).status == 200

    await asyncio.gather(*[work() for _ in range(CLIENTS)])


async def measure(stage: Stage) -> list[Measurement]:
    """Go through all pages; then through the ten folders by a delimiter, which touches few keys."""
    pages, echoes, listed, token = [], [], 0, ""
    while True:
        query = {"list-type": "2", "prefix": PREFIX} | ({"continuation-token": token} if token else {})
        begun = time.perf_counter()
        response = await stage.client.request("GET", f"/{BUCKET}", query)
        pages.append(time.perf_counter() - begun)
        assert response.status == 200, response
        echoes.append(await echo_s(stage, len(response.body)))
        listed += response.body.count(b"<Key>")
        if not (found := re.search(rb"<NextContinuationToken>(.*?)</", response.body)):
            break
        token = found[1].decode()
    assert listed == KEYS, listed
    of = "the same bytes from bare aiohttp"
    return [
        duration(stage.named("LIST, 1,000 of 100,000 keys"), pages, echoes, of, f"all: {sum(pages):.2f} s"),
        await folders(stage),
    ]


async def folders(stage: Stage) -> Measurement:
    """The common prefixes of all keys."""
    taken, echoes = [], []
    for _ in range(50):
        begun = time.perf_counter()
        response = await stage.client.list(BUCKET, prefix=PREFIX, delimiter="/")
        taken.append(time.perf_counter() - begun)
        assert response.body.count(b"<CommonPrefixes>") == 10
        echoes.append(await echo_s(stage, len(response.body)))
    of = "the same bytes from bare aiohttp"
    return duration(stage.named("LIST, 10 folders of 100,000 keys"), taken, echoes, of)


async def echo_s(stage: Stage, size: int) -> float:
    """Seconds for as many bytes from the echo server."""
    begun = time.perf_counter()
    await stage.echo.request("GET", f"/{size}")
    return time.perf_counter() - begun
