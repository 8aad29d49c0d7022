"""The catalog's state: the log's records applied in order, in a local SQLite file.

The file is a cache. It records its own position in the same transaction as the effects of a slot's records,
so that after a crash the next slot is applied exactly once. A process that finds the file damaged replaces it
with another one, to which the log was applied from the start.

Reads are plain functions that answer in microseconds in the caller's thread and show the state as of the last
applied slot. To see the newest state, call `Catalog.sync` first.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from outlast.base.errors import LocalStateCorrupt
from outlast.catalog.buckets import Bucket
from outlast.catalog.content import Found
from outlast.catalog.database import Database
from outlast.catalog.database_file import MEMORY, beside, remove_database
from outlast.catalog.extents import DeadExtent, Wanted
from outlast.catalog.judge_objects import no_bucket
from outlast.catalog.judgement import Outcome, judge
from outlast.catalog.listing import Listing, Lists, UploadListing
from outlast.catalog.placements import Placements, placements
from outlast.catalog.records import (
    AccessKeyCreated,
    AnyRecord,
    DrillReported,
    DrillSet,
    Extent,
    Genesis,
    Version,
)
from outlast.catalog.tables import Tables
from outlast.catalog.uploads import Part, Upload
from outlast.catalog.usage import Used
from outlast.catalog.wire import decode
from outlast.placement.members import Member, Policy

# A slot's size at a voter without its records: the seal, the ballots, the proof, and a disk's frame.
slot_bytes = 255

Observer: TypeAlias = Callable[[AnyRecord, Outcome], None]
Report: TypeAlias = Callable[[BaseException], None]


class Position(NamedTuple):
    """The last applied slot and the hash of its value: (-1, 32 zero bytes) when there is none."""

    slot: int
    hash: bytes


class Counts(NamedTuple):
    """How much the store holds. `bytes`: those of all objects; `degraded`: extents that miss a fragment."""

    buckets: int
    objects: int
    bytes: int
    uploads: int
    extents: int
    degraded: int
    dead: int


class State:
    """The tables as one value. Not thread-safe.

    Any method may raise `LocalStateCorrupt`: the file is damaged, but nothing that was read so far is wrong.
    `beside` and `replace` replace the file.
    """

    def __init__(self, path: Path | str, boot: str | None = None) -> None:
        """Open the file at `path`, or create it; `":memory:"` uses no file.

        Raises `LocalStateCorrupt` for a file that is damaged, of another version, not a catalog, or was in
        use when the machine stopped: delete it and open again. Raises `StoreUnavailable` if the file cannot
        be written. `boot` is the machine's present boot id, if not the one from `boot_id`.
        """
        self._path = path
        self._boot = boot
        self._observers: list[tuple[Observer, Report]] = []
        self.on_damage: Callable[[LocalStateCorrupt], None] = lambda error: None
        """Called, possibly several times, when damage to the file is detected."""
        self._open(Database(path, boot))

    def _open(self, database: Database) -> None:
        self._database = database
        database.on_damage = lambda error: self.on_damage(error)
        try:
            self._sound = Tables(database)
            self._lists = Lists(database)
            self._load()
        except BaseException:
            database.abandon()
            raise
        self._damage: LocalStateCorrupt | None = None

    def _load(self) -> None:
        """Load memory from the tables, at the start and after a batch was rolled back."""
        try:
            row = self._database.row("SELECT slot, hash FROM position")
            assert row is not None
            self._position = Position(row[0], row[1])
            self._sound.reload()
        except Exception as error:  # what is in memory no longer matches any slot
            self._damage = LocalStateCorrupt(f"the local catalog cannot be read any more: {error}")
            raise

    @property
    def _tables(self) -> Tables:
        if self._damage is not None:
            raise LocalStateCorrupt(str(self._damage)) from self._damage
        return self._sound

    @property
    def position(self) -> Position:
        """How far the log has been applied."""
        return self._position

    def apply(self, slot: int, hash: bytes, records: Sequence[bytes]) -> list[Outcome]:
        """Apply the batch that was decided for `slot`, in one transaction. Returns one outcome per record.

        The record's docstring specifies its outcome, which is a `StoreError` if the command was refused
        (returned, not raised). `slot` must be the next one. Raises `ConfigError` for records of a newer
        version. After any raised error the state is unchanged, or raises `LocalStateCorrupt` from then on.
        """
        if slot != self._position.slot + 1:
            raise ValueError(f"slot {slot} does not follow slot {self._position.slot}")
        batch = [decode(record) for record in records]
        try:
            outcomes = self._apply(slot, hash, batch, slot_bytes + sum(map(len, records)))
        except BaseException:
            self._load()
            raise
        for record, outcome in zip(batch, outcomes, strict=True):
            self._tell(record, outcome)
        return outcomes

    def _apply(self, slot: int, hash: bytes, batch: list[AnyRecord], size: int) -> list[Outcome]:
        tables = self._tables
        tables.slot = slot
        with self._database.transaction():
            outcomes = [judge(tables, record) for record in batch]
            tables.flush()
            self._database.run(
                "UPDATE position SET slot = ?, hash = ?, log_bytes = log_bytes + ?", slot, hash, size
            )
        self._position = Position(slot, hash)
        return outcomes

    def _tell(self, record: AnyRecord, outcome: Outcome) -> None:
        """Call the observers. The slot is applied: no error of theirs can change that."""
        for observer, report in self._observers:
            try:
                observer(record, outcome)
            except Exception as error:
                report(error)

    def on_applied(self, observer: Observer, report: Report) -> Callable[[], None]:
        """Call `observer` with each record and its outcome, after the transaction that applied it.

        Its errors are passed to `report`, and the other observers are still called. The returned function
        ends the calls.
        """
        observing = observer, report
        self._observers.append(observing)

        def end() -> None:
            # A new list: an observer may end while they are called.
            self._observers = [one for one in self._observers if one is not observing]

        return end

    def fingerprint(self) -> bytes:
        """32 bytes that are equal for two states exactly if all their content is. Reads everything."""
        return self._database.fingerprint()

    def close(self) -> None:
        """Close the file durably. If the process dies instead, nothing that was applied is lost."""
        self._database.close()

    # ------------------------------------------------------------ another file

    def beside(self) -> "State":
        """A new, empty state in a file next to this one, to apply the log to again; then call `replace`."""
        if self._path == MEMORY:
            return State(MEMORY)
        path = beside(Path(self._path))
        remove_database(path)
        return State(path, self._boot)

    def replace(self, other: "State") -> None:
        """Continue with the content of `other`, which `beside` returned and which must not be used any more.

        The observers stay, and are not called for what `other` has applied. Raises like the constructor.
        """
        if self._path == MEMORY:
            self._database.abandon()
            self._open(other._database)
            return
        other.close()
        self._damage = LocalStateCorrupt("the local catalog could not be replaced")
        self._database.abandon()
        path = Path(self._path)
        remove_database(path)
        beside(path).rename(path)
        self._open(Database(path, self._boot))

    # ------------------------------------------------------------ buckets and objects

    def _bucket(self, name: str) -> int:
        if (bucket := self._tables.buckets.id_of(name)) is None:
            raise no_bucket(name)
        return bucket

    def bucket(self, name: str) -> Bucket | None:
        """The bucket of that name."""
        return self._tables.buckets.find(name)

    def buckets(self) -> list[Bucket]:
        """All buckets, sorted by name."""
        return self._tables.buckets.all()

    def version(self, bucket: str, key: str, version_id: bytes | None = None) -> Version | None:
        """The newest version of the object, or the one with this id. Raises `NoSuchBucket`."""
        version = self._tables.objects.version(self._bucket(bucket), key.encode())
        return version if version is None or version_id in (None, version.id) else None

    def find(
        self,
        bucket: str,
        key: str,
        version_id: bytes | None = None,
        span: tuple[int, int] | None = None,
    ) -> Found | None:
        """The newest version of the object, or the one with this id, with its content.

        With `span`, only the pieces that overlap its bytes [start, stop) are returned, uncut; `Found.offset`
        is where the first one begins. Raises `NoSuchBucket`.
        """
        found = self._tables.objects.find(self._bucket(bucket), key.encode(), span)
        return found if found is None or version_id in (None, found.version.id) else None

    def list_objects(
        self, bucket: str, prefix: str = "", delimiter: str = "", start_after: str = "", limit: int = 1000
    ) -> Listing:
        """A page of at most `limit` objects and common prefixes, in the order of UTF-8 bytes.

        Raises `NoSuchBucket`.
        """
        return self._lists.objects(self._bucket(bucket), prefix, delimiter, start_after, limit)

    # ------------------------------------------------------------ uploads

    def uploads(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str = "",
        key_marker: str = "",
        upload_marker: bytes = b"",
        limit: int = 1000,
    ) -> UploadListing:
        """A page of uploads in progress after the markers, by key and then id. Raises `NoSuchBucket`."""
        number = self._bucket(bucket)
        return self._lists.uploads(number, prefix, delimiter, key_marker, upload_marker, limit)

    def upload(self, bucket: str, key: str, upload: bytes) -> Upload | None:
        """The upload in progress with that key and id. Raises `NoSuchBucket`."""
        return self._tables.uploads.find(self._bucket(bucket), key.encode(), upload)

    def parts(self, upload: bytes, after: int = 0, limit: int = 1000) -> list[Part]:
        """The upload's parts with numbers above `after`, in order."""
        return self._tables.uploads.parts(upload, after, limit)

    # ------------------------------------------------------------ access keys

    def access_key(self, id: str) -> AccessKeyCreated | None:
        """The access key with this id, as it was created (its secret sealed)."""
        return self._tables.access_keys.find(id)

    def access_keys(self) -> list[AccessKeyCreated]:
        """All access keys, sorted by name."""
        return self._tables.access_keys.all()

    # ------------------------------------------------------------ extents

    def extent(self, id: bytes) -> Extent | None:
        """The extent with this id, in use or dead."""
        return self._tables.extents.find(id)

    def in_use(self, id: bytes) -> bool:
        """Whether anything refers to the extent with this id."""
        return self._tables.extents.in_use(id)

    def extents(self, after: bytes = b"", limit: int = 1000) -> list[Extent]:
        """Extents in use with ids above `after`, sorted by id."""
        return self._tables.extents.alive(after, limit)

    def degraded_extents(
        self, after: bytes = b"", limit: int = 1000, wanted: Wanted = lambda k, places, missing: True
    ) -> list[Extent]:
        """Extents in use that are known to miss a fragment, with ids above `after`, sorted by id.

        `wanted(k, places, missing)` is called once per layout, not once per extent.
        """
        return self._tables.extents.degraded(after, limit, wanted)

    def dead_extents(
        self, limit: int = 1000, died_by: int | None = None, died_after: int = -1
    ) -> list[DeadExtent]:
        """Extents that nothing refers to, in the order in which they died.

        Only those that died at the slot `died_by` or before, and after `died_after`.
        """
        return self._tables.extents.dead(limit, died_by, died_after)

    def grace_passed(self, seconds: float) -> int:
        """The newest slot since which at least `seconds` have passed, per the log; -1 if none is known."""
        return self._tables.expiry.grace(seconds)

    def collectable_by(self, passed: int) -> int:
        """The slot up to which dead extents may be deleted, given a grace period since the slot `passed`.

        That is `passed`, or the slot at which a read began that lasts longer than the grace period.
        """
        return self._tables.expiry.collectable_by(passed)

    @property
    def writes_expired_by(self) -> int | None:
        """Bodies in extents that were begun by this slot are refused; None if none are."""
        return self._tables.expiry.expired_by

    def placements(self) -> Placements:
        """Counts of what is stored where. Reads every content that has an extent: seconds for a million."""
        return placements(self._database, self._tables.layouts)

    def stored(self, provider: str) -> int:
        """The bytes of the fragments placed at this provider, including missing ones."""
        return self._tables.layouts.stored(provider)

    @property
    def log_bytes(self) -> int:
        """About how many bytes the log has at each voter, up to the present position."""
        row = self._database.row("SELECT log_bytes FROM position")
        assert row is not None
        return int(row[0])

    def used(self, month: str, provider: str, without: bytes = b"") -> Used:
        """What all gateways except `without` have reported for a month (`2026-11`)."""
        return self._tables.usage.of(month, provider, without)

    # ------------------------------------------------------------ the store itself

    @property
    def genesis(self) -> Genesis | None:
        """The store as it was created, with its members as they are now; None before slot 0."""
        return self._tables.facts.genesis

    def _created(self) -> Genesis:
        genesis = self._tables.facts.genesis
        assert genesis is not None, "members or policy requested before slot 0 was applied"
        return genesis

    def members(self) -> tuple[Member, ...]:
        """The providers, with their present incarnations."""
        return self._created().members

    def incarnations(self) -> dict[str, bytes]:
        """The incarnation that each provider has now, by name."""
        return self._tables.facts.incarnations

    def policy(self) -> Policy:
        """How much may be lost."""
        return self._created().policy

    def voters(self) -> tuple[str, ...]:
        """The names of the providers that vote."""
        return self._created().voters

    def drills(self) -> tuple[DrillSet, ...]:
        """The drills that were begun and not ended. Their `until` may have passed."""
        return self._tables.facts.drills

    def drill_reports(self) -> tuple[DrillReported, ...]:
        """The reports of the last drills, newest first."""
        return self._tables.facts.drill_reports()

    def counts(self) -> Counts:
        """How much the store holds."""
        buckets = self._tables.buckets.all()
        return Counts(
            len(buckets),
            sum(bucket.objects for bucket in buckets),
            sum(bucket.bytes for bucket in buckets),
            self._tables.uploads.count(),
            *self._tables.layouts.extents(),
        )
