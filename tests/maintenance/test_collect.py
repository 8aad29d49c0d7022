"""Collecting deletes what nobody refers to any more, not before its time, and forgets it only then."""

from store_worlds import Far, content, in_far_store

from outlast.maintenance.collect import collect
from outlast.providers.wrap.fault import Shape

SIZE = 300_000


async def held(far: Far) -> list[int]:
    return [len(far.fragments(number)) for number in range(3)]


def test_the_fragments_of_deleted_and_overwritten_objects_go_after_the_grace() -> None:
    async def test(far: Far) -> None:
        for name in ("kept", "overwritten", "deleted"):
            await far.store.put("bucket", name, content(SIZE))
        await far.store.put("bucket", "overwritten", content(SIZE, 1))
        await far.store.delete("bucket", "deleted")
        assert (await collect(far.store)).extents == 0
        assert await held(far) == [4, 4, 4]
        await far.settle(3601)
        assert (await collect(far.store)).extents == 2
        assert await held(far) == [2, 2, 2]
        assert far.store.catalog.state.counts().dead == 0
        assert await (await far.store.get("bucket", "kept")).read() == content(SIZE)
        assert await (await far.store.get("bucket", "overwritten")).read() == content(SIZE, 1)

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
