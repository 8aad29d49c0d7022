"""A sweep deletes what nothing refers to, and never what somebody refers to or will."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from store_worlds import Far, chunks, content, in_far_store

from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import StoreUnavailable, WriteExpired
from outlast.catalog.records import Fragment, FragmentsLost, FragmentsRestored
from outlast.coding.extent import fragment_key, parse_fragment_key
from outlast.maintenance.collect import CollectReport, collect
from outlast.maintenance.sweep import SweepReport, sweep
from outlast.providers.wrap.fault import Shape

HOUR = 3600.0
MIB = 1 << 20


async def leave_strays(far: Far) -> int:
    """An upload that ends as by `kill -9`: its fragments stay, and nobody discards them; their number."""
    before = sum(len(far.fragments(number)) for number in range(3))
    await far.store.writer.write(content(20 * MIB))
    return sum(len(far.fragments(number)) for number in range(3)) - before


def all_fragments(far: Far) -> list[list[str]]:
    return [far.fragments(number) for number in range(3)]


def test_what_a_killed_gateway_left_is_deleted_and_nothing_else() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "kept", content(3 * MIB))
        kept = all_fragments(far)
        strays = await leave_strays(far)
        assert strays == 6
        await far.memories[0].put("x/notes", b"left alone")
        other = await far.world.gateway()
        report = await sweep(other.store, far.world.clock, HOUR)
        assert report == SweepReport(listed=10, strays=6, deleted=6, bytes=report.bytes)
        assert report.bytes > 20 * MIB
        assert await far.memories[0].get("x/notes") == b"left alone"
        await far.memories[0].delete("x/notes")
        assert all_fragments(far) == kept
        again = await sweep(other.store, far.world.clock, HOUR)
        assert (again.strays, again.deleted) == (0, 0)

    in_far_store(test)


def test_an_upload_that_is_slower_than_the_sweep_is_refused_and_not_acknowledged() -> None:
    async def test(far: Far) -> None:
        going_on = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield content(17 * MIB)
            await going_on.wait()
            yield content(MIB)

        upload = asyncio.ensure_future(far.store.put("bucket", "slow", slowly()))
        await far.settle(5)
        other = await far.world.gateway()
        assert (await sweep(other.store, far.world.clock, HOUR)).deleted == 3
        going_on.set()
        with pytest.raises(WriteExpired):
            await upload
        assert await collect(far.store, 0) == CollectReport(extents=2)
        assert all_fragments(far) == [[], [], []]
        await far.store.put("bucket", "slow", content(MIB))

    in_far_store(test)


def test_a_program_that_has_heard_nothing_since_a_sweep_writes_at_once() -> None:
    async def test(far: Far) -> None:
        program = await far.world.gateway()
        for wrap in (bytes, chunks):
            await leave_strays(far)
            await far.store.put("bucket", "k", b"later than what the program has heard")
            assert (await sweep(far.store, far.world.clock, HOUR)).deleted == 6
            await program.store.put("bucket", "new", wrap(content(MIB)))

    in_far_store(test)


def test_an_upload_that_began_after_the_look_is_left_alone() -> None:
    async def test(far: Far) -> None:
        await leave_strays(far)
        other = await far.world.gateway()
        sweeping = asyncio.ensure_future(sweep(other.store, far.world.clock, HOUR))
        await far.settle(10)
        await far.store.put("bucket", "between", content(MIB))
        written = await far.store.writer.write(chunks(content(3 * MIB)))
        assert (await sweeping).deleted == 6
        assert all(
            far.memories[int(place[1:])]._objects.get(fragment_key(extent.id, index))
            for extent in written.body.extents
            for index, place in enumerate(extent.places)
        )
        assert await (await far.store.get("bucket", "between")).read() == content(MIB)

    in_far_store(test)


def test_parts_of_an_upload_in_several_requests_are_known() -> None:
    async def test(far: Far) -> None:
        upload = await far.store.create_upload("bucket", "large")
        part = await far.store.put_part("bucket", "large", upload, 1, content(6 * MIB))
        other = await far.world.gateway()
        assert await sweep(other.store, far.world.clock, HOUR) == SweepReport(listed=3)
        await far.store.complete_upload("bucket", "large", upload, [(1, part)])
        assert await (await far.store.get("bucket", "large")).read() == content(6 * MIB)

    in_far_store(test)


def test_clocks_have_no_say() -> None:
    """The sweeping gateway's clock jumps a year ahead in the middle."""

    async def test(far: Far) -> None:
        going_on = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield content(17 * MIB)
            await going_on.wait()
            yield content(MIB)

        upload = asyncio.ensure_future(far.store.put("bucket", "slow", slowly()))
        await far.settle(5)
        other = await far.world.gateway()
        sweeping = asyncio.ensure_future(sweep(other.store, far.world.clock, HOUR))
        await far.settle(HOUR / 2)
        far.world.clock.time = lambda: 4e9  # type: ignore[method-assign]
        going_on.set()
        await upload
        await sweeping
        assert await (await far.store.get("bucket", "slow")).read() == content(17 * MIB) + content(MIB)

    in_far_store(test)


def test_a_provider_that_is_away_is_swept_the_next_time() -> None:
    async def test(far: Far) -> None:
        await leave_strays(far)
        far.faults["p1"].shape = Shape.REFUSE
        await far.settle(10)
        assert (await sweep(far.store, far.world.clock, HOUR)).deleted == 4
        far.faults["p1"].shape = None
        await far.settle(10)
        assert (await sweep(far.store, far.world.clock, HOUR)).deleted == 2
        assert all_fragments(far) == [[], [], []]

    in_far_store(test)


def test_without_a_majority_nothing_is_deleted() -> None:
    async def test(far: Far) -> None:
        await leave_strays(far)
        before = all_fragments(far)
        sweeping = asyncio.ensure_future(sweep(far.store, far.world.clock, HOUR))
        await far.settle(HOUR / 2)
        far.faults["p0"].shape = far.faults["p1"].shape = Shape.REFUSE
        with pytest.raises(StoreUnavailable):
            await sweeping
        assert all_fragments(far) == before
        await cancel_and_wait([sweeping])

    in_far_store(test)


async def write_with_failures(far: Far) -> int:
    """Objects at seven providers, of which p4 fails half of what it does all the same; leftovers."""
    for n in range(30):
        far.faults["p4"].shape = Shape.ERR if n % 3 != 2 else None
        await far.store.put("bucket", f"k{n}", content(200_000, n))
        if n % 3 == 2:
            await far.settle(40)
    far.faults["p4"].shape = None
    await far.settle(40)
    assert far.store.catalog.state.counts().degraded == 0
    return len(leftovers(far))


def leftovers(far: Far) -> list[tuple[str, bytes, int]]:
    """(provider, extent, index) of fragments that are elsewhere than the catalog says."""
    found: list[tuple[str, bytes, int]] = []
    for number in range(len(far.memories)):
        for key in far.fragments(number):
            parsed = parse_fragment_key(key)
            assert parsed is not None
            extent = far.store.catalog.state.extent(parsed[0])
            if extent is None or extent.places[parsed[1]] != f"p{number}":
                found.append((f"p{number}", *parsed))
    return found


def test_what_a_failed_put_left_at_another_place_is_deleted() -> None:
    async def test(far: Far) -> None:
        left = await write_with_failures(far)
        assert left > 3
        report = await sweep(far.store, far.world.clock, HOUR)
        assert (report.strays, report.leftovers, report.deleted) == (0, left, left)
        assert leftovers(far) == []
        for n in range(30):
            assert await (await far.store.get("bucket", f"k{n}")).read() == content(200_000, n)

    in_far_store(test, providers=7)


def test_a_leftover_stays_while_its_fragment_may_be_moved_back() -> None:
    """An extent misses a fragment, or one of its places is away."""

    async def test(far: Far) -> None:
        left = await write_with_failures(far)
        lacking = far.store.catalog.state.extent(leftovers(far)[0][1])
        assert lacking is not None
        await far.store.catalog.commit(FragmentsLost(lacking.id, (lacking.fragment(0),)))
        assert (await sweep(far.store, far.world.clock, HOUR)).deleted == left - 1
        await far.store.restorer.restore(lacking)
        away = next(place for place in lacking.places if place not in far.world.voters)
        far.faults[away].shape = Shape.REFUSE
        await far.settle(40)
        assert (await sweep(far.store, far.world.clock, HOUR)).deleted == 0
        assert len(leftovers(far)) == 1

    in_far_store(test, providers=7)


def test_what_is_put_to_use_while_it_is_deleted_is_known_to_be_lost() -> None:
    """Somebody moves the fragment back in the moment of the sweep, and the deletion comes last."""

    async def test(far: Far) -> None:
        await write_with_failures(far)
        place, id, index = leftovers(far)[0]
        memory = far.memories[int(place[1:])]
        delete = memory.delete

        async def move_and_delete(key: str) -> None:
            await delete(key)
            if key == fragment_key(id, index):
                extent, incarnation = far.store.catalog.state.extent(id), far.world.incarnation(place)
                assert extent is not None
                moved = Fragment(index, place, incarnation)
                await far.store.catalog.commit(FragmentsRestored(id, (moved,), extent.places))

        memory.delete = move_and_delete  # type: ignore[method-assign]
        await sweep(far.store, far.world.clock, HOUR)
        extent = far.store.catalog.state.extent(id)
        assert extent is not None
        assert (extent.places[index], extent.missing) == (place, 1 << index)

    in_far_store(test, providers=7)
