"""64 MiB objects, one client: PUT beside the disks, GET beside the echo."""

import os
import time

from bench.limits import fragments_s
from bench.measurement import Measurement, rate
from bench.stage import BUCKET, Stage
from outlast.testing.s3_client import Payload, Response, S3Client

SIZE = 64 << 20
EXTENT = 16 << 20
ROUNDS = 7
MB = 1e6


async def measure(stage: Stage) -> list[Measurement]:
    """PUT with and without the body's hash in the signature, then GET."""
    data = os.urandom(SIZE)
    return [
        await put(stage, data, "unsigned"),
        await put(stage, data, "signed"),
        await get(stage, data),
    ]


async def put(stage: Stage, data: bytes, payload: Payload) -> Measurement:
    """Each PUT is preceded by the same fragments written by threads alone."""
    values, limits = [], []
    cpu_s = 0.0
    for number in range(ROUNDS + 1):
        limit_s = fragments_s(stage.disks, SIZE // EXTENT, EXTENT // 2)
        begun, cpu = time.perf_counter(), stage.gateway.cpu_s()
        check(await stage.client.put(BUCKET, f"large/{number % 2}", data, payload=payload))
        taken = time.perf_counter() - begun
        if number:  # the first is to get warm
            limits.append(SIZE / MB / limit_s)
            values.append(SIZE / MB / taken)
            cpu_s += stage.gateway.cpu_s() - cpu
    name = stage.named("64 MiB PUT" if payload == "unsigned" else "64 MiB PUT, body signed")
    note = f"gateway {cpu_s / ROUNDS * 1000:.0f} ms CPU each"
    return rate(name, "MB/s", values, limits, "the same fragments, fsynced", note)


async def get(stage: Stage, data: bytes) -> Measurement:
    """Each GET is preceded by as many bytes from the echo server."""
    values, limits = [], []
    cpu_s = 0.0
    assert check(await stage.client.get(BUCKET, "large/0")).body == data
    for _ in range(ROUNDS):
        limit_s = await timed(stage.echo, f"/{SIZE}")
        cpu = stage.gateway.cpu_s()
        taken = await timed(stage.client, f"/{BUCKET}/large/0")
        cpu_s += stage.gateway.cpu_s() - cpu
        limits.append(SIZE / MB / limit_s)
        values.append(SIZE / MB / taken)
    note = f"gateway {cpu_s / ROUNDS * 1000:.0f} ms CPU each"
    return rate(stage.named("64 MiB GET"), "MB/s", values, limits, "the same bytes from bare aiohttp", note)


async def timed(client: S3Client, path: str) -> float:
    """Seconds for one GET; its bytes are counted and dropped."""
    taken = 0

    def count(piece: memoryview) -> None:
        nonlocal taken
        taken += len(piece)

    begun = time.perf_counter()
    check(await client.request("GET", path, sink=count))
    seconds = time.perf_counter() - begun
    assert taken == SIZE
    return seconds


def check(response: Response) -> Response:
    """The response, which must be a success."""
    assert response.status == 200, (response, bytes(response.body[:500]))
    return response
