"""What a record does to the catalog, and its outcome.

Judgements are functions of the tables and the record alone: they use no clock, randomness, or set order. So
every gateway reaches the same outcome for the same log. A refused command has an outcome too: a `StoreError`
that is returned, never raised, and changes nothing but the list of dead extents.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from outlast.base.errors import (
    AccessKeyExists,
    BucketExists,
    BucketNotEmpty,
    NoSuchAccessKey,
    StoreCorrupt,
    StoreError,
)
from outlast.catalog import judge_objects, judge_uploads, records
from outlast.catalog.judge_objects import no_bucket
from outlast.catalog.records import AnyRecord, Version
from outlast.catalog.tables import Tables

Outcome: TypeAlias = Version | StoreError | bool | int | None


def judge(tables: Tables, record: AnyRecord) -> Outcome:
    """Apply one record."""
    return _JUDGEMENTS[type(record)](tables, record)


def _genesis(tables: Tables, record: records.Genesis) -> StoreError | None:
    if tables.facts.genesis is not None:
        return StoreCorrupt("the store has already been created")
    tables.facts.set_genesis(record)
    tables.layouts.judge(tables.facts.incarnations)
    return None


def _bucket_created(tables: Tables, record: records.BucketCreated) -> StoreError | None:
    if tables.buckets.id_of(record.name) is not None:
        return BucketExists(f"the bucket {record.name!r} already exists")
    tables.buckets.add(record.name, record.at)
    return None


def _bucket_deleted(tables: Tables, record: records.BucketDeleted) -> StoreError | None:
    if (bucket := tables.buckets.id_of(record.name)) is None:
        return no_bucket(record.name)
    if tables.objects.any(bucket):
        return BucketNotEmpty(f"the bucket {record.name!r} holds objects")
    uploads = tables.uploads.ids(bucket)
    if uploads and not record.aborts:
        return BucketNotEmpty(f"the bucket {record.name!r} has multipart uploads in progress")
    for key, upload in uploads:
        judge_uploads.abort(tables, bucket, key, upload)
    tables.buckets.remove(record.name)
    return None


def _access_key_created(tables: Tables, record: records.AccessKeyCreated) -> StoreError | None:
    if tables.access_keys.taken(record.name, record.id):
        return AccessKeyExists(f"the access key {record.name!r} already exists")
    tables.access_keys.add(record)
    return None


def _access_key_deleted(tables: Tables, record: records.AccessKeyDeleted) -> StoreError | None:
    if not tables.access_keys.remove(record.name):
        return NoSuchAccessKey(f"there is no access key {record.name!r}")
    return None


def _fragments_lost(tables: Tables, record: records.FragmentsLost) -> bool:
    return tables.extents.lost(record.extent, record.fragments)


def _fragments_restored(tables: Tables, record: records.FragmentsRestored) -> bool:
    return tables.extents.restored(record.extent, record.fragments, record.chosen_beside)


def _extents_collected(tables: Tables, record: records.ExtentsCollected) -> None:
    tables.extents.collected(record.extents)


def _provider_reattached(tables: Tables, record: records.ProviderReattached) -> None:
    tables.facts.set_incarnation(record.provider, record.incarnation)
    tables.layouts.judge(tables.facts.incarnations)


def _drill_set(tables: Tables, record: records.DrillSet) -> None:
    tables.facts.set_drill(record)


def _usage_reported(tables: Tables, record: records.UsageReported) -> None:
    tables.usage.report(record)


def _drill_reported(tables: Tables, record: records.DrillReported) -> None:
    tables.facts.add_drill_report(record)


def _mend_claimed(tables: Tables, record: records.MendClaimed) -> None:
    """Changes nothing: only observers act on it."""


def _writes_expired(tables: Tables, record: records.WritesExpired) -> None:
    tables.expiry.expire(record.slot)


def _grace_passed(tables: Tables, record: records.GracePassed) -> None:
    tables.expiry.passed(record.slot, record.seconds)


def _reading_held(tables: Tables, record: records.ReadingHeld) -> None:
    tables.expiry.hold(record.gateway, record.slot, tables.slot)


_JUDGEMENTS: dict[type, Callable[[Tables, Any], Outcome]] = {
    records.Genesis: _genesis,
    records.BucketCreated: _bucket_created,
    records.BucketDeleted: _bucket_deleted,
    records.ObjectPut: judge_objects.object_put,
    records.ObjectCopied: judge_objects.object_copied,
    records.ObjectDeleted: judge_objects.object_deleted,
    records.ObjectsDeleted: judge_objects.objects_deleted,
    records.UploadCreated: judge_uploads.upload_created,
    records.PartPut: judge_uploads.part_put,
    records.PartCopied: judge_uploads.part_copied,
    records.UploadCompleted: judge_uploads.upload_completed,
    records.UploadAborted: judge_uploads.upload_aborted,
    records.AccessKeyCreated: _access_key_created,
    records.AccessKeyDeleted: _access_key_deleted,
    records.FragmentsLost: _fragments_lost,
    records.FragmentsRestored: _fragments_restored,
    records.ExtentsCollected: _extents_collected,
    records.ProviderReattached: _provider_reattached,
    records.DrillSet: _drill_set,
    records.UsageReported: _usage_reported,
    records.DrillReported: _drill_reported,
    records.MendClaimed: _mend_claimed,
    records.WritesExpired: _writes_expired,
    records.GracePassed: _grace_passed,
    records.ReadingHeld: _reading_held,
}
