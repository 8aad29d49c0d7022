"""The store: the interface for gateways, the command line, and Python programs. The work is elsewhere.

Semantics, through any number of gateways at once: after a write has been acknowledged every read and list
sees it or a newer one; of conditional writes that exclude each other exactly one wins. Acknowledged data
survives the loss of as many failure domains as the policy tolerates. Every method may raise
`StoreUnavailable`: nothing was acknowledged then (though a commit may still take effect), and the call can be
retried.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import TypeAlias

from outlast.base import limits
from outlast.base.clock import Clock, unix_ms
from outlast.base.concurrency import Background, run_again
from outlast.base.entropy import Entropy
from outlast.base.errors import NoSuchBucket, StoreUnavailable
from outlast.catalog.buckets import Bucket
from outlast.catalog.catalog import Catalog
from outlast.catalog.listing import Listing, UploadListing
from outlast.catalog.records import (
    AccessKeyCreated,
    Attributes,
    Body,
    BucketCreated,
    BucketDeleted,
    Checksum,
    Condition,
    Version,
)
from outlast.catalog.uploads import Part, Upload
from outlast.coding.keys import Keyring
from outlast.providers.quota import Quota
from outlast.quorum.log import Log
from outlast.store.access import Access, AccessKey
from outlast.store.budget import Budget
from outlast.store.context import StoreContext
from outlast.store.digests import Digest
from outlast.store.figures import Figures, figures_of
from outlast.store.fleet import Fleet
from outlast.store.holds import Holds
from outlast.store.multipart import Multipart
from outlast.store.names import check_bucket_name
from outlast.store.notes import Notes
from outlast.store.objects import Objects
from outlast.store.quotas import Quotas
from outlast.store.read import Reader, Select, Span
from outlast.store.readiness import why_not_ready
from outlast.store.reading import PendingReading
from outlast.store.redundancy import Redundancy
from outlast.store.restore import Restorer
from outlast.store.status import Status, status_of
from outlast.store.write import Source, Writer, Written

Check: TypeAlias = Callable[[Body], Checksum | None]
"""Checks a body that is complete and not yet committed; returns the checksum to store, or raises."""
CheckVersion: TypeAlias = Callable[[Version], None]
"""Checks the source of a copy; may raise."""

_plain = Attributes()
reporter_id_bytes = 16


async def _nothing() -> None:
    """For a store with nothing below it to close."""


class Store:
    """See the module's docstring. `async with` opens and closes it."""

    def __init__(
        self,
        catalog: Catalog,
        fleet: Fleet,
        keyring: Keyring,
        clock: Clock,
        entropy: Entropy,
        report: Callable[[BaseException], None] = lambda error: None,
        close_below: Callable[[], Awaitable[None]] = _nothing,
        log: Log | None = None,
        quotas: Mapping[str, Quota] | None = None,
    ) -> None:
        """`report` is called with errors in the background. `close_below` closes what is below (log, state).

        `log` is the one under the catalog, for upkeep: it gives voters back what they lost. `quotas`: those
        of providers that have one.
        """
        self.catalog = catalog
        self.log = log
        self.entropy = entropy
        self.fleet = fleet
        self.clock = clock
        self.report = report
        self._close_below = close_below
        self._background = Background(report)
        self.quotas = Quotas(quotas or {}, catalog, fleet, clock, entropy.bytes(reporter_id_bytes))
        notes = self._notes = Notes(catalog, clock, self._background)
        context = self.context = StoreContext(
            catalog=catalog,
            fleet=fleet,
            quotas=self.quotas,
            keyring=keyring,
            clock=clock,
            entropy=entropy,
            notes=notes,
            budget=Budget(limits.write_buffer_bytes_max),
            background=self._background,
        )
        self._holds = Holds(catalog, clock, entropy)
        self.reader = Reader(catalog, fleet, keyring, clock, entropy, notes, self._holds)
        self.restorer = Restorer(context, self.reader.decoder)
        self.writer = Writer(context, Redundancy(context, self.restorer))
        self._objects = Objects(catalog, self.writer, clock, entropy)
        self._multipart = Multipart(catalog, self.writer, clock, entropy)
        self._access = Access(catalog, keyring, clock, entropy)

    # ------------------------------------------------------------ lifetime

    async def open(self) -> None:
        """Start to watch the providers, and bring the local catalog up to date if that is possible now.

        An error or a cancellation meanwhile closes everything.
        """
        self.fleet.open(self.report)
        try:
            await self.catalog.sync()
        except StoreUnavailable:
            pass  # the store may come back; until then each request fails with this error
        except BaseException:
            await self.close()
            raise
        self.quotas.open(self.report)
        self._background.spawn(run_again(self._holds.watch, self.report, self.clock.sleep))

    async def close(self) -> None:
        """End what runs in the background and close everything. No method may be called afterwards."""
        await self.writer.close()
        await self._background.close()
        await self.quotas.close()
        await self._close_below()
        await self.fleet.close()

    async def __aenter__(self) -> "Store":
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def status(self) -> Status:
        """Return the store's condition; the local catalog is brought up to date first if possible."""
        try:
            await self.catalog.sync()
        except StoreUnavailable:
            pass  # a status is needed most when something is wrong
        return status_of(self.catalog.state, self.fleet, self.quotas)

    def figures(self) -> Figures:
        """Return what this process has done with the store so far. Sends no request and does not wait."""
        return figures_of(self.catalog, self.context, self.log, self.reader, self.restorer)

    def why_not_ready(self) -> str:
        """Return why the store cannot be served now, as far as this process knows; "" if it can."""
        return why_not_ready(self.catalog, self.fleet)

    # ------------------------------------------------------------ buckets

    async def create_bucket(self, name: str) -> None:
        """Raises `BadBucketName`, `BucketExists`."""
        check_bucket_name(name)
        await self.catalog.commit(BucketCreated(name, unix_ms(self.clock)))

    async def delete_bucket(self, name: str) -> None:
        """Delete it and abort its uploads in progress. Raises `NoSuchBucket`, `BucketNotEmpty`."""
        await self.catalog.commit(BucketDeleted(name, aborts=True))

    async def bucket(self, name: str) -> Bucket:
        """Raises `NoSuchBucket`."""
        await self.catalog.sync()
        bucket = self.catalog.state.bucket(name)
        if bucket is None:
            raise NoSuchBucket(name)
        return bucket

    async def buckets(self) -> list[Bucket]:
        """Return all buckets by name."""
        await self.catalog.sync()
        return self.catalog.state.buckets()

    # ------------------------------------------------------------ objects

    async def put(
        self,
        bucket: str,
        key: str,
        source: Source,
        attributes: Attributes = _plain,
        *,
        digests: Sequence[Digest] = (),
        check: Check | None = None,
        condition: Condition | None = None,
    ) -> Version:
        """Write an object. `NoSuchBucket` and `KeyTooLong` are raised before `source` is touched.

        Then: what `source` raises, `EntityTooLarge`, what `check` raises, `PreconditionFailed`, `NoSuchKey`.
        """
        await self._objects.check_target(bucket, key)
        written = await self.writer.write(source, digests)
        checksum = self._checked(written, check)
        return await self._objects.commit(bucket, key, written, attributes, checksum, condition)

    def _checked(self, written: Written, check: Check | None) -> Checksum | None:
        try:
            return None if check is None else check(written.body)
        except BaseException:
            self.writer.discard(written)
            raise

    async def head(self, bucket: str, key: str) -> Version:
        """Return the newest version. Raises `NoSuchBucket`, `NoSuchKey`."""
        return await self.reader.head(bucket, key)

    def get(
        self, bucket: str, key: str, span: Span | None = None, *, select: Select | None = None
    ) -> PendingReading:
        """Read the newest version: all, the bytes in `span` ([start, stop)), or those that `select` picks.

        `async with` closes the reading, `await` leaves that to the caller. Raises `NoSuchBucket`,
        `NoSuchKey`, `StoreCorrupt`, `StoreBusy`, and what `select` raises. Iterating may raise
        `ReadExpired`: it took so long that the object was overwritten or deleted, and collected.
        """
        return PendingReading(self.reader.get(bucket, key, select or (lambda version: span)))

    async def delete(self, bucket: str, key: str, condition: Condition | None = None) -> bool:
        """Delete; return whether it existed. Raises `NoSuchBucket`; conditional: as `put`."""
        return await self._objects.delete(bucket, key, condition)

    async def delete_many(self, bucket: str, keys: Sequence[str]) -> int:
        """Delete; return how many existed. Raises `NoSuchBucket`."""
        return await self._objects.delete_many(bucket, keys)

    async def copy(
        self,
        source_bucket: str,
        source_key: str,
        bucket: str,
        key: str,
        attributes: Attributes | None = None,
        *,
        condition: Condition | None = None,
        check: CheckVersion | None = None,
    ) -> Version:
        """Create an object with the bytes of another; none are moved. `attributes` None: the source's.

        Raises `NoSuchBucket`, `NoSuchKey`, `PreconditionFailed`, and what `check(source)` raises.
        """
        return await self._objects.copy(source_bucket, source_key, bucket, key, attributes, condition, check)

    async def list(
        self, bucket: str, prefix: str = "", delimiter: str = "", start_after: str = "", limit: int = 1000
    ) -> Listing:
        """Return keys and common prefixes after `start_after`, in UTF-8 order. Raises `NoSuchBucket`."""
        await self.catalog.sync_to_read()
        return self.catalog.state.list_objects(bucket, prefix, delimiter, start_after, limit)

    # ------------------------------------------------------------ multipart uploads

    async def create_upload(
        self,
        bucket: str,
        key: str,
        attributes: Attributes = _plain,
        algorithm: str = "",
        kind: str = "",
    ) -> str:
        """Begin an upload; return its id, 32 hex digits. Raises `NoSuchBucket`, `KeyTooLong`."""
        return await self._multipart.create(bucket, key, attributes, algorithm, kind)

    async def upload(self, bucket: str, key: str, upload: str) -> Upload:
        """Raises `NoSuchUpload`, `NoSuchBucket`."""
        return await self._multipart.find(bucket, key, upload)

    async def put_part(
        self,
        bucket: str,
        key: str,
        upload: str,
        number: int,
        source: Source,
        *,
        digests: Sequence[Digest] = (),
        check: Check | None = None,
    ) -> str:
        """Write a part; return its ETag. Raises `NoSuchUpload`, `InvalidPart` before `source` is touched."""
        await self._multipart.check(bucket, key, upload, number)
        written = await self.writer.write(source, digests)
        checksum = self._checked(written, check)
        return await self._multipart.commit_part(bucket, key, upload, number, written, checksum)

    async def copy_part(
        self,
        bucket: str,
        key: str,
        upload: str,
        number: int,
        source_bucket: str,
        source_key: str,
        span: Span | None = None,
        *,
        select: Select | None = None,
        digests: Sequence[Digest] = (),
    ) -> tuple[str, Version]:
        """Make bytes of an object a part; return its ETag and the source's version. They are read, not moved.

        Raises as `get` does, `NoSuchUpload`, `InvalidPart`.
        """
        await self._multipart.check(bucket, key, upload, number)
        source = source_bucket, source_key
        async with self.get(source_bucket, source_key, span, select=select) as reading:
            etag = await self._multipart.copy_part(bucket, key, upload, number, source, reading, digests)
        return etag, reading.version

    async def parts(
        self, bucket: str, key: str, upload: str, after: int = 0, limit: int = 1000
    ) -> Sequence[Part]:
        """Return the parts so far with numbers above `after`. Raises `NoSuchUpload`."""
        return await self._multipart.parts(bucket, key, upload, after, limit)

    async def uploads(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str = "",
        key_marker: str = "",
        upload_marker: str = "",
        limit: int = 1000,
    ) -> UploadListing:
        """Return a page of the uploads in progress, by key and then id. Raises `NoSuchBucket`."""
        return await self._multipart.uploads(bucket, prefix, delimiter, key_marker, upload_marker, limit)

    async def complete_upload(
        self,
        bucket: str,
        key: str,
        upload: str,
        parts: Sequence[tuple[int, str]],
        *,
        checksum: Checksum | None = None,
        condition: Condition | None = None,
    ) -> Version:
        """Make the parts named, (number, ETag), the object. Completing again returns the same version.

        Raises `NoSuchUpload`, `InvalidPart`, `InvalidPartOrder`, `PartTooSmall`, `PreconditionFailed`,
        `NoSuchKey`.
        """
        return await self._multipart.complete(bucket, key, upload, parts, checksum, condition)

    async def abort_upload(self, bucket: str, key: str, upload: str) -> None:
        """Raises `NoSuchBucket`, `NoSuchUpload`."""
        await self._multipart.abort(bucket, key, upload)

    # ------------------------------------------------------------ access keys

    async def create_access_key(self, name: str, bucket: str = "", read_only: bool = False) -> AccessKey:
        """Create an access key. `bucket` "": for all buckets. Raises `AccessKeyExists`."""
        return await self._access.create(name, bucket, read_only)

    async def access_keys(self) -> Sequence[AccessKeyCreated]:
        """Return all access keys by name, their secrets sealed."""
        return await self._access.all()

    async def delete_access_key(self, name: str) -> None:
        """Raises `NoSuchAccessKey`."""
        await self._access.delete(name)

    async def access_key(self, id: str) -> AccessKey | None:
        """Return the access key with this id. Waits only for one issued by this store and not known here.

        Raises `StoreUnavailable` if it cannot be determined whether such a key exists.
        """
        return await self._access.find(id)

    def knows_access_key(self, id: str) -> bool:
        """Whether the local catalog has the access key."""
        return self._access.is_known(id)

    async def access_key_exists(self, id: str) -> bool:
        """Whether the access key existed a few seconds ago or later. Raises `StoreUnavailable`."""
        return await self._access.exists(id)
