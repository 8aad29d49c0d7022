"""Multipart uploads: parts, completion as S3 judges it, abortion."""

import hashlib
from collections.abc import Iterator

import pytest
from making import (
    GENESIS,
    apply,
    apply_one,
    extent,
    fresh_id,
    in_extents,
    inline,
    part_put,
    put,
    upload_created,
)

from outlast.base import limits
from outlast.base.errors import (
    BucketNotEmpty,
    EntityTooLarge,
    InvalidPart,
    InvalidPartOrder,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    PartTooSmall,
    PreconditionFailed,
)
from outlast.base.limits import MIB
from outlast.catalog.content import Inline, Piece
from outlast.catalog.records import (
    Body,
    BucketCreated,
    BucketDeleted,
    Checksum,
    Condition,
    PartCopied,
    PartPut,
    UploadAborted,
    UploadCompleted,
    UploadCreated,
    Version,
)
from outlast.catalog.state import State


@pytest.fixture
def state() -> Iterator[State]:
    state = State(":memory:")
    apply(state, GENESIS, BucketCreated("bucket", 1))
    yield state
    state.close()


@pytest.fixture
def upload(state: State) -> UploadCreated:
    upload = upload_created("key")
    assert apply_one(state, upload) is None
    return upload


def completed(
    upload: UploadCreated,
    *parts: PartPut | PartCopied,
    condition: Condition | None = None,
    checksum: Checksum | None = None,
) -> UploadCompleted:
    named = tuple(
        (part.number, (part.body.md5 if isinstance(part, PartPut) else part.md5).hex()) for part in parts
    )
    return UploadCompleted(
        upload.bucket, upload.key, upload.upload, upload.upload, 9000, named, checksum, condition
    )


def large(upload: UploadCreated, number: int) -> PartPut:
    return part_put(upload, number, in_extents(extent(6 * MIB)))


def test_the_parts_in_order_become_the_object(state: State, upload: UploadCreated) -> None:
    first, second, last = large(upload, 2), large(upload, 5), part_put(upload, 7, inline(b"end"))
    apply(state, last, second, first)
    checksum = Checksum("CRC32C", "x-3", "COMPOSITE")
    version = apply_one(state, completed(upload, first, second, last, checksum=checksum))
    assert isinstance(version, Version)
    md5s = first.body.md5 + second.body.md5 + last.body.md5
    assert version.etag == hashlib.md5(md5s).hexdigest() + "-3"
    assert (version.size, version.parts) == (12 * MIB + 3, (6 * MIB, 6 * MIB, 3))
    assert (version.attributes, version.checksum) == (upload.attributes, checksum)
    found = state.find("bucket", "key")
    assert found is not None
    pieces = [Piece(part.body.extents[0], 0, 6 * MIB) for part in (first, second)]
    assert found.content == (*pieces, Inline(b"end"))
    assert state.upload("bucket", "key", upload.upload) is None
    assert state.parts(upload.upload) == []


def test_parts_that_are_not_named_are_dropped(state: State, upload: UploadCreated) -> None:
    named, other = large(upload, 1), large(upload, 2)
    apply(state, named, other, completed(upload, named))
    assert state.extents() == list(named.body.extents)
    assert [dead.extent for dead in state.dead_extents()] == list(other.body.extents)


def test_a_part_replaces_an_earlier_one_of_its_number(state: State, upload: UploadCreated) -> None:
    older, newer = large(upload, 1), large(upload, 1)
    apply(state, older, newer)
    assert [part.etag for part in state.parts(upload.upload)] == [newer.body.md5.hex()]
    assert state.extents() == list(newer.body.extents)
    assert isinstance(apply_one(state, completed(upload, older)), InvalidPart)


def test_parts_are_listed_after_a_number(state: State, upload: UploadCreated) -> None:
    apply(state, *[part_put(upload, number, inline(b"x" * number)) for number in (3, 1, 2)])
    assert [part.number for part in state.parts(upload.upload, after=1)] == [2, 3]
    assert [part.size for part in state.parts(upload.upload, limit=2)] == [1, 2]


def test_a_completion_must_name_parts_that_are_there_in_order(state: State, upload: UploadCreated) -> None:
    one, two = large(upload, 1), large(upload, 2)
    apply(state, one, two)
    missing = large(upload, 3)
    outcomes = apply(
        state,
        completed(upload),
        completed(upload, two, one),
        completed(upload, one, one),
        completed(upload, one, missing),
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [InvalidPart, InvalidPartOrder, InvalidPartOrder, InvalidPart]
    assert isinstance(apply_one(state, completed(upload, one, two)), Version)


def test_only_the_last_part_may_be_small(state: State, upload: UploadCreated) -> None:
    small, last = part_put(upload, 1, inline(b"small")), part_put(upload, 2, inline(b"last"))
    apply(state, small, last)
    assert isinstance(apply_one(state, completed(upload, small, last)), PartTooSmall)
    assert isinstance(apply_one(state, completed(upload, last)), Version)


def test_a_part_of_exactly_the_least_size_is_large_enough(state: State, upload: UploadCreated) -> None:
    parts = [part_put(upload, number, in_extents(extent(limits.part_bytes_min))) for number in (1, 2)]
    apply(state, *parts)
    assert isinstance(apply_one(state, completed(upload, *parts)), Version)


def test_an_object_larger_than_s3_allows_is_refused(state: State, upload: UploadCreated) -> None:
    half = limits.object_bytes_max // 2 + 1
    parts = [part_put(upload, number, Body(half, fresh_id(), extents=(extent(),))) for number in (1, 2)]
    apply(state, *parts)
    assert isinstance(apply_one(state, completed(upload, *parts)), EntityTooLarge)


def test_a_completion_obeys_its_condition_and_can_be_tried_again(state: State, upload: UploadCreated) -> None:
    part = large(upload, 1)
    apply(state, part, put("key"))
    absent, match = Condition("absent"), Condition("match", "other")
    outcomes = apply(
        state, completed(upload, part, condition=absent), completed(upload, part, condition=match)
    )
    assert [type(outcome) for outcome in outcomes] == [PreconditionFailed, PreconditionFailed]
    assert isinstance(apply_one(state, completed(upload, part)), Version)


def test_a_completion_that_must_match_an_object_needs_one(state: State, upload: UploadCreated) -> None:
    part = large(upload, 1)
    apply(state, part)
    refused = apply_one(state, completed(upload, part, condition=Condition("match", "*")))
    assert isinstance(refused, NoSuchKey)


def test_a_completion_asked_for_again_gives_the_same_version(state: State, upload: UploadCreated) -> None:
    part = large(upload, 1)
    apply(state, part)
    once, again = apply(state, completed(upload, part), completed(upload, part))
    assert isinstance(once, Version)
    assert again == once
    apply(state, put("key", b"something newer"))
    assert isinstance(apply_one(state, completed(upload, part)), NoSuchUpload)


def test_an_aborted_upload_is_gone_with_its_parts(state: State, upload: UploadCreated) -> None:
    part = large(upload, 1)
    apply(state, part)
    abort = UploadAborted(upload.bucket, upload.key, upload.upload)
    assert apply_one(state, abort) is None
    assert isinstance(apply_one(state, abort), NoSuchUpload)
    assert isinstance(apply_one(state, completed(upload, part)), NoSuchUpload)
    assert (state.extents(), state.counts().uploads) == ([], 0)


def test_an_upload_belongs_to_its_key(state: State, upload: UploadCreated) -> None:
    elsewhere = PartPut("bucket", "another key", upload.upload, 1, 1, inline(b"x"))
    assert isinstance(apply_one(state, elsewhere), NoSuchUpload)


def test_a_bucket_with_an_upload_under_way_cannot_be_deleted(state: State, upload: UploadCreated) -> None:
    """As records meant it that were written before a bucket's deletion could abort uploads."""
    assert isinstance(apply_one(state, BucketDeleted("bucket")), BucketNotEmpty)
    apply(state, UploadAborted(upload.bucket, upload.key, upload.upload))
    assert apply_one(state, BucketDeleted("bucket")) is None


def test_deleting_a_bucket_aborts_its_uploads(state: State, upload: UploadCreated) -> None:
    apply(state, large(upload, 1), large(upload, 2))
    apply(state, BucketCreated("other", 1), UploadCreated("other", "key", fresh_id(), 1, upload.attributes))
    assert apply_one(state, BucketDeleted("bucket", aborts=True)) is None
    assert (state.extents(), state.counts().uploads) == ([], 1)
    assert len(state.dead_extents()) == state.counts().dead > 0
    apply(state, BucketCreated("bucket", 2))
    assert state.uploads("bucket").entries == []


def test_an_upload_in_no_bucket_is_not_what_is_missing(state: State, upload: UploadCreated) -> None:
    abort = UploadAborted("nowhere", upload.key, upload.upload)
    assert isinstance(apply_one(state, abort), NoSuchBucket)


def test_a_copied_part_shares_a_stretch_of_its_source(state: State, upload: UploadCreated) -> None:
    first, second = extent(6 * MIB), extent(6 * MIB)
    source = put("source", in_extents(first, second))
    apply(state, source)

    def copy(number: int, start: int, length: int) -> PartCopied:
        return PartCopied(
            "bucket", "key", upload.upload, number, 5000,
            "bucket", "source", source.version.id, start, length, fresh_id(),
        )  # fmt: skip

    one, two = copy(1, MIB, 6 * MIB), copy(2, 12 * MIB - 1, 1)
    outcomes = apply(state, one, two, copy(3, 12 * MIB, 1))
    assert outcomes[:2] == [None, None]
    assert isinstance(outcomes[2], InvalidPart)
    apply(state, completed(upload, one, two))
    found = state.find("bucket", "key")
    assert found is not None
    assert found.content == (
        Piece(first, MIB, 5 * MIB),
        Piece(second, 0, MIB),
        Piece(second, 6 * MIB - 1, 1),
    )


def test_a_part_copied_from_a_version_that_is_gone_is_refused(state: State, upload: UploadCreated) -> None:
    copy = PartCopied("bucket", "key", upload.upload, 1, 1, "bucket", "gone", fresh_id(), 0, 1, fresh_id())
    assert isinstance(apply_one(state, copy), NoSuchKey)
