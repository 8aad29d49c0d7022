"""The memory of all readers: bounded, and nobody keeps from others what its consumer does not take."""

import asyncio
import gc
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_worlds import Far, content, in_far_store

from outlast.base import limits
from outlast.base.clock import SystemClock
from outlast.base.entropy import SeededEntropy
from outlast.base.errors import StoreBusy
from outlast.store.read_memory import ReadMemory, slow_part_max, stripe_s_max
from outlast.store.reading import Reading
from outlast.store.windows import Window
from outlast.testing.network import Weather

STRIPE = limits.stripe_bytes // 64
WINDOW = limits.read_window_bytes // 64
EXTENT = limits.extent_bytes_max // 64

pytestmark = pytest.mark.usefixtures("small_sizes")


def set_memory(far: Far, stripes: int) -> ReadMemory:
    """Give the readers a memory of so many stripes."""
    memory = far.store.reader.memory = ReadMemory(stripes * STRIPE, far.world.clock)
    return memory


async def read(far: Far) -> float:
    """Read all of it as fast as it comes; the seconds that it took."""
    began = far.world.clock.monotonic()
    assert await (await far.store.get("bucket", "k")).read() == content(4 * EXTENT)
    return far.world.clock.monotonic() - began


async def consume(far: Far, rest_s: float, span: tuple[int, int] | None = None) -> bytes:
    """Read it piece by piece, resting after each."""
    got = bytearray()
    async with far.store.get("bucket", "k", span) as reading:
        async for piece in reading:
            await far.settle(rest_s)
            got += piece
            del piece
            assert far.store.reader.memory.used <= far.store.reader.memory.total
    return bytes(got)


@pytest.mark.slow
@pytest.mark.parametrize("readers", [8, 50])
@pytest.mark.parametrize("rest_s", [0.3, 20.0])
def test_slow_clients_do_not_make_others_slow(readers: int, rest_s: float) -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(4 * EXTENT))
        for _ in range(20):
            await read(far)
        alone = max([await read(far) for _ in range(5)])
        slow = [asyncio.ensure_future(consume(far, rest_s)) for _ in range(readers)]
        await far.settle(3)
        assert await read(far) < stripe_s_max, "this one has to take the memory from them"
        for _ in range(5):
            await far.settle(0.37)
            assert await read(far) < 2 * alone
        for task in slow:
            task.cancel()
        await asyncio.wait(slow)
        assert far.store.reader.memory.used == 0

    in_far_store(test)


def test_clients_that_stall_at_once_leave_half_of_the_memory_to_others() -> None:
    """They look like fast ones until they stall, and never take another byte."""

    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(4 * EXTENT))
        alone = await read(far)
        stalled = [asyncio.ensure_future(consume(far, 10_000)) for _ in range(150)]
        assert await read(far) < 2 * stripe_s_max
        await far.settle(2)  # until all of them have been found to be slow
        assert await read(far) < 2 * alone
        memory = far.store.reader.memory
        assert memory._lent <= memory.total // 2
        for task in stalled:
            task.cancel()
        await asyncio.wait(stalled)
        assert (memory.used, memory._lent) == (0, 0)

    in_far_store(test)


def test_many_slow_clients_take_turns_and_all_come_to_their_end() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(EXTENT // 2))
        memory = set_memory(far, 8)
        for got in await asyncio.gather(*(consume(far, 1.5 + 0.01 * n) for n in range(40))):
            assert got == content(EXTENT // 2)
        assert memory.used == 0

    in_far_store(test)


def test_a_slow_client_is_not_kept_waiting_by_others_that_have_stalled() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(4 * EXTENT))
        memory = set_memory(far, 8)
        slow = asyncio.ensure_future(consume(far, 1.5, (0, 20 * STRIPE)))
        await far.settle(5)
        stalled = [asyncio.ensure_future(consume(far, 10_000)) for _ in range(30)]
        await far.settle(30)
        assert memory._slow_bytes() <= slow_part_max * memory.total
        assert await slow == content(4 * EXTENT)[: 20 * STRIPE]
        for task in stalled:
            task.cancel()
        await asyncio.wait(stalled)

    in_far_store(test)


class Stripe(bytes):
    """A stripe of which it can be seen whether anybody has it."""


def test_a_reader_that_waits_keeps_nothing_of_what_it_has_read() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(4 * EXTENT))
        memory = set_memory(far, 4)
        alive: list[weakref.ref[Stripe]] = []
        fetch = far.store.reader.fetch

        async def watched(window: Window) -> list[memoryview]:
            stripes = [Stripe(chunk) for chunk in await fetch(window)]
            alive.extend(map(weakref.ref, stripes))
            return [memoryview(stripe) for stripe in stripes]

        far.store.reader.fetch = watched  # type: ignore[method-assign]
        most = 0

        async def consume_and_drop() -> None:
            async with far.store.get("bucket", "k") as reading:
                async for piece in reading:
                    await far.settle(0.01)
                    del piece

        readers = [asyncio.ensure_future(consume_and_drop()) for _ in range(20)]
        waited = False
        for _ in range(100):
            await far.settle(0.005)
            waited = waited or bool(memory._fast or memory._slow)
            most = max(most, sum(ref() is not None for ref in alive))
        assert waited
        assert most <= memory.total // STRIPE + 1
        for task in readers:
            task.cancel()
        await asyncio.wait(readers)

    in_far_store(test)


def test_a_slow_client_holds_a_stripe_and_no_more() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(4 * EXTENT))
        task = asyncio.ensure_future(consume(far, 2.0))
        await far.settle(2.0 * (3 * WINDOW // STRIPE + 1))  # what was fetched before it was known to be slow
        for _ in range(10):
            await far.settle(1.7)
            assert far.store.reader.memory.used <= STRIPE
        task.cancel()
        await asyncio.wait((task,))

    in_far_store(test)


def test_a_reading_that_nobody_closes_is_no_loss_to_others() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(4 * EXTENT))
        kept: list[Reading] = []
        for _ in range(30):
            kept.append(await far.store.get("bucket", "k"))
            await far.settle(0.2)
        assert await read(far) < 0.2
        for reading in kept[:3]:
            assert await reading.read() == content(4 * EXTENT), "what was dropped is fetched again"
        kept.clear()
        del reading
        gc.collect()
        await far.settle(1)
        assert far.store.reader.memory.used == 0

    in_far_store(test)


def test_a_new_reader_gets_its_share_of_what_busy_ones_hold() -> None:
    async def test(far: Far) -> None:
        for link in far.links:
            link.weather = Weather(delay_s=(0.04, 0.04))  # far: one reader takes half of the memory
        await far.store.put("bucket", "k", content(30 * EXTENT))
        memory = far.store.reader.memory
        readers = [asyncio.ensure_future(consume(far, 0.001)) for _ in range(2)]
        await far.settle(1)
        assert memory.used > 3 * memory.total // 4
        began = far.world.clock.monotonic()
        async with far.store.get("bucket", "k") as reading:
            assert far.world.clock.monotonic() - began < 0.35, "as long as the question and the fetch take"
            async for _ in reading:
                assert memory.used <= memory.total
        for task in readers:
            task.cancel()
        await asyncio.wait(readers)

    in_far_store(test)


class Greedy:
    """A holder that never gives way."""

    held = 0
    slow = False
    stripe_since = None

    def spare(self, keep: int) -> None:
        pass  # it has nothing to spare


def test_who_finds_no_memory_in_time_is_told_that_the_store_is_busy() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(4 * EXTENT))
        memory = set_memory(far, 1)
        greedy = Greedy()
        assert memory.take_now(greedy, STRIPE)
        began = far.world.clock.monotonic()
        with pytest.raises(StoreBusy):
            await far.store.get("bucket", "k")
        assert far.world.clock.monotonic() - began == pytest.approx(limits.request_wait_s_max, abs=0.1)
        waiting = asyncio.ensure_future(read(far))
        await far.settle(1)
        memory.give_back(greedy, STRIPE)
        await waiting
        assert memory.used == 0

    in_far_store(test)


async def test_a_wait_that_is_cancelled_in_the_moment_of_its_turn_takes_nothing() -> None:
    memory = ReadMemory(10, SystemClock())
    first, second, third = Greedy(), Greedy(), Greedy()
    assert memory.take_now(first, 10)
    waiting = [asyncio.ensure_future(memory.take(one, 10)) for one in (second, third)]
    await asyncio.sleep(0)
    memory.give_back(first, 10)
    waiting[0].cancel()
    await asyncio.wait(waiting)
    assert (second.held, third.held, memory.used) == (0, 10, 10)


@settings(max_examples=10)
@given(st.integers(0, 1 << 32), st.integers(1, 12))
def test_each_reader_gets_its_bytes_whatever_is_dropped_meanwhile(seed: int, stripes: int) -> None:
    async def test(far: Far) -> None:
        chance = SeededEntropy(seed)
        size = EXTENT + 12_345
        await far.store.put("bucket", "k", content(size))
        memory = set_memory(far, stripes)

        async def go() -> None:
            low, high = sorted(int(chance.uniform(0, size)) for _ in range(2))
            rest_s = chance.uniform(0, 1) ** 4 * 3
            if chance.uniform(0, 1) < 0.2:
                task = asyncio.ensure_future(consume(far, rest_s, (low, high)))
                await far.settle(chance.uniform(0, 2))
                task.cancel()
                await asyncio.wait((task,))
            else:
                assert await consume(far, rest_s, (low, high)) == content(size)[low:high]

        await asyncio.gather(*(go() for _ in range(8)))
        assert (memory.used, memory._lent, memory._holders) == (0, 0, {})
        assert not memory._fast and not memory._slow

    in_far_store(test)
