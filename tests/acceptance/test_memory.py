"""A gateway stays small, however large the objects and however slow the clients (acceptance 8)."""

import asyncio
from collections.abc import AsyncIterator
from itertools import cycle, islice

import pytest
from awscrt import checksums
from scene import BUCKET, CLOCK, Scene

from outlast.base.limits import GIB, MIB
from outlast.testing.s3_client import S3Client
from outlast.testing.workload import content_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("survival")]

RSS_BYTES_MAX = 300 * MIB
LARGE = 5 * GIB
SLOW, SLOW_CLIENTS = 64 * MIB, 8
PAUSE_S = 0.2
"""A slow client rests so long after each MiB: about 5 MiB a second."""

PIECES = [content_of(f"piece {number}", MIB) for number in range(7)]
"""Repeated, so that no two stripes side by side are the same."""


async def content(size: int, pause_s: float = 0.0) -> AsyncIterator[bytes]:
    for piece in islice(cycle(PIECES), size // MIB):
        yield piece
        if pause_s:
            await CLOCK.sleep(pause_s)


def crc_of(size: int) -> int:
    crc = 0
    for piece in islice(cycle(PIECES), size // MIB):
        crc = checksums.crc32c(piece, crc)
    return crc


async def put(client: S3Client, key: str, size: int, pause_s: float = 0.0) -> None:
    response = await client.put(BUCKET, key, content(size, pause_s), length=size)
    assert response.status == 200, response


async def get(client: S3Client, key: str, pause_s: float = 0.0) -> tuple[int, int]:
    """The size and the CRC32C of what came."""
    size, crc = 0, 0

    def take(piece: memoryview) -> float:
        nonlocal size, crc
        size += len(piece)
        crc = checksums.crc32c(bytes(piece), crc)
        return pause_s * len(piece) / MIB

    response = await client.get(BUCKET, key, sink=take)
    assert response.status == 200, response
    return size, crc


async def test_objects_of_5_gib_and_slow_clients_do_not_make_a_gateway_large(scene: Scene) -> None:
    gateway = await scene.serve()
    client = await scene.client(gateway, timeout_s=600)
    rss = {"ready": gateway.rss_bytes_max()}
    await put(client, "large", LARGE)
    rss["put"] = gateway.rss_bytes_max()
    assert await get(client, "large") == (LARGE, crc_of(LARGE))
    rss["get"] = gateway.rss_bytes_max()

    keys = [f"slow/{number}" for number in range(SLOW_CLIENTS)]
    await asyncio.gather(*[put(client, key, SLOW, PAUSE_S) for key in keys])
    rss["slow put"] = gateway.rss_bytes_max()
    seen = await asyncio.gather(*[get(client, key, PAUSE_S) for key in keys])
    assert set(seen) == {(SLOW, crc_of(SLOW))}
    rss["slow get"] = gateway.rss_bytes_max()

    print("most memory in MiB, up to the end of: " + ", ".join(f"{w} {b >> 20}" for w, b in rss.items()))
    assert rss["slow get"] < RSS_BYTES_MAX
