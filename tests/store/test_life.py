"""Opening and closing a store."""

import asyncio

import pytest
from store_worlds import Far, in_far_store

from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import ProviderError, StoreCorrupt
from outlast.providers.wrap.fault import Shape
from outlast.testing.memory_store import Gateway, World
from outlast.testing.simulation import Simulation, simulated


@pytest.mark.parametrize("failure", [StoreCorrupt("forked"), asyncio.CancelledError()])
@simulated()
async def test_an_opening_that_does_not_succeed_leaves_nothing_running(
    sim: Simulation, failure: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(clock=sim.clock, entropy=sim.entropy)
    await world.create()
    gateway = Gateway(world)
    running = asyncio.all_tasks()

    async def fails() -> None:
        await sim.clock.sleep(1)
        raise failure

    monkeypatch.setattr(gateway.catalog, "sync", fails)
    with pytest.raises(type(failure)):
        await gateway.store.open()
    assert asyncio.all_tasks() == running
    await world.close()


def test_a_bug_in_a_providers_watch_is_reported_and_the_provider_is_taken_back_all_the_same() -> None:
    async def test(far: Far) -> None:
        heard: list[BaseException] = []
        await cancel_and_wait(far.store.fleet._watches)
        far.store.fleet.open(heard.append)
        guard = far.store.fleet["p0"]
        far.faults["p0"].shape = Shape.HANG
        with pytest.raises(ProviderError):
            await guard.get("x/00/00.00")
        await far.settle(20)
        assert not guard.health.available
        check, guard.check = guard.check, broken
        await far.settle(60)
        assert {type(error) for error in heard} == {KeyError}
        guard.check = check
        far.faults["p0"].shape = None
        await far.settle(120)
        assert guard.health.available

    in_far_store(test)


async def broken() -> None:
    raise KeyError
