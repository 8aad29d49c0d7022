"""The disk provider's threads: bounded, and never waited for."""

import asyncio
import threading
import weakref

import pytest

from outlast.providers.disk.lane import Lane, Saturated


async def test_results_and_errors_come_back() -> None:
    lane = Lane("lane", 2, 10)
    assert await lane.run(int, "12") == 12
    with pytest.raises(ValueError, match="twelve"):
        await lane.run(int, "twelve")
    lane.close()


async def test_calls_run_beside_each_other_up_to_the_number_of_threads() -> None:
    lane = Lane("lane", 3, 10)
    together = threading.Barrier(3, timeout=10)
    assert sorted(await asyncio.gather(*(lane.run(together.wait) for _ in range(3)))) == [0, 1, 2]
    lane.close()


async def test_when_enough_wait_the_next_is_refused_at_once_and_later_ones_are_taken_again() -> None:
    lane = Lane("lane", 1, 2)
    running, go_on = threading.Event(), threading.Event()

    def block() -> None:
        running.set()
        assert go_on.wait(10)

    calls = [lane.run(block)]
    await asyncio.to_thread(running.wait, 10)
    calls += [lane.run(block), lane.run(block)]
    with pytest.raises(Saturated):
        lane.run(block)
    go_on.set()
    await asyncio.gather(*calls)
    await lane.run(block)
    lane.close()


async def test_a_call_given_up_before_it_began_is_not_made() -> None:
    lane = Lane("lane", 1, 10)
    running, go_on, made = threading.Event(), threading.Event(), []

    def block() -> None:
        running.set()
        assert go_on.wait(10)

    first = lane.run(block)
    await asyncio.to_thread(running.wait, 10)
    given_up = lane.run(made.append, 1)
    given_up.cancel()
    last = lane.run(made.append, 2)
    go_on.set()
    await asyncio.gather(first, last)
    assert made == [2]
    lane.close()


async def test_a_call_given_up_keeps_nothing_alive_though_all_threads_hang() -> None:
    class Large(list[int]):
        """What can be referred to weakly."""

    lane = Lane("lane", 1, 10)
    running, go_on = threading.Event(), threading.Event()

    def block() -> None:
        running.set()
        assert go_on.wait(10)

    first = lane.run(block)
    await asyncio.to_thread(running.wait, 10)
    large = Large([1])
    there = weakref.ref(large)
    given_up = lane.run(len, large)
    del large
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    assert there() is None
    go_on.set()
    await first
    lane.close()


async def test_a_call_given_up_while_it_runs_is_done_all_the_same() -> None:
    lane = Lane("lane", 1, 10)
    running, go_on, made = threading.Event(), threading.Event(), []

    def work() -> None:
        running.set()
        assert go_on.wait(10)
        made.append(1)

    call = lane.run(work)
    await asyncio.to_thread(running.wait, 10)
    call.cancel()
    go_on.set()
    await lane.run(made.append, 2)
    assert made == [1, 2]
    lane.close()


def test_a_call_that_ends_after_its_loop_has_closed_harms_nobody() -> None:
    lane = Lane("lane", 1, 10)
    running, go_on = threading.Event(), threading.Event()

    def work() -> None:
        running.set()
        assert go_on.wait(10)

    async def leave() -> None:
        lane.run(work)
        assert running.wait(10)

    asyncio.run(leave())
    go_on.set()

    async def again() -> None:
        assert await lane.run(int, "1") == 1

    asyncio.run(again())
    lane.close()


async def test_threads_end_when_the_lane_is_closed() -> None:
    lane = Lane("ending", 3, 10)
    await lane.run(int)
    mine = [thread for thread in threading.enumerate() if thread.name.startswith("ending-")]
    assert len(mine) == 3
    lane.close()
    lane.close()
    for thread in mine:
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive()


async def test_buffers_are_let_go_of_when_a_call_has_ended() -> None:
    import gc
    import weakref

    class Buffer(bytearray): ...

    lane = Lane("lane", 1, 10)
    buffer = Buffer(b"x")
    gone = weakref.ref(buffer)
    await lane.run(len, buffer)
    del buffer
    await lane.run(int)
    gc.collect()
    assert gone() is None
    lane.close()
