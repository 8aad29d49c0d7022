"""Opening and closing a store."""

import asyncio

import pytest

from outlast.base.errors import StoreCorrupt
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
