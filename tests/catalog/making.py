"""Records for tests, with the fields that do not matter filled in."""

import hashlib
from itertools import count

from outlast.base.limits import MIB
from outlast.catalog.records import (
    AnyRecord,
    Attributes,
    Body,
    Checksum,
    Condition,
    Extent,
    ObjectPut,
    PartPut,
    UploadCreated,
    Version,
)
from outlast.catalog.state import State
from outlast.catalog.wire import encode

_ids = count(1)
HASH = b"h" * 32
PLAIN = Attributes({"content-type": "text/plain"}, {"colour": "red"})


def fresh_id() -> bytes:
    return next(_ids).to_bytes(16, "big")


def apply(state: State, *records: AnyRecord) -> list[object]:
    """Apply one batch as the next slot."""
    return list(state.apply(state.position.slot + 1, HASH, [encode(record) for record in records]))


def apply_one(state: State, record: AnyRecord) -> object:
    return apply(state, record)[0]


def inline(data: bytes) -> Body:
    return Body(len(data), hashlib.md5(data).digest(), inline=data)


def extent(size: int = 6 * MIB, missing: int = 0) -> Extent:
    return Extent(fresh_id(), size, b"wrapped key", 2, 1, ("one", "two", "three"), missing)


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
