"""The store's face: buckets, objects, copies, lists, conditions, and what is newest through two gateways."""

import asyncio

import pytest
from store_worlds import Far, content, in_far_store

from outlast.base.errors import (
    BadBucketName,
    BucketExists,
    BucketNotEmpty,
    NoSuchBucket,
    NoSuchKey,
    PreconditionFailed,
)
from outlast.catalog.records import AnyRecord, Attributes, Checksum, Condition, ObjectCopied, Version

EXTENT = 256 << 10
ABSENT = Condition("absent")

pytestmark = pytest.mark.usefixtures("small_sizes")


async def read(far: Far, name: str) -> bytes:
    return await (await far.store.get("bucket", name)).read()


def test_buckets_come_and_go() -> None:
    async def test(far: Far) -> None:
        await far.store.create_bucket("another")
        assert [bucket.name for bucket in await far.store.buckets()] == ["another", "bucket"]
        assert (await far.store.bucket("another")).objects == 0
        with pytest.raises(BucketExists):
            await far.store.create_bucket("another")
        with pytest.raises(BadBucketName):
            await far.store.create_bucket("No")
        await far.store.put("another", "k", b"")
        with pytest.raises(BucketNotEmpty):
            await far.store.delete_bucket("another")
        await far.store.delete("another", "k")
        await far.store.delete_bucket("another")
        with pytest.raises(NoSuchBucket):
            await far.store.bucket("another")

    in_far_store(test)


def test_a_version_says_what_was_put() -> None:
    async def test(far: Far) -> tuple[Version, Version]:
        attributes = Attributes({"content-type": "text/plain"}, {"color": "blue"})
        checksum = Checksum("CRC32C", "AAAAAA==")
        put = await far.store.put("bucket", "k", b"hello", attributes, check=lambda body: checksum)
        assert put.attributes == attributes
        assert put.checksum == checksum
        return put, await far.store.head("bucket", "k")

    put, head = in_far_store(test)
    assert put == head
    assert (put.etag, put.size) == ("5d41402abc4b2a76b9719d911017c592", 5)
    assert put.modified // 1000 == 1_800_000_000


@pytest.mark.parametrize("size", [100, EXTENT + 1])
def test_conditions_decide_who_wins(size: int) -> None:
    async def test(far: Far) -> None:
        first = await far.store.put("bucket", "k", content(size), condition=ABSENT)
        with pytest.raises(PreconditionFailed):
            await far.store.put("bucket", "k", content(size, 1), condition=ABSENT)
        with pytest.raises(PreconditionFailed):
            await far.store.put("bucket", "k", content(size, 1), condition=Condition("match", "0" * 32))
        assert await read(far, "k") == content(size)
        await far.store.put("bucket", "k", content(size, 1), condition=Condition("match", first.etag))
        assert await read(far, "k") == content(size, 1)
        with pytest.raises(PreconditionFailed):
            await far.store.delete("bucket", "k", Condition("match", first.etag))
        with pytest.raises(NoSuchKey):
            await far.store.put("bucket", "absent", content(size), condition=Condition("match", "*"))
        await far.settle()
        assert await read(far, "k") == content(size, 1)

    in_far_store(test)


def test_of_many_creators_through_two_gateways_one_wins() -> None:
    async def test(far: Far) -> None:
        stores = [far.store, (await far.world.gateway()).store]
        for n in range(5):
            outcomes = await asyncio.gather(
                *(stores[i % 2].put("bucket", f"k{n}", content(100, i), condition=ABSENT) for i in range(16)),
                return_exceptions=True,
            )
            winners = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Version)]
            assert len(winners) == 1
            assert all(isinstance(o, Version | PreconditionFailed) for o in outcomes)
            assert await read(far, f"k{n}") == content(100, winners[0])

    in_far_store(test)


def test_deleting_says_whether_there_was_one() -> None:
    async def test(far: Far) -> None:
        for name in "abc":
            await far.store.put("bucket", name, content(100))
        assert await far.store.delete("bucket", "a") is True
        assert await far.store.delete("bucket", "a") is False
        assert await far.store.delete_many("bucket", ["a", "b", "c", "d"]) == 2
        with pytest.raises(NoSuchBucket):
            await far.store.delete("absent", "a")

    in_far_store(test)


@pytest.mark.parametrize("size", [0, 100, 2 * EXTENT + 1])
def test_a_copy_moves_nothing_and_outlives_its_source(size: int) -> None:
    async def test(far: Far) -> None:
        await far.store.create_bucket("other")
        attributes = Attributes({"content-type": "a/b"})
        source = await far.store.put("bucket", "k", content(size), attributes)
        held = [far.fragments(number) for number in range(3)]
        copy = await far.store.copy("bucket", "k", "other", "copy")
        assert (copy.etag, copy.size, copy.attributes) == (source.etag, size, attributes)
        replaced = await far.store.copy("bucket", "k", "other", "plain", Attributes())
        assert replaced.attributes == Attributes()
        assert [far.fragments(number) for number in range(3)] == held
        await far.store.delete("bucket", "k")
        assert await (await far.store.get("other", "copy")).read() == content(size)

    in_far_store(test)


def test_a_copy_may_be_refused_by_its_source_or_its_target() -> None:
    class Refused(Exception):
        pass

    def refuse(version: Version) -> None:
        raise Refused

    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", b"data")
        with pytest.raises(Refused):
            await far.store.copy("bucket", "k", "bucket", "copy", check=refuse)
        with pytest.raises(NoSuchKey):
            await far.store.copy("bucket", "absent", "bucket", "copy")
        with pytest.raises(NoSuchKey):
            await far.store.copy("bucket", "k", "bucket", "copy", condition=Condition("match", "*"))
        with pytest.raises(PreconditionFailed):
            await far.store.copy("bucket", "k", "bucket", "k", Attributes(), condition=ABSENT)
        with pytest.raises(NoSuchBucket):
            await far.store.copy("bucket", "k", "absent", "copy")

    in_far_store(test)


def test_a_copy_looks_again_when_its_source_is_overwritten_before_it_is_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(100))
        commit = far.store.catalog.commit
        overwrites = iter(range(1, 4))

        async def late(record: AnyRecord) -> object:
            if isinstance(record, ObjectCopied) and (n := next(overwrites, None)) is not None:
                await far.store.put("bucket", "k", content(100, n))
            return await commit(record)

        monkeypatch.setattr(far.store.catalog, "commit", late)
        await far.store.copy("bucket", "k", "bucket", "copy")
        assert await read(far, "copy") == content(100, 3)

    in_far_store(test)


def test_a_copy_of_what_is_overwritten_meanwhile_is_one_of_the_two() -> None:
    async def test(far: Far) -> None:
        other = (await far.world.gateway()).store
        await far.store.put("bucket", "k", content(100))
        for n in range(1, 6):
            copy, _ = await asyncio.gather(
                far.store.copy("bucket", "k", "bucket", "copy"),
                other.put("bucket", "k", content(100, n)),
            )
            assert await read(far, "copy") in (content(100, n - 1), content(100, n))
            assert copy.etag == (await far.store.head("bucket", "copy")).etag

    in_far_store(test)


def test_lists_are_in_order_and_in_pages() -> None:
    async def test(far: Far) -> None:
        names = sorted(["a/1", "a/2", "b", "b/c", "é", "z\0", "z"])
        for name in names:
            await far.store.put("bucket", name, b"")
        page = await far.store.list("bucket", limit=3)
        assert [entry.key for entry in page.entries] == names[:3]
        assert page.next == names[2]
        rest = await far.store.list("bucket", start_after=page.next)
        assert [entry.key for entry in rest.entries] == names[3:]
        rolled = await far.store.list("bucket", delimiter="/")
        assert rolled.prefixes == ["a/", "b/"]
        with pytest.raises(NoSuchBucket):
            await far.store.list("absent")

    in_far_store(test)


def test_what_one_gateway_acknowledged_the_other_shows() -> None:
    async def test(far: Far) -> None:
        other = (await far.world.gateway()).store
        for n in range(10):
            size = 100 if n % 2 else EXTENT
            version = await far.store.put("bucket", "k", content(size, n))
            assert await other.head("bucket", "k") == version
            assert [entry.etag for entry in (await other.list("bucket")).entries] == [version.etag]
            assert await (await other.get("bucket", "k")).read() == content(size, n)

    in_far_store(test)


def test_status_tells_of_providers_and_contents() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(EXTENT))
        far.memories[2].wipe()
        await far.settle(20)
        status = await far.store.status()
        assert [(one.name, one.state) for one in status.providers] == [
            ("p0", "healthy"),
            ("p1", "healthy"),
            ("p2", "estranged"),
        ]
        assert (status.tolerate, status.domain, status.voters) == (1, "operator", ("p0", "p1", "p2"))
        assert (status.counts.objects, status.counts.bytes, status.counts.extents) == (1, EXTENT, 1)

    in_far_store(test)
