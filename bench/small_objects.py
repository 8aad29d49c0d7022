"""4 KiB objects, 1, 16 and 64 clients: PUT beside one append to the log, both beside the echo."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

from bench.limits import append_s
from bench.measurement import Measurement, percentiles, rate
from bench.stage import BUCKET, Stage
from outlast.testing.s3_client import Response, S3Client

SIZE = 4 << 10
CLIENTS = (1, 16, 64)
ROUNDS = 3
ROUND_S = 1.5
KEYS = 2000

Request = Callable[[S3Client, int], Awaitable[Response]]


async def measure(stage: Stage) -> list[Measurement]:
    """PUT and GET at each number of clients."""
    found = [await put(stage, clients) for clients in CLIENTS]
    await fill(stage)
    return found + [await get(stage, clients) for clients in CLIENTS]


async def put(stage: Stage, clients: int) -> Measurement:
    """One client waits for the disks, so the limit is an append; many share one, and wait for HTTP."""
    data = os.urandom(SIZE)

    async def one(client: S3Client, number: int) -> Response:
        return await client.put(BUCKET, f"put/{number % 50_000}", data)

    async def limit() -> float:
        if clients == 1:
            return 1 / append_s(stage.disks, SIZE + 500, 200)
        return (await load(stage.echo, clients, one))[0]

    of = "one fsynced append to 2 of 3" if clients == 1 else "PUT to bare aiohttp"
    return await compare(stage, "PUT", clients, one, limit, of)


async def get(stage: Stage, clients: int) -> Measurement:
    """The echo answers with as many bytes from memory."""

    async def one(client: S3Client, number: int) -> Response:
        return await client.get(BUCKET, f"get/{number % KEYS}")

    async def from_echo(client: S3Client, number: int) -> Response:
        return await client.request("GET", f"/{SIZE}")

    async def limit() -> float:
        return (await load(stage.echo, clients, from_echo))[0]

    return await compare(stage, "GET", clients, one, limit, "GET from bare aiohttp")


async def compare(
    stage: Stage, verb: str, clients: int, one: Request, limit: Callable[[], Awaitable[float]], of: str
) -> Measurement:
    """Take the limit and the value in turn."""
    values, limits, latencies = [], [], []
    await load(stage.client, clients, one, 0.3)
    cpu = stage.gateway.cpu_s()
    for _ in range(ROUNDS):
        limits.append(await limit())
        value, seconds = await load(stage.client, clients, one)
        values.append(value)
        latencies += seconds
    cpu_us = (stage.gateway.cpu_s() - cpu) / len(latencies) * 1e6
    name = stage.named(f"4 KiB {verb}, {clients} client{'s' if clients > 1 else ''}")
    note = f"{percentiles(latencies)}, gateway {cpu_us:.0f} us CPU each"
    return rate(name, "1/s", values, limits, of, note)


async def load(
    client: S3Client, clients: int, one: Request, seconds: float = ROUND_S
) -> tuple[float, list[float]]:
    """Let so many clients ask without pause; requests a second, and the seconds that each took."""
    latencies: list[float] = []
    begun = time.perf_counter()
    end = begun + seconds

    async def work(number: int) -> None:
        now = time.perf_counter()
        while now < end:
            response = await one(client, number)
            assert response.status == 200, (response, bytes(response.body[:500]))
            before, now = now, time.perf_counter()
            latencies.append(now - before)
            number += clients

    await asyncio.gather(*[work(number) for number in range(clients)])
    return len(latencies) / (time.perf_counter() - begun), latencies


async def fill(stage: Stage) -> None:
    """Write what will be read."""
    data = os.urandom(SIZE)
    numbers = iter(range(KEYS))

    async def work() -> None:
        for number in numbers:
            assert (await stage.client.put(BUCKET, f"get/{number}", data)).status == 200

    await asyncio.gather(*[work() for _ in range(64)])
