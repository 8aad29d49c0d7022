"""What is acknowledged has all its fragments, whatever befalls a provider while it is written."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from store_worlds import NEAR, chunks, content

from outlast.base import limits
from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import StoreUnavailable, WriteLost
from outlast.base.points import visiting
from outlast.catalog.records import FragmentsLost
from outlast.coding.extent import FRAGMENTS_PREFIX
from outlast.maintenance.follow import follow
from outlast.maintenance.repair import repair
from outlast.placement.members import Policy
from outlast.providers.marker import Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Data, Provider
from outlast.providers.wrap.fault import Shape
from outlast.testing.memory_store import World, memory_store
from outlast.testing.network import Link, Weather
from outlast.testing.places import Kind, Place
from outlast.testing.simulation import Simulation, simulate

EXTENT = limits.extent_bytes_max // 64
SIZE = 4 * EXTENT


pytestmark = pytest.mark.usefixtures("small_sizes")


class Scene:
    """A store of three places that bear the loss of any one."""

    def __init__(self, world: World, places: Sequence[Place]) -> None:
        self.world = world
        self.store = world.store
        self.places = places
        self.mends = Mends(world)

    async def erase_and_repair(self, name: str) -> None:
        """As a person does it, from the command line: by a process of its own."""
        self.place(name).wipe()
        await self.mends.repair()

    def place(self, name: str) -> Place:
        return next(place for place in self.places if place.name == name)

    async def readable_without_any_one(self, key: str, data: bytes) -> None:
        """Each place in turn is gone, and the object is read all the same."""
        for place in self.places:
            place.refuses = True
            reader = await self.world.gateway()
            assert await (await reader.store.get("bucket", key)).read() == data, f"without {place.name}"
            place.refuses = False
            await reader.store.close()
            self.world.gateways.remove(reader)

    async def missing(self) -> int:
        await self.store.catalog.sync()
        return self.store.catalog.state.counts().degraded


class Mends:
    """`outlast repair`."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def repair(self) -> None:
        gateway = await self.world.gateway()
        report = await repair(gateway.store)
        assert (report.problems, report.degraded, report.unreadable) == ([], 0, 0)
        await gateway.store.close()
        self.world.gateways.remove(gateway)


def in_scene(
    test: Callable[[Scene], Awaitable[None]], kind: Kind = "bucket", policy: Policy | None = None
) -> None:
    async def main(sim: Simulation) -> None:
        places = [Place(f"p{number}", sim.clock, kind) for number in range(3)]
        reached: list[Provider] = list(places)
        if kind == "bucket":  # over a network, where a marker has to be asked for
            reached = [Link(place, sim.clock, sim.entropy_of(place.name), NEAR) for place in places]
        async with memory_store(reached, 1, sim.clock, sim.entropy_of("store"), policy=policy) as world:
            await world.store.create_bucket("bucket")
            following = asyncio.ensure_future(follow(world.store, world.clock))  # as gateways do
            try:
                await test(Scene(world, places))
            finally:
                await cancel_and_wait((following,))

    simulate(1, main)


@pytest.mark.parametrize("kind", ["bucket", "disk"])
@pytest.mark.parametrize("written", [1, 3])
@pytest.mark.parametrize("name", ["p0", "p1", "p2"])
def test_a_provider_is_erased_and_repaired_in_the_middle_of_a_write(
    name: str, written: int, kind: Kind
) -> None:
    async def test(scene: Scene) -> None:
        data = content(SIZE)

        async def source() -> AsyncIterator[bytes]:
            yield data[: written * EXTENT + 1000]
            await scene.world.clock.sleep(1)
            assert any(key.startswith(FRAGMENTS_PREFIX) for key in scene.place(name).contents())
            await scene.erase_and_repair(name)
            yield data[written * EXTENT + 1000 :]

        await scene.store.put("bucket", "key", source())
        assert await scene.missing() == 0
        await scene.readable_without_any_one("key", data)

    in_scene(test, kind)


@pytest.mark.parametrize("kind", ["bucket", "disk"])
def test_two_providers_are_erased_and_repaired_one_after_the_other_in_the_middle_of_a_write(
    kind: Kind,
) -> None:
    """As while the gateway is stopped: of the first extents only one fragment is left, and 200 would lie."""

    async def test(scene: Scene) -> None:
        data = content(SIZE)

        async def source() -> AsyncIterator[bytes]:
            yield data[: 2 * EXTENT + 1000]
            await scene.world.clock.sleep(1)
            for name in ("p0", "p1"):
                await scene.erase_and_repair(name)
            yield data[2 * EXTENT + 1000 :]

        with pytest.raises(StoreUnavailable):
            await scene.store.put("bucket", "key", source())
        await scene.world.clock.sleep(5)  # until it has heard of the new incarnations
        await scene.store.put("bucket", "key", data)
        await scene.readable_without_any_one("key", data)

    in_scene(test, kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bucket", "disk"])
def test_parts_that_were_uploaded_before_a_repair(kind: Kind) -> None:
    async def test(scene: Scene) -> None:
        part = content(limits.part_bytes_min)
        upload = await scene.store.create_upload("bucket", "key")
        first = await scene.store.put_part("bucket", "key", upload, 1, part)
        await scene.erase_and_repair("p1")
        second = await scene.store.put_part("bucket", "key", upload, 2, part)
        await scene.erase_and_repair("p2")
        await scene.store.complete_upload("bucket", "key", upload, [(1, first), (2, second)])
        assert await scene.missing() == 0
        await scene.readable_without_any_one("key", part + part)

    in_scene(test, kind)


@pytest.mark.parametrize("kind", ["bucket", "disk"])
def test_a_gateway_that_has_not_heard_of_a_repair_does_not_write_by_the_old_incarnation(kind: Kind) -> None:
    async def test(scene: Scene) -> None:
        other = await scene.world.gateway()
        await other.store.put("bucket", "before", content(EXTENT))
        await scene.erase_and_repair("p1")
        data = content(2 * EXTENT)
        await other.store.put("bucket", "key", data)
        await scene.erase_and_repair("p2")
        await scene.readable_without_any_one("key", data)

    in_scene(test, kind)


@pytest.mark.parametrize("kind", ["bucket", "disk"])
@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_what_was_put_into_an_empty_mount_point_does_not_count(at: int, kind: Kind) -> None:
    async def test(scene: Scene) -> None:
        data = content(SIZE)
        place = scene.place("p1")

        async def source() -> AsyncIterator[bytes]:
            for number in range(4):
                if number == at:
                    place.unmount()
                yield data[number * EXTENT : (number + 1) * EXTENT]
                await scene.world.clock.sleep(0.2)
                if number == at:
                    left_behind = place.mount()
                    if kind == "disk":
                        assert [key for key in left_behind if key.startswith(FRAGMENTS_PREFIX)] == []

        await scene.store.put("bucket", "key", source())
        await scene.mends.repair()
        await scene.readable_without_any_one("key", data)

    in_scene(test, kind)


def test_a_doubt_that_cannot_be_recorded_is_no_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """The put is committed, its attestation fails, and the record of that finds no majority."""

    async def test(scene: Scene) -> None:
        catalog = scene.store.catalog
        commit = catalog.commit

        async def refusing(record: object, *rest: object) -> object:
            if isinstance(record, FragmentsLost):
                raise StoreUnavailable("no majority")
            return await commit(record, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(catalog, "commit", refusing)
        place = scene.place("p1")

        async def source() -> AsyncIterator[bytes]:
            yield content(EXTENT)
            place.wipe()
            yield content(EXTENT, 1)

        with pytest.raises(StoreUnavailable):
            await scene.store.put("bucket", "key", source())

    in_scene(test)


def test_the_answer_does_not_wait_for_one_commit_per_doubtful_extent_in_turn() -> None:
    """A provider refuses from the commit on, so that nothing of 32 extents can be looked for there."""

    async def main(sim: Simulation) -> None:
        weather = Weather(delay_s=(0.02, 0.03))
        places = [MemoryProvider(f"p{number}", sim.clock, attests=False) for number in range(3)]
        links = [Link(place, sim.clock, sim.entropy_of(place.name), weather) for place in places]
        async with memory_store(links, 1, sim.clock, sim.entropy_of("store")) as world:
            await world.store.create_bucket("bucket")
            durable_at = 0.0

            async def refuse(name: str) -> None:
                nonlocal durable_at
                if name == "write: fragments durable, not committed":
                    durable_at = sim.clock.monotonic()
                    world.faults["p2"].shape = Shape.REFUSE

            with visiting(refuse):
                await world.store.put("bucket", "key", chunks(content(32 * EXTENT)))
            assert sim.clock.monotonic() - durable_at < 0.6, "one by one, they take 1.8 s"
            assert world.store.catalog.state.counts().degraded == 32

    simulate(1, main)


def test_an_object_is_not_acknowledged_with_fewer_fragments_than_a_reader_needs() -> None:
    """Two of five places turn out not to be ours, after the commit: that is known before the answer."""

    async def main(sim: Simulation) -> None:
        places = [MemoryProvider(f"p{number}", sim.clock, attests=False) for number in range(5)]
        async with memory_store(places, 1, sim.clock, sim.entropy_of("store")) as world:
            await world.store.create_bucket("bucket")
            await sim.clock.sleep(3)
            erased: list[str] = []
            for place in places[3:]:
                place.put = erasing(place, erased)  # type: ignore[method-assign]
            with pytest.raises(WriteLost):
                await world.store.put("bucket", "key", content(EXTENT))
            assert len(erased) == 2

    def erasing(place: MemoryProvider, erased: list[str]) -> Callable[..., Awaitable[None]]:
        put = place.put

        async def put_and_erase(key: str, data: Data, under: Marker | None = None) -> None:
            await put(key, data, under)
            if key.startswith(FRAGMENTS_PREFIX) and place.name not in erased:
                erased.append(place.name)
                place.wipe()

        return put_and_erase

    simulate(1, main)
