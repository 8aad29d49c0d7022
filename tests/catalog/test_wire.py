"""Records as bytes."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import PLAIN, extent, in_extents, inline, part_put, put, upload_created

from outlast.base.errors import ConfigError, StoreCorrupt
from outlast.base.wire import Struct
from outlast.catalog.records import (
    AccessKeyCreated,
    AccessKeyDeleted,
    AnyRecord,
    BucketCreated,
    BucketDeleted,
    Checksum,
    Condition,
    DrillFault,
    DrillReported,
    DrillSet,
    ExtentsCollected,
    Fragment,
    FragmentsLost,
    FragmentsRestored,
    Genesis,
    GracePassed,
    MendClaimed,
    ObjectCopied,
    ObjectDeleted,
    ObjectsDeleted,
    PartCopied,
    ProviderReattached,
    ReadingHeld,
    UploadAborted,
    UploadCompleted,
    UsageReported,
    WritesExpired,
)
from outlast.catalog.wire import decode, encode
from outlast.placement.members import Domains, Member, Policy

CONDITION = Condition("match", "etag")
CHECKSUM = Checksum("SHA1", "eA==", "COMPOSITE")
GENESIS = Genesis(b"s", 1, Policy(2, "region"), (Member("m", Domains("o"), True, False, b"i"),), ("m",))
RECORDS: tuple[AnyRecord, ...] = (
    GENESIS,
    BucketCreated("bucket", 1),
    BucketDeleted("bucket"),
    BucketDeleted("bucket", aborts=True),
    put("inline", b"\0\xff", condition=CONDITION, checksum=CHECKSUM),
    put("in extents \U0001f600", in_extents(extent(), extent(missing=5))),
    ObjectCopied("bucket", "a", b"v", "other", "b", b"w", 1, PLAIN, CONDITION),
    ObjectDeleted("bucket", "a", CONDITION, 3),
    ObjectsDeleted("bucket", ("a", "b"), 4),
    upload_created("a"),
    part_put(upload_created("a"), 7, inline(b"x"), CHECKSUM),
    PartCopied("bucket", "a", b"u", 2, 1, "other", "b", b"v", 3, 4, b"md5"),
    UploadCompleted("bucket", "a", b"u", b"u", 1, ((1, "x"), (2, "y")), CHECKSUM, CONDITION),
    UploadAborted("bucket", "a", b"u", 1),
    AccessKeyCreated("name", "id", b"sealed", "", True, 1),
    AccessKeyDeleted("name"),
    FragmentsLost(b"e", (Fragment(1, "place", b"i"), Fragment(2, "other", b"j"))),
    FragmentsRestored(b"e", (Fragment(1, "place", b"i"),)),
    ExtentsCollected((b"e", b"f")),
    ProviderReattached("one", b"i"),
    DrillSet("one", "hang", 1, (DrillFault("hang", 0.5, False),)),
    UsageReported("2026-11", "one", b"g" * 16, 10, 100),
    DrillReported("one", ("one",), 1, 2, True, b"{}"),
    MendClaimed(b"g" * 16, (b"e", b"f")),
    WritesExpired(7),
    GracePassed(8, 3600),
    ReadingHeld(b"g" * 16, 9),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_record_comes_back_as_it_was(record: AnyRecord) -> None:
    assert decode(encode(record)) == record


def test_there_is_an_example_of_every_record() -> None:
    assert {type(record) for record in RECORDS} == set(get_args(AnyRecord))


def test_a_record_is_an_array_that_begins_with_its_tag() -> None:
    assert msgspec.msgpack.decode(encode(BucketCreated("photos", 5))) == [1, "photos", 5]


def test_a_record_of_a_newer_version_stops_with_the_remedy() -> None:
    with pytest.raises(ConfigError) as caught:
        decode(msgspec.msgpack.encode([99, "something new"]))
    assert "upgrade Outlast" in caught.value.remedy


def test_a_known_record_with_an_unknown_value_stops_with_the_remedy() -> None:
    fields = msgspec.msgpack.decode(encode(put("a")))
    fields[5] = ["newer-than-you", 12]  # in the place of a condition, which is `absent` or `match`
    with pytest.raises(ConfigError):
        decode(msgspec.msgpack.encode(fields))


def extended(value: object) -> list[object]:
    """The value as plain lists, once for each struct in it with one more field at that struct's end."""
    if isinstance(value, Struct):
        config = value.__struct_config__
        tag = [] if config.tag is None else [config.tag]
        parts = [getattr(value, name) for name in value.__struct_fields__]
        own: list[object] = [[*tag, *map(plain, parts), "of a later version"]]
    elif isinstance(value, tuple):
        tag, parts, own = [], list(value), []
    else:
        return []
    inside = [
        [*tag, *map(plain, parts[:at]), variant, *map(plain, parts[at + 1 :])]
        for at, part in enumerate(parts)
        for variant in extended(part)
    ]
    return own + inside


def plain(value: object) -> object:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_field_of_a_later_version_stops_wherever_it_is(record: AnyRecord) -> None:
    variants = extended(record)
    assert variants
    for variant in variants:
        with pytest.raises(ConfigError) as caught:
            decode(msgspec.msgpack.encode(variant))
        assert "upgrade Outlast" in caught.value.remedy


def test_fields_of_later_versions_are_looked_for_in_values_inside_values() -> None:
    assert len(extended(GENESIS)) == 4  # itself, its policy, its member, and the member's domains


def test_a_record_without_fields_that_were_added_later_has_their_defaults() -> None:
    assert decode(msgspec.msgpack.encode([5, "bucket", "key"])) == ObjectDeleted("bucket", "key")


@given(st.binary(max_size=40))
def test_bytes_that_are_no_record_are_refused(data: bytes) -> None:
    with pytest.raises((StoreCorrupt, ConfigError)):
        decode(b"\x93\x63" + data)
