"""Objects as names for bodies: committing, deleting, copying.

Each is one record, judged in the log's order by every gateway alike (`catalog.records`). A copy moves no
bytes. It names the version that it copies; when that one is overwritten in between, the copy looks again.
"""

from collections.abc import Callable, Sequence

from outlast.base.clock import Clock, unix_ms
from outlast.base.entropy import Entropy
from outlast.base.errors import NoSuchBucket, NoSuchKey, StoreUnavailable
from outlast.catalog.catalog import Catalog
from outlast.catalog.records import (
    Attributes,
    Checksum,
    Condition,
    ObjectCopied,
    ObjectDeleted,
    ObjectPut,
    ObjectsDeleted,
    Version,
)
from outlast.store.names import check_key
from outlast.store.write import Writer, Written

VERSION_ID_BYTES = 16
# A writer that overwrites an object as fast as it is copied wins in the end.
copy_attempts_max = 8


class Objects:
    """The records about objects."""

    def __init__(self, catalog: Catalog, writer: Writer, clock: Clock, entropy: Entropy) -> None:
        self._catalog = catalog
        self._writer = writer
        self._clock = clock
        self._entropy = entropy

    async def check_target(self, bucket: str, key: str) -> None:
        """Raise `NoSuchBucket`, `KeyTooLong`, before anything is read from a client for it."""
        check_key(key)
        await self.check_bucket(bucket)

    async def check_bucket(self, bucket: str) -> None:
        """Raise `NoSuchBucket`, but only after the local catalog has been brought up to date."""
        if self._catalog.state.bucket(bucket) is None:
            await self._catalog.sync()
            if self._catalog.state.bucket(bucket) is None:
                raise NoSuchBucket(bucket)

    async def commit(
        self,
        bucket: str,
        key: str,
        written: Written,
        attributes: Attributes,
        checksum: Checksum | None,
        condition: Condition | None,
    ) -> Version:
        """Make it the newest version. Raises `PreconditionFailed`, `NoSuchKey`, `NoSuchBucket`."""
        version = Version(
            id=self._entropy.bytes(VERSION_ID_BYTES),
            etag=written.body.md5.hex(),
            size=written.body.size,
            modified=unix_ms(self._clock),
            attributes=attributes,
            checksum=checksum,
        )
        committed: Version = await self._writer.commit(
            written, lambda body: ObjectPut(bucket, key, version, body, condition)
        )
        return committed

    async def delete(self, bucket: str, key: str, condition: Condition | None) -> bool:
        """Delete; return whether it existed. Raises `NoSuchBucket`, and for `condition` as `commit`."""
        check_key(key)
        there: bool = await self._catalog.commit(ObjectDeleted(bucket, key, condition, unix_ms(self._clock)))
        return there

    async def delete_many(self, bucket: str, keys: Sequence[str]) -> int:
        """Delete; return how many existed. Raises `NoSuchBucket`."""
        for key in keys:
            check_key(key)
        count: int = await self._catalog.commit(ObjectsDeleted(bucket, tuple(keys), unix_ms(self._clock)))
        return count

    async def copy(
        self,
        source_bucket: str,
        source_key: str,
        bucket: str,
        key: str,
        attributes: Attributes | None,
        condition: Condition | None,
        check: Callable[[Version], None] | None,
    ) -> Version:
        """Return the new version. Raises as `commit`, and what `check(source)` raises."""
        check_key(source_key)
        check_key(key)
        for _ in range(copy_attempts_max):
            source = await self._source(source_bucket, source_key, check)
            record = ObjectCopied(
                source_bucket=source_bucket,
                source_key=source_key,
                source_version=source.id,
                bucket=bucket,
                key=key,
                version_id=self._entropy.bytes(VERSION_ID_BYTES),
                at=unix_ms(self._clock),
                attributes=attributes,
                condition=condition,
            )
            try:
                copied: Version = await self._catalog.commit(record)
                return copied
            except NoSuchKey:
                now = self._catalog.state.version(source_bucket, source_key)
                if now is None or now.id == source.id:
                    raise  # the source is deleted, or the target's condition found no object
        raise StoreUnavailable(f"{source_bucket}/{source_key} changes faster than it can be copied")

    async def _source(self, bucket: str, key: str, check: Callable[[Version], None] | None) -> Version:
        await self._catalog.sync()
        source = self._catalog.state.version(bucket, key)
        if source is None:
            raise NoSuchKey(f"{bucket}/{key}")
        if check is not None:
            check(source)
        return source
