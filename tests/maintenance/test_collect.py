"""Collecting deletes what nobody refers to any more, not before its time, and forgets it only then."""

import asyncio

import pytest
from store_worlds import Far, content, in_far_store

from outlast.base.clock import unix_ms
from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import ReadExpired
from outlast.catalog.records import BucketCreated
from outlast.maintenance.collect import CollectReport, collect, grace_s_default, record_grace
from outlast.maintenance.follow import follow
from outlast.providers.wrap.fault import Shape
from outlast.store.holds import hold_after_s, look_s

SIZE = 300_000
DAY_MS = 86_400_000


async def held(far: Far) -> list[int]:
    return [len(far.fragments(number)) for number in range(3)]


def test_the_fragments_of_deleted_and_overwritten_objects_go_after_the_grace() -> None:
    async def test(far: Far) -> None:
        for name in ("kept", "overwritten", "deleted"):
            await far.store.put("bucket", name, content(SIZE))
        await far.store.put("bucket", "overwritten", content(SIZE, 1))
        await far.store.delete("bucket", "deleted")
        assert await collect(far.store) == CollectReport(waiting=2)
        assert await held(far) == [4, 4, 4]
        await far.settle(3601)
        assert await collect(far.store) == CollectReport(extents=2)
        assert await held(far) == [2, 2, 2]
        assert far.store.catalog.state.counts().dead == 0
        assert await (await far.store.get("bucket", "kept")).read() == content(SIZE)
        assert await (await far.store.get("bucket", "overwritten")).read() == content(SIZE, 1)

    in_far_store(test)


def test_a_process_that_has_just_begun_deletes_nothing_however_old_the_times_in_the_log_are() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        await far.store.delete("bucket", "k")
        await far.settle(2 * grace_s_default)
        fresh = await far.world.gateway()
        assert await collect(fresh.store) == CollectReport(waiting=1)
        assert await held(far) == [1, 1, 1]

    in_far_store(test)


def test_a_clock_20_years_ahead_does_not_end_collection() -> None:
    async def test(far: Far) -> None:
        await far.store.catalog.commit(
            BucketCreated("from the future", unix_ms(far.world.clock) + 20 * 365 * DAY_MS)
        )
        await far.store.put("bucket", "k", content(SIZE))
        await far.store.delete("bucket", "k")
        far.store.catalog.note_applied()
        await far.settle(3601)
        assert (await collect(far.store)).extents == 1

    in_far_store(test)


@pytest.mark.slow
def test_a_gateway_that_has_waited_lets_a_command_collect_and_says_so_once() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        await far.store.delete("bucket", "k")
        state = far.store.catalog.state
        for _ in range(70):
            await far.settle(60)
            await record_grace(far.store)
        slot = state.position.slot
        assert state.grace_passed(grace_s_default) == slot - 1
        command = await far.world.gateway()
        assert (await collect(command.store)).extents == 1
        await far.settle(7200)
        await far.store.catalog.sync()
        await record_grace(far.store)
        assert state.position.slot == slot + 1, "there was nothing more to free"

    in_far_store(test)


def test_what_a_copy_still_refers_to_stays() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "original", content(SIZE))
        await far.store.copy("bucket", "original", "bucket", "copy")
        await far.store.delete("bucket", "original")
        assert (await collect(far.store, grace_s=0)).extents == 0
        assert await (await far.store.get("bucket", "copy")).read() == content(SIZE)

    in_far_store(test)


def test_an_aborted_uploads_parts_go() -> None:
    async def test(far: Far) -> None:
        upload = await far.store.create_upload("bucket", "k")
        await far.store.put_part("bucket", "k", upload, 1, content(SIZE))
        await far.store.abort_upload("bucket", "k", upload)
        await far.settle(1)
        assert (await collect(far.store, grace_s=0)).extents == 1
        assert await held(far) == [0, 0, 0]

    in_far_store(test)


def test_while_a_provider_is_away_its_extents_stay_dead() -> None:
    async def test(far: Far) -> None:
        for number in range(40):
            await far.store.put("bucket", f"k{number}", content(SIZE, number))
            await far.store.delete("bucket", f"k{number}")
        far.store.catalog.note_applied()
        far.faults["p1"].shape = Shape.REFUSE
        await far.settle(10)
        report = await collect(far.store, grace_s=1)
        assert (report.extents, report.left) == (0, 40)
        assert far.store.catalog.state.counts().dead == 40
        far.faults["p1"].shape = None
        await far.settle(10)
        report = await collect(far.store, grace_s=1)
        assert (report.extents, report.left) == (40, 0)
        assert await held(far) == [0, 0, 0]

    in_far_store(test)


LONG = 40 << 20


async def read_slowly(far: Far, seconds: float) -> None:
    """Read "long" in so many seconds, as a slow client does; it is overwritten at once."""
    taken = 0
    async with far.store.get("bucket", "long") as reading:
        await far.store.put("bucket", "long", b"new")
        async for piece in reading:
            assert bytes(piece) == content(LONG)[taken : taken + len(piece)]
            taken += len(piece)
            await far.settle(seconds * len(piece) / LONG)
    assert taken == LONG


@pytest.mark.slow
def test_what_a_program_reads_is_not_collected_however_long_that_lasts() -> None:
    async def test(far: Far) -> None:
        other = await far.world.gateway()
        following = asyncio.ensure_future(follow(other.store, far.world.clock))
        await far.store.put("bucket", "long", content(LONG))
        reading = asyncio.ensure_future(read_slowly(far, 2 * grace_s_default))
        while not reading.done():
            await far.settle(900)
            assert (await collect(other.store)).extents == 0 or reading.done()
        await reading
        await far.settle(1.2 * grace_s_default + look_s)
        command = await far.world.gateway()
        assert await collect(command.store) == CollectReport(extents=3)
        await cancel_and_wait([following])

    in_far_store(test)


def test_what_is_read_after_it_was_collected_is_said_to_have_expired_and_is_no_corruption() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "long", content(LONG))
        reading = asyncio.ensure_future(read_slowly(far, 600))
        await far.settle(100)
        other = await far.world.gateway()
        assert (await collect(other.store, grace_s=0)).extents == 3
        with pytest.raises(ReadExpired):
            await reading

    in_far_store(test)


def test_holds_come_in_time_for_the_default_grace_though_the_log_is_away_for_half_of_it() -> None:
    assert hold_after_s + 2 * look_s + grace_s_default / 2 < grace_s_default
