"""Catalog records as they were first written: read as ever, and written to the same bytes.

When a record gets a new field, its new bytes are appended to its list in `catalog-records.json`; the old ones
stay, and must go on being read as a record with the default in the new field.
"""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from outlast.catalog.records import (
    AccessKeyCreated,
    AccessKeyDeleted,
    AnyRecord,
    Attributes,
    Body,
    BucketCreated,
    BucketDeleted,
    Checksum,
    Condition,
    DrillFault,
    DrillReported,
    DrillSet,
    Extent,
    ExtentsCollected,
    Fragment,
    FragmentsLost,
    FragmentsRestored,
    Genesis,
    GracePassed,
    MendClaimed,
    ObjectCopied,
    ObjectDeleted,
    ObjectPut,
    ObjectsDeleted,
    PartCopied,
    PartPut,
    ProviderReattached,
    ReadingHeld,
    UploadAborted,
    UploadCompleted,
    UploadCreated,
    UsageReported,
    Version,
    WritesExpired,
)
from outlast.catalog.wire import decode, encode
from outlast.placement.members import Domains, Member, Policy

ID, OTHER = bytes(range(16)), bytes(range(16, 32))
CHECKSUM = Checksum("CRC64NVME", "AAAAAAAAAAA=", "FULL_OBJECT")
ATTRIBUTES = Attributes({"content-type": "text/plain"}, {"colour": "blue"})
EXTENT = Extent(ID, 5_000_000, b"wrapped", 2, 1, ("a", "b", "c"), 0b100, (ID, OTHER, ID))
VERSION = Version(ID, "0123456789abcdef0123456789abcdef", 5, 1_700_000_000_000, ATTRIBUTES, CHECKSUM, (2, 3))
MEMBERS = (
    Member("a", Domains("Home", "eu", "me", "disk", "shelf"), True, True, ID),
    Member("w", Domains("Work"), True, False, OTHER),
)

RECORDS: dict[str, AnyRecord] = {
    "Genesis": Genesis(ID, 1_700_000_000_000, Policy(1, "operator", "early"), MEMBERS, ("a", "w")),
    "BucketCreated": BucketCreated("photos", 1_700_000_000_001),
    "BucketDeleted": BucketDeleted("photos", aborts=True),
    "ObjectPut inline": ObjectPut("photos", "a/\u00e9", VERSION, Body(5, bytes(16), b"hello")),
    "ObjectPut extents": ObjectPut(
        "photos", "b", VERSION, Body(5_000_000, bytes(16), None, (EXTENT,), 4), Condition("match", "*")
    ),
    "ObjectCopied": ObjectCopied("photos", "b", ID, "films", "c", OTHER, 7, ATTRIBUTES, Condition("absent")),
    "ObjectDeleted": ObjectDeleted("photos", "b", Condition("match", "00"), 8),
    "ObjectsDeleted": ObjectsDeleted("photos", ("b", "c"), 9),
    "UploadCreated": UploadCreated("photos", "d", ID, 10, ATTRIBUTES, "SHA256", "COMPOSITE"),
    "PartPut": PartPut("photos", "d", ID, 1, 11, Body(5, bytes(16), b"hello"), CHECKSUM),
    "PartCopied": PartCopied("photos", "d", ID, 2, 12, "films", "c", OTHER, 100, 50, bytes(16)),
    "UploadCompleted": UploadCompleted(
        "photos", "d", ID, OTHER, 13, ((1, "00"), (2, "11")), CHECKSUM, Condition("absent")
    ),
    "UploadAborted": UploadAborted("photos", "d", ID, 14),
    "AccessKeyCreated": AccessKeyCreated("laptop", "OUTLAST", b"sealed", "photos", True, 15),
    "AccessKeyDeleted": AccessKeyDeleted("laptop"),
    "FragmentsLost": FragmentsLost(ID, (EXTENT.fragment(0), EXTENT.fragment(1))),
    "FragmentsRestored": FragmentsRestored(ID, (Fragment(2, "d", OTHER),), ("a", "b", "c")),
    "ExtentsCollected": ExtentsCollected((ID, OTHER)),
    "ProviderReattached": ProviderReattached("a", OTHER),
    "DrillSet": DrillSet(
        "a", "hang", 16, (DrillFault("hang", 0.5, True, False), DrillFault("err")), 17, "me@home"
    ),
    "UsageReported": UsageReported("2026-11", "a", ID, 17, 18_000_000_000),
    "DrillReported": DrillReported("operator=Amazon", ("a", "b"), 17, 18, True, b"{}"),
    "MendClaimed": MendClaimed(ID, (ID, OTHER)),
    "WritesExpired": WritesExpired(19),
    "GracePassed": GracePassed(20, 3600),
    "ReadingHeld": ReadingHeld(ID, 21),
}
GOLDEN: dict[str, list[str]] = json.loads((Path(__file__).parent / "catalog-records.json").read_text())


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_read_and_written_as_ever(name: str) -> None:
    newest = bytes.fromhex(GOLDEN[name][-1])
    assert decode(newest) == RECORDS[name]
    assert encode(RECORDS[name]) == newest
    for older in GOLDEN[name][:-1]:
        assert type(decode(bytes.fromhex(older))) is type(RECORDS[name])


def test_every_kind_of_record_has_its_golden_bytes() -> None:
    assert {type(record) for record in RECORDS.values()} == set(get_args(AnyRecord))
    assert RECORDS.keys() == GOLDEN.keys()


@pytest.mark.parametrize("kind", get_args(AnyRecord), ids=lambda kind: kind.__name__)
def test_every_record_is_documented_with_its_tag_and_its_fields_in_order(kind: type) -> None:
    page = (Path(__file__).parents[2] / "docs" / "internals" / "formats" / "catalog-records.md").read_text()
    cells = [line.strip("| ").split(" | ") for line in page.splitlines() if f" | {kind.__name__} | " in line]
    ((tag, _, fields),) = cells
    assert int(tag) == kind.__struct_config__.tag
    assert [field.split()[0] for field in re.split(r", (?![^\[]*\])", fields)] == list(kind.__struct_fields__)
