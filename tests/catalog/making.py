"""Records for tests, with the fields that do not matter filled in."""

import hashlib
from collections.abc import Sequence
from itertools import count

from outlast.base.limits import MIB
from outlast.catalog.records import (
    AnyRecord,
    Attributes,
    Body,
    Checksum,
    Condition,
    Extent,
    Fragment,
    Genesis,
    ObjectPut,
    PartPut,
    UploadCreated,
    Version,
)
from outlast.catalog.state import State
from outlast.catalog.wire import encode
from outlast.placement.members import Domains, Member, Policy

_ids = count(1)
HASH = b"h" * 32
PLACES = ("one", "two", "three")
PLAIN = Attributes({"content-type": "text/plain"}, {"colour": "red"})


def fresh_id() -> bytes:
    return next(_ids).to_bytes(16, "big")


def incarnation(name: str, number: int = 1) -> bytes:
    """Those of number 1 are the providers' own since the store was created."""
    return f"{name} {number}".encode().ljust(16)


MEMBERS = tuple(
    Member(name, Domains(name), True, True, incarnation(name)) for name in (*PLACES, "four", "five")
)
GENESIS = Genesis(b"s" * 16, 5, Policy(1), MEMBERS, PLACES)


def apply(state: State, *records: AnyRecord) -> list[object]:
    """Apply one batch as the next slot."""
    return list(state.apply(state.position.slot + 1, HASH, [encode(record) for record in records]))


def apply_one(state: State, record: AnyRecord) -> object:
    return apply(state, record)[0]


def inline(data: bytes) -> Body:
    return Body(len(data), hashlib.md5(data).digest(), inline=data)


def extent(size: int = 6 * MIB, missing: int = 0, places: Sequence[str] = PLACES) -> Extent:
    """An extent whose fragments were written under the incarnations that `GENESIS` has."""
    incarnations = tuple(incarnation(place) for place in places)
    return Extent(fresh_id(), size, b"wrapped key", 2, 1, tuple(places), missing, incarnations)


def fragments(extent: Extent, *indices: int) -> tuple[Fragment, ...]:
    return tuple(extent.fragment(index) for index in indices)


def in_extents(*extents: Extent) -> Body:
    size = sum(extent.size for extent in extents)
    return Body(size, hashlib.md5(repr(extents).encode()).digest(), extents=extents)


def put(
    key: str,
    body: Body | bytes = b"hello",
    *,
    bucket: str = "bucket",
    at: int = 1000,
    condition: Condition | None = None,
    checksum: Checksum | None = None,
) -> ObjectPut:
    body = inline(body) if isinstance(body, bytes) else body
    version = Version(fresh_id(), body.md5.hex(), body.size, at, PLAIN, checksum)
    return ObjectPut(bucket, key, version, body, condition)


def upload_created(key: str, *, bucket: str = "bucket", at: int = 1000) -> UploadCreated:
    return UploadCreated(bucket, key, fresh_id(), at, PLAIN, "CRC32C", "COMPOSITE")


def part_put(upload: UploadCreated, number: int, body: Body, checksum: Checksum | None = None) -> PartPut:
    return PartPut(upload.bucket, upload.key, upload.upload, number, 2000 + number, body, checksum)
