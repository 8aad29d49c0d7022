"""The store for programs without an event loop: the same verbs, each of which waits for its answer.

    with open_sync("outlast.toml") as store:
        store.put("bucket", "key", b"content")
        store.put("bucket", "large", open("large.bin", "rb"))
        with store.get("bucket", "large") as reading:
            for piece in reading:
                ...

It is only an interface: the `Store` runs in a loop in a thread of its own, and its promises hold here word
for word. Threads may share one `SyncStore`.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from outlast.assembly.opening import open_store
from outlast.assembly.settings import load_settings
from outlast.catalog.buckets import Bucket
from outlast.catalog.listing import Listing
from outlast.catalog.records import Attributes, Condition, Version
from outlast.embed.source import SyncSource, as_source
from outlast.embed.thread import LoopThread
from outlast.providers.protocol import Buffer
from outlast.store import AccessKey, PendingReading, Reading, Status, Store

no_attributes = Attributes()


def open_sync(config: str | os.PathLike[str], state_dir: str | os.PathLike[str] | None = None) -> "SyncStore":
    """Open the store of the settings file `config`. Raises `ConfigError`, `StoreUnavailable`."""
    settings = load_settings(Path(config))
    return SyncStore(open_store(settings, None if state_dir is None else Path(state_dir)))


class SyncReading:
    """An object that is being read: its `version`, and its content by iteration or by `read`."""

    def __init__(self, reading: Reading, thread: LoopThread) -> None:
        self.version = reading.version
        self.start, self.stop = reading.start, reading.stop
        self._reading = reading
        self._thread = thread

    def __iter__(self) -> Iterator[Buffer]:
        """Yield pieces of about 1 MiB."""
        pieces = aiter(self._reading)

        async def take() -> Buffer | None:
            return await anext(pieces, None)

        while (piece := self._thread.run(take())) is not None:
            yield piece

    def read(self) -> bytes:
        """Return everything, joined."""
        return self._thread.run(self._reading.read())

    def close(self) -> None:
        """Give up what has not been read."""
        self._thread.run(self._reading.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SyncStore:
    """An open store. The verbs are those of `outlast.store.Store`, with its errors."""

    def __init__(self, opening: AbstractAsyncContextManager[Store]) -> None:
        """`opening` is entered at once, in the thread in which everything will run."""
        self._opening = opening
        self._thread = LoopThread()
        try:
            self._store = self._thread.run(_entered(opening))
        except BaseException:
            self._thread.close()
            raise

    def close(self) -> None:
        """Close the store. No verb may be called afterwards. In a fork this does nothing."""
        if self._thread.is_of_parent:
            return
        try:
            self._thread.run(_left(self._opening))
        finally:
            self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- buckets

    def create_bucket(self, name: str) -> None:
        """Create a bucket. Raises `BadBucketName`, `BucketExists`."""
        self._thread.run(self._store.create_bucket(name))

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket. Raises `NoSuchBucket`, `BucketNotEmpty`."""
        self._thread.run(self._store.delete_bucket(name))

    def bucket(self, name: str) -> Bucket:
        """Return the bucket of that name. Raises `NoSuchBucket`."""
        return self._thread.run(self._store.bucket(name))

    def buckets(self) -> list[Bucket]:
        """Return all buckets, by name."""
        return self._thread.run(self._store.buckets())

    # -- objects

    def put(
        self,
        bucket: str,
        key: str,
        content: SyncSource,
        attributes: Attributes = no_attributes,
        *,
        condition: Condition | None = None,
    ) -> Version:
        """Write an object: bytes, a file open for reading in binary, or pieces of any size.

        Raises `NoSuchBucket`, `KeyTooLong`, `EntityTooLarge`, `PreconditionFailed`, what the content raises.
        """
        return self._thread.run(
            self._store.put(bucket, key, as_source(content), attributes, condition=condition)
        )

    def head(self, bucket: str, key: str) -> Version:
        """Return the newest version. Raises `NoSuchBucket`, `NoSuchKey`."""
        return self._thread.run(self._store.head(bucket, key))

    def get(self, bucket: str, key: str, span: tuple[int, int] | None = None) -> SyncReading:
        """Read the newest version: all, or the bytes in `span` ([start, stop)).

        Close the reading, or use it in a `with`. Raises `NoSuchBucket`, `NoSuchKey`, `StoreCorrupt`,
        `StoreBusy`; iterating may raise `ReadExpired`.
        """
        return SyncReading(self._thread.run(_opened(self._store.get(bucket, key, span))), self._thread)

    def delete(self, bucket: str, key: str, condition: Condition | None = None) -> bool:
        """Delete; return whether it existed. Raises `NoSuchBucket`; conditional: as `put`."""
        return self._thread.run(self._store.delete(bucket, key, condition))

    def delete_many(self, bucket: str, keys: Sequence[str]) -> int:
        """Delete; return how many existed. Raises `NoSuchBucket`."""
        return self._thread.run(self._store.delete_many(bucket, keys))

    def copy(
        self,
        source_bucket: str,
        source_key: str,
        bucket: str,
        key: str,
        attributes: Attributes | None = None,
        *,
        condition: Condition | None = None,
    ) -> Version:
        """Copy an object without moving its bytes; `attributes` None: with the source's.

        Raises `NoSuchBucket`, `NoSuchKey`, `KeyTooLong`, `PreconditionFailed`.
        """
        return self._thread.run(
            self._store.copy(source_bucket, source_key, bucket, key, attributes, condition=condition)
        )

    def list(
        self, bucket: str, prefix: str = "", delimiter: str = "", start_after: str = "", limit: int = 1000
    ) -> Listing:
        """Return a page of keys and common prefixes after `start_after`, in UTF-8 order.

        `next` is where the next page starts. Raises `NoSuchBucket`.
        """
        return self._thread.run(self._store.list(bucket, prefix, delimiter, start_after, limit))

    # -- multipart

    def create_upload(self, bucket: str, key: str, attributes: Attributes = no_attributes) -> str:
        """Begin a multipart upload; return its id. Raises `NoSuchBucket`, `KeyTooLong`."""
        return self._thread.run(self._store.create_upload(bucket, key, attributes))

    def put_part(self, bucket: str, key: str, upload: str, number: int, content: SyncSource) -> str:
        """Write a part, numbered from 1; return its ETag. Raises `NoSuchUpload`, `EntityTooLarge`."""
        return self._thread.run(self._store.put_part(bucket, key, upload, number, as_source(content)))

    def complete_upload(
        self,
        bucket: str,
        key: str,
        upload: str,
        parts: Sequence[tuple[int, str]],
        *,
        condition: Condition | None = None,
    ) -> Version:
        """Make an object of the parts, given as (number, ETag) in ascending order.

        Raises `NoSuchUpload`, `InvalidPart`, `InvalidPartOrder`, `PartTooSmall`, `PreconditionFailed`.
        """
        return self._thread.run(self._store.complete_upload(bucket, key, upload, parts, condition=condition))

    def abort_upload(self, bucket: str, key: str, upload: str) -> None:
        """Abort an upload with all of its parts. Raises `NoSuchUpload`."""
        self._thread.run(self._store.abort_upload(bucket, key, upload))

    # -- access keys and state

    def create_access_key(self, name: str, bucket: str = "", read_only: bool = False) -> AccessKey:
        """Create an S3 access key, for one bucket or ("") for all. Raises `AccessKeyExists`."""
        return self._thread.run(self._store.create_access_key(name, bucket, read_only))

    def delete_access_key(self, name: str) -> None:
        """Delete an access key. Raises `NoSuchAccessKey`."""
        self._thread.run(self._store.delete_access_key(name))

    def status(self) -> Status:
        """Return the condition of the store and of each provider."""
        return self._thread.run(self._store.status())


async def _entered(opening: AbstractAsyncContextManager[Store]) -> Store:
    return await opening.__aenter__()


async def _opened(opening: PendingReading) -> Reading:
    return await opening


async def _left(opening: AbstractAsyncContextManager[Store]) -> None:
    await opening.__aexit__(None, None, None)
