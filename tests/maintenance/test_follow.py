"""An idle gateway hears what is new."""

import asyncio

import pytest

from outlast.base.clock import unix_ms
from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import LocalStateCorrupt, StoreUnavailable
from outlast.catalog.records import DrillSet
from outlast.maintenance.collect import CollectReport, collect, grace_s_default
from outlast.maintenance.follow import follow, period_s
from outlast.providers.wrap.fault import Shape
from outlast.testing.memory_store import World
from outlast.testing.simulation import Simulation, simulate, simulated


@simulated()
async def test_an_idle_gateway_hears_of_a_drill_also_after_the_store_was_away(sim: Simulation) -> None:
    world = World(clock=sim.clock, entropy=sim.entropy)
    await world.create()
    busy, idle = await world.gateway(), await world.gateway()
    following = asyncio.ensure_future(follow(idle.store, sim.clock))
    for name in ("p0", "p1"):
        world.faults[name].shape = Shape.REFUSE
    await sim.clock.sleep(10 * period_s)
    for name in ("p0", "p1"):
        world.faults[name].shape = None
    await sim.clock.sleep(10 * period_s)
    assert not idle.drilled["p2"].faults
    await busy.catalog.commit(DrillSet("p2", "hang", unix_ms(sim.clock) + 60_000))
    await sim.clock.sleep(period_s + 1)
    assert idle.drilled["p2"].shape is Shape.HANG
    await cancel_and_wait([following])
    await world.close()


@simulated()
async def test_an_idle_gateway_soon_knows_that_the_store_is_back_however_seldom_it_asks(
    sim: Simulation,
) -> None:
    world = World(clock=sim.clock, entropy=sim.entropy, quiet_period_s=300.0)
    await world.create()
    store = (await world.gateway()).store
    following = asyncio.ensure_future(follow(store, sim.clock))
    assert not store.why_not_ready()
    for name in ("p0", "p1"):
        world.faults[name].shape = Shape.REFUSE
    with pytest.raises(StoreUnavailable):
        await store.catalog.sync()
    assert "p0" in store.why_not_ready()
    await sim.clock.sleep(400)
    for name in ("p0", "p1"):
        world.faults[name].shape = None
    await sim.clock.sleep(15)
    assert not store.why_not_ready()
    await cancel_and_wait([following])
    await world.close()


@simulated()
async def test_following_goes_on_after_the_local_catalog_could_not_be_read(sim: Simulation) -> None:
    """As while it is built anew."""
    world = World(clock=sim.clock, entropy=sim.entropy)
    await world.create()
    busy, idle = await world.gateway(), await world.gateway()
    following = asyncio.ensure_future(follow(idle.store, sim.clock))
    idle.state._damage = LocalStateCorrupt("damaged")
    await sim.clock.sleep(10 * period_s)
    idle.state._damage = None
    assert not following.done()
    await busy.store.create_bucket("bucket")
    await sim.clock.sleep(period_s + 1)
    assert idle.state.bucket("bucket") is not None
    await cancel_and_wait([following])
    await world.close()


def test_a_gateway_that_follows_for_the_grace_lets_a_command_collect() -> None:
    async def main(sim: Simulation) -> None:
        world = World(clock=sim.clock, entropy=sim.entropy)
        await world.create()
        gateway = await world.gateway()
        following = asyncio.ensure_future(follow(gateway.store, sim.clock))
        await gateway.store.create_bucket("bucket")
        await gateway.store.put("bucket", "k", bytes(300_000))
        await gateway.store.delete("bucket", "k")
        slot = gateway.state.position.slot
        await sim.clock.sleep(1.2 * grace_s_default)
        assert gateway.state.position.slot == slot + 1, "it says so once"
        command = await world.gateway()
        assert await collect(command.store) == CollectReport(extents=1)
        await cancel_and_wait([following])
        await world.close()

    simulate(1, main)
