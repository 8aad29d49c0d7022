"""How long a voter is waited for, and which comes first."""

import asyncio

import pytest

from outlast.base import limits
from outlast.base.concurrency import cancel_and_wait
from outlast.catalog.records import BucketCreated, BucketDeleted
from outlast.providers.wrap.fault import Fault, Shape
from outlast.quorum.patience import PATIENCE_S_MIN, Patience
from outlast.testing.memory_store import Gateway, World
from outlast.testing.simulation import Simulation, simulate


def test_a_voter_that_nobody_knows_is_waited_for() -> None:
    assert Patience().patience_s == limits.log_operation_s_max


def test_one_that_is_always_slow_is_waited_for_and_one_that_is_slow_now_is_not() -> None:
    slow, quick = Patience(), Patience()
    for _ in range(30):
        slow.answered(1.0)
        quick.answered(0.01)
    assert slow.patience_s == pytest.approx(4.0, rel=0.01)
    assert quick.patience_s == PATIENCE_S_MIN


def test_one_that_misses_comes_after_one_that_answers() -> None:
    flaky, slow = Patience(), Patience()
    for _ in range(30):
        slow.answered(1.0)
        flaky.answered(0.01)
    assert flaky.lately_s < slow.lately_s
    flaky.missed()
    flaky.missed()
    assert flaky.lately_s > slow.lately_s
    assert flaky.patience_s == PATIENCE_S_MIN


@pytest.mark.parametrize("flaky", ["p0", "p1", "p2"])
def test_a_gateway_catches_up_while_a_voter_hangs_now_and_then_and_another_writes_on(flaky: str) -> None:
    """It must not wait for the flaky one so long that there is always more to catch up with."""

    async def main(sim: Simulation) -> None:
        world = World(clock=sim.clock, entropy=sim.entropy)
        await world.create()
        writing = await world.gateway()

        async def write() -> None:
            while True:
                await writing.catalog.commit(BucketCreated("some-bucket", 1))
                await writing.catalog.commit(BucketDeleted("some-bucket"))
                await sim.clock.sleep(0.2)

        task = asyncio.ensure_future(write())
        await sim.clock.sleep(10)
        reading = Gateway(world)
        await reading.store.open()
        for gateway in (writing, reading):
            gateway.drilled[flaky].fail_until([Fault(Shape.HANG, 0.4)], sim.clock.monotonic() + 300)
        slowest = 0.0
        for _ in range(40):
            await sim.clock.sleep(1)
            began = sim.clock.monotonic()
            await reading.catalog.sync()
            slowest = max(slowest, sim.clock.monotonic() - began)
        assert slowest < limits.request_wait_s_max / 2
        await cancel_and_wait([task])
        await reading.store.close()
        await world.close()

    simulate(3, main)
