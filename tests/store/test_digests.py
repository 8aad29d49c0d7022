"""Every digest sees every byte once and in order, whatever the sizes; failures come out."""

import asyncio
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.store.digests import Digests, backlog_bytes_max

KIB = 1 << 10


class Recorder:
    def __init__(self) -> None:
        self.seen = bytearray()

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        self.seen += data


class Failing:
    def update(self, data: object, /) -> None:
        raise ValueError("cannot")


@settings(max_examples=40)
@given(st.lists(st.sampled_from([1, 100, 100 * KIB, 200 * KIB, 3000 * KIB]), max_size=8), st.booleans())
def test_all_bytes_in_order(sizes: list[int], memory: bool) -> None:
    async def main() -> None:
        recorder = Recorder()
        digests = Digests((recorder,))
        data = b"".join(bytes([n % 251]) * size for n, size in enumerate(sizes))
        at = 0
        for size in sizes:
            piece = data[at : at + size]
            digests.feed(memoryview(piece) if memory else piece)
            await digests.wait_room()
            at += size
            await digests.wait_hashed(at // 2)
            assert len(recorder.seen) >= at // 2
        assert await digests.finish() == hashlib.md5(data).digest()
        assert recorder.seen == data
        assert digests.fed == len(data)

    asyncio.run(main())


async def test_what_waits_is_bounded() -> None:
    digests = Digests(())
    most = 0
    for _ in range(40):
        digests.feed(bytes(1 << 20))
        await digests.wait_room()
        most = max(most, digests._backlog)
    assert most <= backlog_bytes_max
    await digests.finish()


@pytest.mark.parametrize("size", [10, 1 << 20])
async def test_what_a_digest_raises_comes_out(size: int) -> None:
    digests = Digests((Failing(),))
    with pytest.raises(ValueError, match="cannot"):
        digests.feed(bytes(size))
        await digests.finish()
    await digests.cancel()


async def test_a_failure_ends_waiting_for_room() -> None:
    digests = Digests((Failing(),))
    with pytest.raises(ValueError, match="cannot"):
        for _ in range(100):
            digests.feed(bytes(1 << 20))
            await digests.wait_room()
    await digests.cancel()


async def test_cancelling_leaves_no_task() -> None:
    digests = Digests(())
    digests.feed(bytes(8 << 20))
    await asyncio.sleep(0)
    await digests.cancel()
    assert asyncio.all_tasks() == {asyncio.current_task()}
