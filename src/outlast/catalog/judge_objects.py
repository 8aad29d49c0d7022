"""Judgement of records about objects."""

import msgspec

from outlast.base.errors import (
    NoSuchBucket,
    NoSuchKey,
    PreconditionFailed,
    StoreError,
    WriteExpired,
    WriteLost,
)
from outlast.catalog.content import Stored, extent_runs, stored
from outlast.catalog.records import (
    Body,
    Condition,
    ObjectCopied,
    ObjectDeleted,
    ObjectPut,
    ObjectsDeleted,
    Version,
)
from outlast.catalog.tables import Tables


def refusal(condition: Condition | None, etag: str | None, key: str) -> StoreError | None:
    """Why the condition does not hold for an object with `etag` (None: no object), or None if it does."""
    if condition is None:
        return None
    if condition.kind == "absent":
        return None if etag is None else PreconditionFailed(f"the object {key!r} already exists")
    if etag is None:
        return NoSuchKey(f"there is no object {key!r}")
    if condition.etag in ("*", etag):
        return None
    return PreconditionFailed(f"the ETag of {key!r} is {etag!r}")


def no_bucket(name: str) -> NoSuchBucket:
    """The refusal of a record about a bucket that does not exist."""
    return NoSuchBucket(f"there is no bucket {name!r}")


def put_version(tables: Tables, bucket: int, key: bytes, version: Version, content: Stored) -> None:
    """Make `version` the newest, replacing what is there. The caller has counted `content`'s references."""
    if (old := tables.objects.current(bucket, key)) is None:
        tables.buckets.grow(bucket, 1, version.size)
    else:
        tables.buckets.grow(bucket, 0, version.size - old.size)
        tables.objects.drop(old.content, tables.slot)
    tables.objects.put(bucket, key, version, content)


def delete_object(tables: Tables, bucket: int, key: bytes) -> bool:
    """Delete the object. Returns whether there was one."""
    if (old := tables.objects.current(bucket, key)) is None:
        return False
    tables.buckets.grow(bucket, -1, -old.size)
    tables.objects.drop(old.content, tables.slot)
    tables.objects.remove(bucket, key)
    return True


def refused_by(tables: Tables, bucket: int, key: str, condition: Condition | None) -> StoreError | None:
    """Why the condition does not hold for what is at `key` now, or None if it does."""
    if condition is None:
        return None
    current = tables.objects.current(bucket, key.encode())
    return refusal(condition, None if current is None else current.etag, key)


def object_put(tables: Tables, record: ObjectPut) -> Version | StoreError:
    """See `ObjectPut`."""
    bucket = tables.buckets.id_of(record.bucket)
    if bucket is None:
        refused: StoreError | None = no_bucket(record.bucket)
    else:
        refused = refused_by(tables, bucket, record.key, record.condition)
    content = enter(tables, record.body, refused)
    if isinstance(content, StoreError):
        return content
    assert bucket is not None, "a content in no bucket"
    put_version(tables, bucket, record.key.encode(), record.version, content)
    return record.version


def enter(tables: Tables, body: Body, refused: StoreError | None) -> Stored | StoreError:
    """The content of a new body, with a reference to each of its extents; or why it is refused.

    `refused`: why it is already refused. The extents of a refused body are inserted as dead, to be collected.
    """
    if body.extents and refused is None:
        refused = _too_late(tables, body)
    rows = tables.extents.add(body.extents, died=None if refused is None else tables.slot)
    return stored(body, rows) if refused is None else refused


def _too_late(tables: Tables, body: Body) -> StoreError | None:
    """Why the body's fragments do not suffice any more, or None if they do."""
    if tables.expiry.has_expired(body.begun):
        return WriteExpired("the write took too long; what it stored may already be deleted")
    if not all(map(tables.extents.readable, body.extents)):
        return WriteLost("providers were erased during the write; too few of its fragments are left")
    return None


def lost(tables: Tables, content: Stored) -> StoreError | None:
    """Why a known content cannot become another object's: it could not be read. None if it could."""
    if tables.extents.all_readable(extent_runs(content)):
        return None
    return WriteLost("providers were lost, and too few fragments of the earlier data are left")


def source_of(tables: Tables, bucket: str, key: str, version: bytes) -> tuple[Version, Stored] | StoreError:
    """The version to copy from, or why it cannot be copied."""
    if (number := tables.buckets.id_of(bucket)) is None:
        return no_bucket(bucket)
    found = tables.objects.stored(number, key.encode())
    if found is None or found[0].id != version:
        return NoSuchKey(f"the version of {key!r} to copy from no longer exists")
    return found


def object_copied(tables: Tables, record: ObjectCopied) -> Version | StoreError:
    """See `ObjectCopied`."""
    if (bucket := tables.buckets.id_of(record.bucket)) is None:
        return no_bucket(record.bucket)
    source = source_of(tables, record.source_bucket, record.source_key, record.source_version)
    if isinstance(source, StoreError):
        return source
    if (refused := refused_by(tables, bucket, record.key, record.condition)) is not None:
        return refused
    old, content = source
    if (refused := lost(tables, content)) is not None:
        return refused
    attributes = old.attributes if record.attributes is None else record.attributes
    version = msgspec.structs.replace(old, id=record.version_id, modified=record.at, attributes=attributes)
    tables.extents.hold(extent_runs(content))
    put_version(tables, bucket, record.key.encode(), version, content)
    return version


def object_deleted(tables: Tables, record: ObjectDeleted) -> bool | StoreError:
    """See `ObjectDeleted`."""
    if (bucket := tables.buckets.id_of(record.bucket)) is None:
        return no_bucket(record.bucket)
    if (refused := refused_by(tables, bucket, record.key, record.condition)) is not None:
        return refused
    return delete_object(tables, bucket, record.key.encode())


def objects_deleted(tables: Tables, record: ObjectsDeleted) -> int | StoreError:
    """See `ObjectsDeleted`."""
    if (bucket := tables.buckets.id_of(record.bucket)) is None:
        return no_bucket(record.bucket)
    return sum(delete_object(tables, bucket, key.encode()) for key in record.keys)
