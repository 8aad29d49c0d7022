"""200 GETs at once: all providers healthy, the moment in which one of them begins to hang, and after it.

The drill takes effect at the gateway with the first request that learns of it, so the first wave of requests
meets a provider that nobody has found out yet. The limit is the healthy wave of the same run.
"""

import asyncio
import os
import time

from bench.large_objects import check
from bench.measurement import Measurement, latency
from bench.stage import BUCKET, PROVIDERS, Stage

READERS = 200
SIZE = 256 << 10
ROUNDS = 3
HANG_S = 12
rest_s = 8.0
"""Until the provider's breaker has closed again after a drill."""


async def measure(stage: Stage) -> list[Measurement]:
    """The median and the 99th percentile of each wave."""
    for number in range(READERS):
        check(await stage.client.put(BUCKET, f"hang/{number}", os.urandom(SIZE)))
    healthy: list[float] = []
    began: list[float] = []
    known: list[float] = []
    await wave(stage)
    for number in range(ROUNDS):
        healthy += await wave(stage)
        await hang(stage, PROVIDERS[number % len(PROVIDERS)])
        began += await wave(stage)
        await asyncio.sleep(3)
        known += await wave(stage)
        await asyncio.sleep(HANG_S + rest_s)
    of = "the same, all healthy"
    return [
        *latency("200 GETs, one begins to hang", began, healthy, of),
        *latency("200 GETs, one hangs and is known to", known, healthy, of),
    ]


async def hang(stage: Stage, provider: str) -> None:
    """Have the provider hang for a while, at every gateway that reads the log."""
    drill = ("drill", provider, "--shape", "hang", "--seconds", str(HANG_S), "--detach")
    await asyncio.to_thread(stage.installation.run, *drill)


async def wave(stage: Stage) -> list[float]:
    """All readers at once; the seconds that each took."""

    async def one(number: int) -> float:
        begun = time.perf_counter()
        check(await stage.client.get(BUCKET, f"hang/{number}"))
        return time.perf_counter() - begun

    return await asyncio.gather(*[one(number) for number in range(READERS)])
