"""Multipart uploads: parts become one object, in order; refusals; ranged and part reads; copies of parts."""

import hashlib

import pytest
from store_worlds import Far, chunks, content, in_far_store

from outlast.base import limits
from outlast.base.errors import (
    InvalidPart,
    InvalidPartOrder,
    NoSuchKey,
    NoSuchUpload,
    PartTooSmall,
    PreconditionFailed,
)
from outlast.catalog.records import Attributes, Condition
from outlast.store import part_span

PART = 80_000
NO_UPLOAD = "0" * 32


@pytest.fixture(autouse=True)
def small_parts(small_sizes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "part_bytes_min", PART)


async def upload_parts(far: Far, *sizes: int) -> tuple[str, list[tuple[int, str]]]:
    upload = await far.store.create_upload("bucket", "k", Attributes({"content-type": "a/b"}))
    parts = []
    for number, size in enumerate(sizes, 1):
        etag = await far.store.put_part("bucket", "k", upload, number, chunks(content(size, number)))
        parts.append((number, etag))
    return upload, parts


def test_parts_become_one_object() -> None:
    sizes = PART, PART + 1, 3 * PART, 10

    async def test(far: Far) -> None:
        upload, parts = await upload_parts(far, *sizes)
        version = await far.store.complete_upload("bucket", "k", upload, parts)
        whole = b"".join(content(size, number) for number, size in enumerate(sizes, 1))
        md5s = b"".join(hashlib.md5(content(s, n)).digest() for n, s in enumerate(sizes, 1))
        assert version.etag == hashlib.md5(md5s).hexdigest() + "-4"
        assert (version.size, version.parts) == (len(whole), sizes)
        assert version.attributes.headers == {"content-type": "a/b"}
        assert await (await far.store.get("bucket", "k")).read() == whole
        for number in range(1, 5):
            start, stop = part_span(version, number)
            assert await (await far.store.get("bucket", "k", (start, stop))).read() == whole[start:stop]
            assert stop - start == sizes[number - 1]
        assert await far.store.complete_upload("bucket", "k", upload, parts) == version

    in_far_store(test)


def test_part_spans_of_what_was_not_put_in_parts() -> None:
    async def test(far: Far) -> None:
        version = await far.store.put("bucket", "k", b"hello")
        assert part_span(version, 1) == (0, 5)
        for number in (0, 2):
            with pytest.raises(InvalidPart):
                part_span(version, number)

    in_far_store(test)


def test_a_part_put_again_replaces_the_first_and_parts_left_out_are_dropped() -> None:
    async def test(far: Far) -> None:
        upload, parts = await upload_parts(far, PART, PART, PART)
        etag = await far.store.put_part("bucket", "k", upload, 1, content(PART, 9))
        listed = await far.store.parts("bucket", "k", upload)
        assert [(part.number, part.size) for part in listed] == [(1, PART), (2, PART), (3, PART)]
        assert [part.number for part in await far.store.parts("bucket", "k", upload, 1, 1)] == [2]
        await far.store.complete_upload("bucket", "k", upload, [(1, etag), parts[2]])
        assert await (await far.store.get("bucket", "k")).read() == content(PART, 9) + content(PART, 3)

    in_far_store(test)


def test_refusals() -> None:
    async def test(far: Far) -> None:
        upload, parts = await upload_parts(far, PART, PART - 1, PART)
        complete = far.store.complete_upload
        with pytest.raises(PartTooSmall):
            await complete("bucket", "k", upload, parts)
        with pytest.raises(InvalidPartOrder):
            await complete("bucket", "k", upload, [parts[2], parts[0]])
        with pytest.raises(InvalidPart):
            await complete("bucket", "k", upload, [(1, parts[2][1])])
        with pytest.raises(InvalidPart):
            await complete("bucket", "k", upload, [(7, parts[2][1])])
        with pytest.raises(InvalidPart):
            await far.store.put_part("bucket", "k", upload, 0, b"")
        with pytest.raises(InvalidPart):
            await far.store.put_part("bucket", "k", upload, limits.parts_max + 1, b"")
        await far.store.put("bucket", "k", b"there")
        with pytest.raises(PreconditionFailed):
            await complete("bucket", "k", upload, parts[:1], condition=Condition("absent"))
        await complete("bucket", "k", upload, parts[:1], condition=Condition("match", "*"))

    in_far_store(test)


@pytest.mark.parametrize("upload", [NO_UPLOAD, "not hex", "", "00", "é"])
def test_an_upload_that_is_not_there(upload: str) -> None:
    async def untouched():
        raise AssertionError("the source was read")
        yield b""

    async def test(far: Far) -> None:
        store = far.store
        for wanted in (
            lambda: store.upload("bucket", "k", upload),
            lambda: store.put_part("bucket", "k", upload, 1, untouched()),
            lambda: store.parts("bucket", "k", upload),
            lambda: store.complete_upload("bucket", "k", upload, [(1, "x")]),
            lambda: store.abort_upload("bucket", "k", upload),
        ):
            with pytest.raises(NoSuchUpload):
                await wanted()

    in_far_store(test)


def test_an_aborted_upload_takes_no_more_parts() -> None:
    async def test(far: Far) -> None:
        upload, _ = await upload_parts(far, PART)
        page = await far.store.uploads("bucket")
        assert [(one.key, one.id.hex()) for one in page.entries] == [("k", upload)]
        await far.store.abort_upload("bucket", "k", upload)
        assert (await far.store.uploads("bucket")).entries == []
        with pytest.raises(NoSuchUpload):
            await far.store.put_part("bucket", "k", upload, 1, content(PART))
        with pytest.raises(NoSuchKey):
            await far.store.head("bucket", "k")

    in_far_store(test)


def test_an_upload_begun_at_another_gateway_goes_on_here() -> None:
    async def test(far: Far) -> None:
        other = (await far.world.gateway()).store
        upload, parts = await upload_parts(far, PART)
        etag = await other.put_part("bucket", "k", upload, 2, content(PART, 2))
        await other.complete_upload("bucket", "k", upload, [*parts, (2, etag)])
        assert await (await far.store.get("bucket", "k")).read() == content(PART, 1) + content(PART, 2)

    in_far_store(test)


def test_parts_can_be_copied_from_objects_without_moving_them() -> None:
    async def test(far: Far) -> None:
        size = 600_000
        source = await far.store.put("bucket", "source", content(size))
        upload = await far.store.create_upload("bucket", "k")
        held = [far.fragments(number) for number in range(3)]
        digest = hashlib.sha256()
        etag, version = await far.store.copy_part(
            "bucket", "k", upload, 1, "bucket", "source", (1000, 301_000), digests=[digest]
        )
        assert version == source
        assert etag == hashlib.md5(content(size)[1000:301_000]).hexdigest()
        assert digest.digest() == hashlib.sha256(content(size)[1000:301_000]).digest()
        last, _ = await far.store.copy_part(
            "bucket", "k", upload, 2, "bucket", "source", select=lambda version: (0, 7)
        )
        assert [far.fragments(number) for number in range(3)] == held
        await far.store.complete_upload("bucket", "k", upload, [(1, etag), (2, last)])
        await far.store.delete("bucket", "source")
        expected = content(size)[1000:301_000] + content(size)[:7]
        assert await (await far.store.get("bucket", "k")).read() == expected

    in_far_store(test)
