"""A sweep deletes what nothing refers to, and never what somebody refers to or will."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from store_worlds import Far, chunks, content, in_far_store

from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import StoreUnavailable, WriteExpired
from outlast.coding.extent import fragment_key
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
