"""A place that stands in for a provider while a fragment is put takes it along, and that is noticed.

The marker is the same before and after, so that it alone shows nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from store_worlds import content

from outlast.base.errors import NotFound, Unavailable
from outlast.catalog.records import Extent, FragmentsLost
from outlast.coding.extent import FRAGMENTS_PREFIX, fragment_key
from outlast.placement.members import Policy
from outlast.providers.marker import Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Data
from outlast.store.proof import prove, prove_at_once, prove_content
from outlast.testing.memory_store import World, memory_store
from outlast.testing.simulation import Simulation, simulate

SIZE = 100_000
KEY = f"{FRAGMENTS_PREFIX}ab/fragment"

pytestmark = pytest.mark.usefixtures("small_sizes")


class Swapped(MemoryProvider):
    """On a network. Another place takes the next `stand_ins` puts of fragments, each after `late_s`."""

    stand_ins = 0
    late_s = 0.0

    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        if key.startswith(FRAGMENTS_PREFIX) and self.stand_ins:
            self.stand_ins -= 1
            await asyncio.sleep(self.late_s)
        else:
            await super().put(key, data, under)

    def holds(self, extent: Extent) -> bool:
        index = extent.places.index(self.name)
        return fragment_key(extent.id, index) in self._objects


def in_swapped_store(
    test: Callable[[World, list[Swapped]], Awaitable[None]], policy: Policy | None = None
) -> None:
    async def main(sim: Simulation) -> None:
        places = [Swapped(f"p{number}", sim.clock, attests=False) for number in range(3)]
        async with memory_store(places, 1, sim.clock, sim.entropy_of("store"), policy=policy) as world:
            await world.store.create_bucket("bucket")
            await sim.clock.sleep(3)
            await test(world, places)

    simulate(1, main)


async def put_one(world: World) -> Extent:
    await world.store.put("bucket", "key", content(SIZE))
    return world.store.catalog.state.extents()[0]


def test_what_comes_late_is_not_recorded_as_restored_where_it_is_not() -> None:
    """With an early acknowledgement. It is sent again, and then it is there."""

    async def test(world: World, places: list[Swapped]) -> None:
        places[2].stand_ins, places[2].late_s = 1, 2.0
        extent = await put_one(world)
        assert extent.missing == 1 << extent.places.index("p2")
        await world.clock.sleep(2.001)
        assert world.store.catalog.state.extents()[0].missing
        await world.clock.sleep(20)
        assert not world.store.catalog.state.extents()[0].missing
        assert places[2].holds(extent)

    in_swapped_store(test, Policy(1, acknowledge="early"))


def test_a_write_is_not_acknowledged_while_a_fragment_is_elsewhere() -> None:
    async def test(world: World, places: list[Swapped]) -> None:
        places[1].stand_ins = 1
        extent = await put_one(world)
        assert (extent.missing, places[1].holds(extent)) == (0, True)

    in_swapped_store(test)


@pytest.mark.parametrize("damaged", [False, True])
def test_what_is_made_anew_counts_only_where_it_is(damaged: bool) -> None:
    """Also where our place still holds the damaged fragment of the same size."""

    async def test(world: World, places: list[Swapped]) -> None:
        extent = await put_one(world)
        index = extent.places.index("p1")
        right = places[1]._objects[fragment_key(extent.id, index)]
        if damaged:
            places[1]._objects[fragment_key(extent.id, index)] = bytes(len(right))
        else:
            await places[1].delete(fragment_key(extent.id, index))
        places[1].stand_ins = 1
        found = await world.store.restorer.restore(extent, thorough=True)
        assert not found.restored
        assert world.store.catalog.state.extents()[0].missing == 1 << index
        found = await world.store.restorer.restore(world.store.catalog.state.extents()[0])
        assert found.restored == {index}
        assert places[1]._objects[fragment_key(extent.id, index)] == right

    in_swapped_store(test)


def test_a_note_is_not_cleared_by_what_another_place_holds() -> None:
    """Our place holds the fragment damaged; it is read at one that has it right."""

    async def test(world: World, places: list[Swapped]) -> None:
        extent = await put_one(world)
        index = extent.places.index("p1")
        key = fragment_key(extent.id, index)
        right, get = places[1]._objects[key], places[1].get
        places[1]._objects[key] = bytes(len(right))
        reads = iter([right])

        async def get_elsewhere(name: str, *rest: object, under: object = None) -> bytes:
            read = await get(name, *rest)  # type: ignore[arg-type]
            return next(reads, read) if name == key else read

        places[1].get = get_elsewhere  # type: ignore[method-assign]
        await world.store.catalog.commit(FragmentsLost(extent.id, (extent.fragment(index),)))
        found = await world.store.restorer.restore(world.store.catalog.state.extents()[0])
        assert not found.cleared
        assert world.store.catalog.state.extents()[0].missing == 1 << index

    in_swapped_store(test)


def test_a_proof_names_what_is_wrong() -> None:
    async def test(world: World, places: list[Swapped]) -> None:
        guard, now = world.guards["p0"], world.clock.monotonic()
        with pytest.raises(NotFound):
            await prove(guard, KEY, 4)
        await guard.put(KEY, b"four")
        await prove(guard, KEY, 4)
        await prove_at_once(guard, KEY, 4, now)
        await prove_content(guard, KEY, b"four")
        with pytest.raises(Unavailable, match="4 bytes of a fragment of 5"):
            await prove_at_once(guard, KEY, 5, now)
        with pytest.raises(Unavailable, match="a fragment other than"):
            await prove_content(guard, KEY, b"FOUR")

    in_swapped_store(test)
