"""Bounded work at once; what runs in the background does not end silently."""

import asyncio

import pytest

from outlast.base.concurrency import again_after_s, cancel_and_wait, gather_bounded, run_again
from outlast.testing.simulation import Simulation, simulate


def test_work_that_fails_unexpectedly_is_reported_and_begins_anew() -> None:
    async def main(sim: Simulation) -> None:
        begun: list[float] = []
        heard: list[BaseException] = []

        async def work() -> None:
            begun.append(sim.clock.monotonic())
            await sim.clock.sleep(1)
            if len(begun) < 3:
                raise KeyError(len(begun))
            await asyncio.Event().wait()

        task = asyncio.ensure_future(run_again(work, heard.append, sim.clock.sleep))
        await sim.clock.sleep(100)
        await cancel_and_wait([task])
        assert begun == [0, 1 + again_after_s, 2 + 2 * again_after_s]
        assert [type(error) for error in heard] == [KeyError, KeyError]
        assert task.cancelled()

    simulate(1, main)


def test_no_more_is_done_at_once_than_was_said_and_the_results_are_in_order() -> None:
    async def main(sim: Simulation) -> None:
        running = most = 0

        async def double(number: int) -> int:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await sim.clock.sleep(10 - number)
            running -= 1
            return 2 * number

        assert await gather_bounded(double, range(10), 3) == list(range(0, 20, 2))
        assert most == 3

    simulate(1, main)


def test_the_first_error_ends_the_rest_of_the_work() -> None:
    async def main(sim: Simulation) -> None:
        begun: list[int] = []
        canceled: list[int] = []

        async def work(number: int) -> None:
            begun.append(number)
            try:
                await sim.clock.sleep(1 + number)
            except asyncio.CancelledError:
                canceled.append(number)
                raise
            raise KeyError(number)

        with pytest.raises(KeyError, match="0"):
            await gather_bounded(work, range(10), 3)
        assert sim.clock.monotonic() == 1
        assert begun[:3] == [0, 1, 2]
        assert canceled == begun[1:]

    simulate(1, main)
