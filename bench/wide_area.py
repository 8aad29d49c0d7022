"""Providers at 20, 40 and 80 ms, and one at 800: how long requests take, beside the round trips needed.

The limit of each is those round trips, made by plain HTTP through the same proxies in the same run.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

from bench.far_stage import BUCKET, FARTHEST_NEEDED, SECOND, FarStage
from bench.large_objects import check
from bench.measurement import Measurement, latency

SMALL = 4 << 10
SMALL_REQUESTS = 300
BLOCK = 20
CLIENTS = 16
LARGE = 64 << 20
LARGE_REQUESTS = 20
EXTENTS = 4
K = 3
FRAGMENT = LARGE // EXTENTS // K
WARM = 60

Ask = Callable[[int], Awaitable[object]]


async def measure(stage: FarStage) -> list[Measurement]:
    """Small objects by one client and by many, then large ones."""
    data = os.urandom(SMALL)
    one_trip = f"1 round trip to the second nearest voter ({SECOND})"

    async def put(number: int) -> None:
        check(await stage.client.put(BUCKET, f"small/{number % 1000}", data))

    async def get(number: int) -> None:
        check(await stage.client.get(BUCKET, "small/0"))

    async def get_stale(number: int) -> None:
        check(await stage.stale.get(BUCKET, "small/0"))

    async def refused(number: int) -> None:
        assert (await stage.stale.request("GET", f"/{BUCKET}/small/0", {"torrent": ""})).status == 501

    async def raw_put(number: int) -> None:
        await stage.raw[SECOND].put(f"{number}", data)

    async def raw_get(number: int) -> None:
        await stage.raw[SECOND].get("0")

    await one_by_one(put, WARM)
    await one_by_one(raw_put, 2)
    found = await alternately("4 KiB PUT", put, raw_put, SMALL_REQUESTS, BLOCK, one_trip)
    await one_by_one(get, WARM)
    found += await alternately("4 KiB GET, strong", get, raw_get, SMALL_REQUESTS, BLOCK, one_trip)
    await one_by_one(get_stale, WARM)
    nothing = "a request that the gateway refuses: no round trip"
    found += await alternately("4 KiB GET, bounded", get_stale, refused, SMALL_REQUESTS, BLOCK, nothing)
    for name, ask, raw in (("PUT", put, raw_put), ("GET, strong", get, raw_get)):
        many = f"wide area: 4 KiB {name}, {CLIENTS} clients"
        await abreast(ask, CLIENTS * 5)
        found += latency(many, await abreast(ask, CLIENTS * 40), await abreast(raw, CLIENTS * 10), one_trip)
    return found + await large(stage)


async def large(stage: FarStage) -> list[Measurement]:
    """64 MiB: the fragments to or from the three nearest, all extents at once, and the question or commit."""
    data = os.urandom(LARGE)
    fragment = os.urandom(FRAGMENT)

    async def put(number: int) -> None:
        check(await stage.client.put(BUCKET, f"large/{number % 2}", data, payload="unsigned"))

    async def get(number: int) -> None:
        assert check(await stage.client.get(BUCKET, "large/0")).body == data

    async def raw_put(number: int) -> None:
        await asyncio.gather(
            *(stage.raw[name].put(f"f{n}", fragment) for name in FARTHEST_NEEDED for n in range(EXTENTS))
        )
        await stage.raw[SECOND].put("commit", b"x" * 600)

    async def raw_get(number: int) -> None:
        await stage.raw[SECOND].get("commit")
        await asyncio.gather(
            *(stage.raw[name].get(f"f{n}") for name in FARTHEST_NEEDED for n in range(EXTENTS))
        )

    trips = f"1 to {FARTHEST_NEEDED[-1]} with all bytes at once, 1 to {SECOND}"
    await one_by_one(put, 2)
    await one_by_one(raw_put, 2)
    found = await alternately("64 MiB PUT", put, raw_put, LARGE_REQUESTS, 1, trips)
    await one_by_one(get, 2)
    await one_by_one(raw_get, 2)
    return found + await alternately("64 MiB GET", get, raw_get, LARGE_REQUESTS, 1, trips)


async def alternately(name: str, ask: Ask, raw: Ask, count: int, block: int, of: str) -> list[Measurement]:
    """Take the limit and the value in turn."""
    values: list[float] = []
    limits: list[float] = []
    while len(values) < count:
        limits += await one_by_one(raw, block, len(limits))
        values += await one_by_one(ask, block, len(values))
    return latency(f"wide area: {name}", values, limits, of)


async def one_by_one(ask: Ask, count: int, first: int = 0) -> list[float]:
    """The seconds that each took."""
    return [await timed(ask, number) for number in range(first, first + count)]


async def abreast(ask: Ask, count: int) -> list[float]:
    """The same, as many clients at a time as `CLIENTS`."""
    numbers = iter(range(count))

    async def work() -> list[float]:
        return [await timed(ask, number) for number in numbers]

    return [seconds for each in await asyncio.gather(*[work() for _ in range(CLIENTS)]) for seconds in each]


async def timed(ask: Ask, number: int) -> float:
    begun = time.perf_counter()
    await ask(number)
    return time.perf_counter() - begun
