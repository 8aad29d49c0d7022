"""Quotas: who has used them up gets no new fragments and is read from last, and nothing is refused that the
others can take."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import pytest
from store_worlds import content

from outlast.base.clock import Clock
from outlast.base.errors import StoreFull
from outlast.maintenance.collect import collect
from outlast.providers.marker import Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.quota import Quota
from outlast.providers.space import Space
from outlast.providers.wrap.layers import meter_of
from outlast.providers.wrap.meter import Meter
from outlast.store import quotas as module
from outlast.testing.memory_store import World, memory_store
from outlast.testing.simulation import Simulation, simulate

T = TypeVar("T")
MIB = 1 << 20
QUOTAS = {f"p{number}": Quota(bytes=100 * MIB) for number in range(4)}


def in_store(
    test: Callable[[World], Awaitable[T]], quotas: Mapping[str, Quota], providers: int = 4, tolerate: int = 1
) -> T:
    """Run the test in a store over metered providers, under virtual time."""

    async def main(sim: Simulation) -> T:
        metered = [Meter(MemoryProvider(f"p{n}", sim.clock), sim.clock) for n in range(providers)]
        async with memory_store(metered, tolerate, sim.clock, sim.entropy_of("store"), quotas) as world:
            await world.store.create_bucket("bucket")
            return await test(world)

    return simulate(1, main)


async def put(world: World, key: str, size: int = MIB) -> tuple[str, ...]:
    """Write an object and read it back; the places of its extent."""
    before = {extent.id for extent in world.store.catalog.state.extents()}
    await world.store.put("bucket", key, content(size))
    assert await (await world.store.get("bucket", key)).read() == content(size)
    (new,) = (extent for extent in world.store.catalog.state.extents() if extent.id not in before)
    return new.places


def used(world: World, name: str) -> module.QuotaUse:
    use = world.store.quotas.use(name)
    assert use is not None
    return use


def test_what_was_given_up_and_deleted_is_not_counted() -> None:
    async def test(world: World) -> None:
        written = await world.store.writer.write(content(MIB))
        assert sum(used(world, name).bytes for name in QUOTAS) >= MIB
        world.store.writer.discard(written)
        await world.clock.sleep(10)
        assert [used(world, name).bytes for name in QUOTAS] == [0] * len(QUOTAS)

    in_store(test, QUOTAS)


def test_what_still_fits_is_the_lesser_of_disk_and_quota() -> None:
    async def test(world: World) -> None:
        for name in world.store.fleet.names:
            world.store.fleet[name].space_watch.record(Space(40 * MIB, 100 * MIB))
        free = {one.findings.name: one.free_bytes for one in world.store.figures().providers}
        assert free == {"p0": 40 * MIB, "p1": 5 * MIB, "p2": 40 * MIB}

    in_store(test, {"p0": Quota(bytes=100 * MIB), "p1": Quota(bytes=5 * MIB)}, providers=3)


def read_from(world: World, name: str) -> int:
    """How many bytes were read from the provider."""
    meter = world.faults[name].inner
    assert isinstance(meter, Meter)
    return meter.usage["get"].received_bytes


# ---------------------------------------------------------------- bytes


def test_what_is_stored_is_what_lies_there() -> None:
    async def test(world: World) -> None:
        for n in range(5):
            await put(world, f"key{n}", (n + 1) * 700_000)
        for name in world.faults:
            listed = [entry async for entry in world.faults[name].list("x/")]
            assert world.store.catalog.state.stored(name) == sum(entry.size for entry in listed) > 0
        assert used(world, "p0").bytes == world.store.catalog.state.stored("p0")

    in_store(test, {"p0": Quota(bytes=10**12)})


def test_a_full_provider_gets_no_more_and_the_others_take_a_narrower_layout() -> None:
    async def test(world: World) -> None:
        for n in range(10):
            await put(world, f"key{n}")
        assert used(world, "p0").full
        before = world.store.catalog.state.stored("p0")
        fragment = 350_000  # of one stripe, cut three ways
        assert before < 1_000_000 + fragment
        layouts = Counter((extent.k, extent.m) for extent in world.store.catalog.state.extents())
        assert set(layouts) == {(3, 1), (2, 1)}
        for n in range(3):
            await put(world, f"more{n}")
        assert world.store.catalog.state.stored("p0") == before
        assert world.store.quotas.use("p1") is None, "it has no quota"

    in_store(test, {"p0": Quota(bytes=1_000_000)})


def test_a_write_is_refused_only_when_the_policy_cannot_be_kept_otherwise() -> None:
    async def test(world: World) -> None:
        await put(world, "first")
        with pytest.raises(StoreFull, match="p0, p1"):
            await world.store.put("bucket", "second", content(MIB))
        await world.store.put("bucket", "small", b"small objects are in the log")
        assert await (await world.store.get("bucket", "first")).read() == content(MIB)

    in_store(test, {"p0": Quota(bytes=1), "p1": Quota(bytes=1)}, providers=3)


def test_two_of_three_take_all_that_the_third_has_no_room_for() -> None:
    async def test(world: World) -> None:
        await put(world, "first")
        await put(world, "second")
        assert sorted((e.k, e.m) for e in world.store.catalog.state.extents()) == [(1, 1), (2, 1)]
        (second,) = (e for e in world.store.catalog.state.extents() if e.k == 1)
        assert set(second.places) == {"p1", "p2"}

    in_store(test, {"p0": Quota(bytes=1)}, providers=3)


def test_what_is_under_way_counts() -> None:
    """One large object must not fill ten times what there is before its record tells of it."""

    async def test(world: World) -> None:
        await world.store.put("bucket", "large", content(40 * MIB))
        assert world.store.catalog.state.stored("p0") < 6 * MIB
        assert used(world, "p0").bytes == world.store.catalog.state.stored("p0"), "and then no more"

    in_store(test, {"p0": Quota(bytes=4 * MIB)})


def test_room_comes_back_when_what_was_deleted_is_collected() -> None:
    async def test(world: World) -> None:
        await put(world, "first")
        assert used(world, "p0").full
        await world.store.delete("bucket", "first")
        assert used(world, "p0").full, "the fragments are still there"
        await world.clock.sleep(1)
        await collect(world.store, grace_s=0)
        assert (used(world, "p0").bytes, used(world, "p0").full) == (0, False)

    in_store(test, {"p0": Quota(bytes=1)})


# ---------------------------------------------------------------- requests and bytes read


class NextMonth:
    """A clock that is a month ahead; waiting for it would have every provider looked at a million times."""

    def __init__(self, clock: Clock) -> None:
        self.monotonic, self.sleep = clock.monotonic, clock.sleep
        self._now = clock.now

    def now(self) -> float:
        return self._now() + 31 * 24 * 3600


def test_a_provider_whose_month_is_used_up_gets_nothing_new_and_is_read_from_last() -> None:
    async def test(world: World) -> None:
        places = {await put(world, f"key{n}") for n in range(8)}
        assert any("p0" in place for place in places)
        while not used(world, "p0").spent:
            for n in range(8):
                await (await world.store.get("bucket", f"key{n}")).read()
        await world.clock.sleep(module.look_s + 1)
        stored, read = world.store.catalog.state.stored("p0"), read_from(world, "p0")
        await put(world, "more")
        for n in range(8):
            await (await world.store.get("bucket", f"key{n}")).read()
        assert world.store.catalog.state.stored("p0") == stored
        assert read_from(world, "p0") - read < 20_000, "only its marker was read, and the log"

    in_store(test, {"p0": Quota(egress=3 * MIB)})


def test_what_reads_asked_for_that_were_given_up_counts_as_read() -> None:
    async def test(world: World) -> None:
        meter = meter_of(world.store.fleet["p0"])
        assert meter is not None
        inner, meter._through = meter._through, NeverAnswers("p0")
        before = used(world, "p0").egress
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await meter.get("x/00/00.00", (0, 5000))
        meter._through = inner
        assert used(world, "p0").egress - before == 5000

    in_store(test, {"p0": Quota(egress=3 * MIB)})


class NeverAnswers(MemoryProvider):
    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError


def test_a_new_month_begins_from_nothing() -> None:
    async def test(world: World) -> None:
        await put(world, "key")
        while not used(world, "p0").spent:
            await world.store.fleet["p0"].head("0-outlast")
        world.store.quotas._clock = NextMonth(world.clock)
        world.store.quotas.look()
        assert not world.store.fleet.spent
        assert used(world, "p0").requests < 10

    in_store(test, {"p0": Quota(requests=300)})


def test_gateways_add_up_what_they_have_used() -> None:
    async def test(world: World) -> None:
        other = await world.gateway()
        await put(world, "key")
        for _ in range(150):
            await world.store.fleet["p0"].head("0-outlast")
        await world.store.quotas.report()
        await other.store.catalog.sync()
        mine, theirs = used(world, "p0"), other.store.quotas.use("p0")
        assert theirs is not None
        assert theirs.requests >= 150
        reported = mine.requests
        await world.store.quotas.report()
        await world.store.quotas.report()
        await other.store.catalog.sync()
        again = other.store.quotas.use("p0")
        assert again is not None and again.requests - theirs.requests < 100, "hearing it again adds nothing"
        assert reported >= 150

    in_store(test, {"p0": Quota(requests=10**6)})


def test_reports_are_rare_and_only_of_providers_with_such_a_quota() -> None:
    async def test(world: World) -> None:
        slot = world.store.catalog.state.position.slot
        await world.clock.sleep(3 * module.report_s + 60)
        assert 1 <= world.store.catalog.state.position.slot - slot <= 3
        month = world.store.quotas._month
        assert world.store.catalog.state.used(month, "p0").requests > 0
        assert world.store.catalog.state.used(month, "p1").requests == 0

    in_store(test, {"p0": Quota(requests=10**6), "p1": Quota(bytes=10**12)})


def test_a_store_without_quotas_reports_nothing() -> None:
    async def test(world: World) -> None:
        slot = world.store.catalog.state.position.slot
        await world.clock.sleep(3 * module.report_s)
        assert world.store.catalog.state.position.slot == slot

    in_store(test, {})
