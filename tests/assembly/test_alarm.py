"""What the log is told of the providers' troubles: each once, and nothing that the catalog explains."""

from collections.abc import Awaitable, Callable

from structlog.testing import capture_logs

from outlast.assembly.alarm import look_s, watched
from outlast.base.clock import unix_ms
from outlast.catalog.records import DrillSet
from outlast.maintenance.repair import repair
from outlast.providers.marker import MARKER_KEY
from outlast.providers.wrap.fault import Shape
from outlast.testing.memory_store import World
from outlast.testing.simulation import Simulation, simulate


def said(main: Callable[[Simulation, World], Awaitable[None]]) -> list[tuple[str, str, str]]:
    """(event, provider, kind) of each line that the second of two gateways logs meanwhile."""

    async def begin(sim: Simulation) -> None:
        world = World(clock=sim.clock, entropy=sim.entropy)
        await world.create()
        await world.gateway()
        second = await world.gateway()
        async with watched(second.store):
            await main(sim, world)
        await world.close()

    with capture_logs() as lines:
        simulate(1, begin)
    return [(line["event"], line["provider"], line["kind"]) for line in lines]


def test_a_trouble_is_told_when_it_begins_and_when_it_is_over() -> None:
    async def main(sim: Simulation, world: World) -> None:
        world.faults["p1"].shape = Shape.REFUSE
        await sim.clock.sleep(20)
        world.faults["p1"].shape = None
        await sim.clock.sleep(20)

    assert said(main) == [("provider in trouble", "p1", "refused"), ("trouble is over", "p1", "refused")]


def test_a_provider_that_was_taken_back_is_not_called_an_old_copy() -> None:
    """The other gateway hears of it by the marker first: this one has nothing to do, and looks seldom."""

    async def main(sim: Simulation, world: World) -> None:
        store = world.gateways[0].store
        await world.memories["p1"].delete(MARKER_KEY)
        await sim.clock.sleep(10)
        report = await repair(store)
        assert report.reattached == ["p1"]
        for _ in range(100):
            await sim.clock.sleep(look_s / 10)
        assert world.gateways[1].guards["p1"].health.available

    assert said(main) == [("provider in trouble", "p1", "emptied"), ("trouble is over", "p1", "emptied")]


def test_an_old_copy_is_told() -> None:
    async def main(sim: Simulation, world: World) -> None:
        memory = world.memories["p1"]
        old = await memory.get(MARKER_KEY)
        await memory.delete(MARKER_KEY)
        await sim.clock.sleep(10)
        await repair(world.gateways[0].store)
        await sim.clock.sleep(10)
        await memory.put(MARKER_KEY, old)
        await sim.clock.sleep(20)

    assert ("provider in trouble", "p1", "old-copy") in said(main)


def test_a_drill_is_told_as_a_drill_and_nothing_else() -> None:
    """In whatever way a provider is made to fail, nobody is to look for a fault."""
    for shape in Shape:

        async def main(sim: Simulation, world: World, shape: Shape = shape) -> None:
            store, other = world.gateways[0].store, world.gateways[1].store
            await store.create_bucket("bucket")
            until = unix_ms(sim.clock) + 60_000
            await store.catalog.commit(DrillSet("p1", shape, until, by="me@home"))
            for number in range(15):
                await other.put("bucket", str(number), bytes(300_000))
                async with other.get("bucket", str(number)) as reading:
                    await reading.read()
                await sim.clock.sleep(1)
            (found,) = world.gateways[1].guards["p1"].troubles()
            assert "drill" in found.what and "UTC, ordered by me@home" in found.what
            assert found.remedy.endswith("outlast drill --stop p1")
            await sim.clock.sleep(60)

        events = said(main)
        assert events == [("provider in trouble", "p1", "drill"), ("trouble is over", "p1", "drill")], shape
