"""What runs in the background does not end silently."""

import asyncio

from outlast.base.concurrency import again_after_s, cancel_and_wait, run_again
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
