"""Objects of 5 GiB, and clients that take their time, do not make a gateway large."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from awscrt import checksums
from live import BUCKET, Live

from outlast.base.limits import GIB, MIB
from outlast.testing.s3_client import NoAnswer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("survival")]

SIZE = 5 * GIB
SLOW = 4
"""So many slow readers, and as many slow writers, at once."""

RSS_BYTES_MAX = 300 * MIB
PIECE = bytes(range(256)) * 4096


async def pieces(size: int, pause_s: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(size // len(PIECE)):
        yield PIECE
        if pause_s:
            await asyncio.sleep(pause_s)


async def test_a_gateway_stays_small(live: Live) -> None:
    gateway = await live.serve()
    client = await live.client(gateway, timeout_s=900)
    response = await client.put(BUCKET, "large", pieces(SIZE), length=SIZE)
    assert response.status == 200, response
    after_put = gateway.rss_bytes_max()

    seen, crc = 0, 0

    def take(piece: memoryview) -> None:
        nonlocal seen, crc
        seen += len(piece)
        crc = checksums.crc32c(bytes(piece), crc)

    assert (await client.get(BUCKET, "large", sink=take)).status == 200
    expected = 0
    for _ in range(SIZE // len(PIECE)):
        expected = checksums.crc32c(PIECE, expected)
    assert (seen, crc) == (SIZE, expected)
    after_get = gateway.rss_bytes_max()

    slow = await live.client(gateway, timeout_s=20)
    readers = [slow.get(BUCKET, "large", sink=lambda piece: 0.1) for _ in range(SLOW)]
    writers = [slow.put(BUCKET, f"slow/{n}", pieces(SIZE, 0.1), length=SIZE) for n in range(SLOW)]
    ended = await asyncio.gather(*readers, *writers, return_exceptions=True)
    assert all(isinstance(answer, NoAnswer) for answer in ended), ended
    after_slow = gateway.rss_bytes_max()
    print(f"RSS in MiB: put {after_put >> 20}, get {after_get >> 20}, slow clients {after_slow >> 20}")
    assert after_slow < RSS_BYTES_MAX
    assert (await client.head(BUCKET, "large")).status == 200
