"""Judgement of records about multipart uploads."""

import hashlib
from itertools import pairwise

from outlast.base import limits
from outlast.base.errors import (
    EntityTooLarge,
    InvalidPart,
    InvalidPartOrder,
    NoSuchUpload,
    PartTooSmall,
    StoreError,
)
from outlast.catalog.content import cut, extent_runs, joined
from outlast.catalog.judge_objects import enter, lost, no_bucket, put_version, refused_by, source_of
from outlast.catalog.records import (
    PartCopied,
    PartPut,
    UploadAborted,
    UploadCompleted,
    UploadCreated,
    Version,
)
from outlast.catalog.tables import Tables
from outlast.catalog.uploads import Part, Upload


def _found(tables: Tables, record: PartPut | PartCopied | UploadCompleted | UploadAborted) -> Upload | None:
    bucket = tables.buckets.id_of(record.bucket)
    return None if bucket is None else tables.uploads.find(bucket, record.key.encode(), record.upload)


def _no_upload() -> NoSuchUpload:
    return NoSuchUpload("there is no such multipart upload; it may have been completed or aborted")


def upload_created(tables: Tables, record: UploadCreated) -> StoreError | None:
    """See `UploadCreated`."""
    if (bucket := tables.buckets.id_of(record.bucket)) is None:
        return no_bucket(record.bucket)
    upload = Upload(record.key, record.upload, record.at, record.algorithm, record.kind, record.attributes)
    tables.uploads.add(bucket, record.key.encode(), upload)
    return None


def part_put(tables: Tables, record: PartPut) -> StoreError | None:
    """See `PartPut`."""
    content = enter(tables, record.body, None if _found(tables, record) else _no_upload())
    if isinstance(content, StoreError):
        return content
    part = Part(record.number, record.body.md5.hex(), record.body.size, record.at, record.checksum)
    tables.uploads.put_part(record.upload, part, content, tables.slot)
    return None


def part_copied(tables: Tables, record: PartCopied) -> StoreError | None:
    """See `PartCopied`."""
    if _found(tables, record) is None:
        return _no_upload()
    source = source_of(tables, record.source_bucket, record.source_key, record.source_version)
    if isinstance(source, StoreError):
        return source
    version, content = source
    stop = record.start + record.length
    if not 0 <= record.start <= stop <= version.size:
        return InvalidPart(f"the source has {version.size} bytes, fewer than the range requires")
    copied = cut(content, record.start, stop)
    if (refused := lost(tables, copied)) is not None:
        return refused
    tables.extents.hold(extent_runs(copied))
    part = Part(record.number, record.md5.hex(), record.length, record.at, None)
    tables.uploads.put_part(record.upload, part, copied, tables.slot)
    return None


def _chosen(tables: Tables, record: UploadCompleted) -> list[Part] | StoreError:
    """The parts that the client listed, or what is wrong with them."""
    if not record.parts:
        return InvalidPart("the request lists no parts")
    if any(number >= following for (number, _), (following, _) in pairwise(record.parts)):
        return InvalidPartOrder("the parts are not in ascending order")
    there = {part.number: part for part in tables.uploads.parts(record.upload, 0, -1)}
    chosen: list[Part] = []
    for number, etag in record.parts:
        part = there.get(number)
        if part is None or part.etag != etag:
            return InvalidPart(f"part {number} was not uploaded, or has another ETag")
        chosen.append(part)
    return _sized(chosen)


def _sized(parts: list[Part]) -> list[Part] | StoreError:
    for part in parts[:-1]:
        if part.size < limits.part_bytes_min:
            return PartTooSmall(f"part {part.number} has {part.size} bytes; only the last may be below 5 MiB")
    if sum(part.size for part in parts) > limits.object_bytes_max:
        return EntityTooLarge("the object would be larger than 5 TiB")
    return parts


def multipart_etag(md5s: list[bytes]) -> str:
    """The ETag that S3 gives an object of these parts: the MD5 of their MD5s, and the number of parts."""
    digest = hashlib.md5(b"".join(md5s), usedforsecurity=False)
    return f"{digest.hexdigest()}-{len(md5s)}"


def upload_completed(tables: Tables, record: UploadCompleted) -> Version | StoreError:
    """See `UploadCompleted`."""
    upload = _found(tables, record)
    if upload is None:
        return _repeated(tables, record) or _no_upload()
    parts = _chosen(tables, record)
    if isinstance(parts, StoreError):
        return parts
    bucket = tables.buckets.id_of(record.bucket)
    assert bucket is not None, "an upload in no bucket"
    if (refused := refused_by(tables, bucket, record.key, record.condition)) is not None:
        return refused
    for part in parts:
        content = tables.uploads.content(record.upload, part.number)
        if content is not None and lost(tables, content) is not None:
            return InvalidPart(f"part {part.number} was lost with its providers; upload it again")
    version = _completed(record, upload, parts)
    _assemble(tables, bucket, record, version)
    return version


def _repeated(tables: Tables, record: UploadCompleted) -> Version | None:
    """The version that this very upload made, if the client lost the answer and sent the request again.

    Such a version has the upload's id.
    """
    bucket = tables.buckets.id_of(record.bucket)
    version = None if bucket is None else tables.objects.version(bucket, record.key.encode())
    return version if version is not None and version.id == record.upload else None


def _completed(record: UploadCompleted, upload: Upload, parts: list[Part]) -> Version:
    return Version(
        id=record.version_id,
        etag=multipart_etag([bytes.fromhex(part.etag) for part in parts]),
        size=sum(part.size for part in parts),
        modified=record.at,
        attributes=upload.attributes,
        checksum=record.checksum,
        parts=tuple(part.size for part in parts),
    )


def _assemble(tables: Tables, bucket: int, record: UploadCompleted, version: Version) -> None:
    """The parts' references become the object's; parts that were not listed are dropped."""
    numbers = [number for number, _ in record.parts]
    contents = [tables.uploads.content(record.upload, number) for number in numbers]
    _drop_parts(tables, record.upload, kept=set(numbers))
    tables.uploads.remove(bucket, record.key.encode(), record.upload)
    content = joined([content for content in contents if content is not None])
    put_version(tables, bucket, record.key.encode(), version, content)


def _drop_parts(tables: Tables, upload: bytes, kept: set[int]) -> None:
    for part in tables.uploads.parts(upload, 0, -1):
        if part.number not in kept:
            tables.uploads.drop_part(upload, part.number, tables.slot)


def upload_aborted(tables: Tables, record: UploadAborted) -> StoreError | None:
    """See `UploadAborted`."""
    if (bucket := tables.buckets.id_of(record.bucket)) is None:
        return no_bucket(record.bucket)
    if _found(tables, record) is None:
        return _no_upload()
    abort(tables, bucket, record.key.encode(), record.upload)
    return None


def abort(tables: Tables, bucket: int, key: bytes, upload: bytes) -> None:
    """End an upload and drop its parts."""
    _drop_parts(tables, upload, kept=set())
    tables.uploads.remove(bucket, key, upload)
