"""The catalog's state: the log's records applied in order, in a local SQLite file.

The file is a cache. It says itself how far it has come: the position is written in the same transaction
as what the slot's records did, so that after a crash the next slot is applied once, neither again nor
never. Whoever finds it damaged puts another in its place, to which the log was applied from the start.

Reads are plain functions that answer in microseconds from the caller's thread, and show the state as of
the last applied slot. To show the newest, `Catalog.sync` first.
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
    """How much the store holds. `bytes` are those of objects; `degraded` extents miss a fragment."""

    buckets: int
    objects: int
    bytes: int
    uploads: int
    extents: int
    degraded: int
    dead: int


class State:
    """The tables as one value. Not for several threads at once.

    Any method may raise `LocalStateCorrupt`: the file is damaged, and nothing that was read is wrong.
    `beside` and `replace` put another in its place.
    """

    def __init__(self, path: Path | str, boot: str | None = None) -> None:
        """Open the file at `path`, made if there is none; `":memory:"` for none at all.

        Raises `LocalStateCorrupt` for a file that is damaged, of another version, not a catalog, or was in
        use when the machine stopped: delete it and open again. Raises `StoreUnavailable` where the file
        cannot be written. `boot` is the machine's present run, if not the one that `boot_id` tells.
        """
        self._path = path
        self._boot = boot
        self._observers: list[tuple[Observer, Report]] = []
        self.on_damage: Callable[[LocalStateCorrupt], None] = lambda error: None
        """Called, maybe several times, when the file turns out to be damaged."""
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
        """Forget what memory says, at the beginning and after a batch was rolled back."""
        try:
            row = self._database.row("SELECT slot, hash FROM position")
            assert row is not None
            self._position = Position(row[0], row[1])
            self._sound.reload()
        except Exception as error:  # what memory says belongs to no slot now
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
        """Apply the batch that was decided for `slot`, in one transaction; an outcome for each record.

        An outcome is what the record's docstring says, a `StoreError` if the wish was refused (returned,
        not raised). `slot` must be the next one. Raises `ConfigError` for records of a newer version;
        after any error that is raised the state is as it was, or raises `LocalStateCorrupt` from then on.
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
        """Call the observers. The slot is applied: none of them can change that, whatever it raises."""
        for observer, report in self._observers:
            try:
                observer(record, outcome)
            except Exception as error:
                report(error)

    def on_applied(self, observer: Observer, report: Report) -> None:
        """Call `observer` with each record and its outcome, after the transaction that applied it.

        What it raises goes to `report`, and does not keep others from being called.
        """
        self._observers.append((observer, report))

    def fingerprint(self) -> bytes:
        """32 bytes that are the same for two states exactly when everything in them is. Reads all of it."""
        return self._database.fingerprint()

    def close(self) -> None:
        """Close the file, durably. May be left out when the process dies: what was applied is not lost."""
        self._database.close()

    # ------------------------------------------------------------ another file

    def beside(self) -> "State":
        """A new, empty state in a file beside this one's, to apply the log to once more; then `replace`."""
        if self._path == MEMORY:
            return State(MEMORY)
        path = beside(Path(self._path))
        remove_database(path)
        return State(path, self._boot)

    def replace(self, other: "State") -> None:
        """Go on with what is in `other`, which `beside` gave and which must not be used any more.

        The observers stay, and are not called for what `other` has applied. Raises as the constructor.
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
        """All buckets in the order of their names."""
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

        With `span` only the pieces that share bytes with [start, stop) of it are given, whole;
        `Found.offset` says where the first begins. Raises `NoSuchBucket`.
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
        """A page of uploads under way, by key and then id, after the markers. Raises `NoSuchBucket`."""
        number = self._bucket(bucket)
        return self._lists.uploads(number, prefix, delimiter, key_marker, upload_marker, limit)

    def upload(self, bucket: str, key: str, upload: bytes) -> Upload | None:
        """The upload under way of that key and id. Raises `NoSuchBucket`."""
        return self._tables.uploads.find(self._bucket(bucket), key.encode(), upload)

    def parts(self, upload: bytes, after: int = 0, limit: int = 1000) -> list[Part]:
        """The upload's parts with numbers above `after`, in order."""
        return self._tables.uploads.parts(upload, after, limit)

    # ------------------------------------------------------------ access keys

    def access_key(self, id: str) -> AccessKeyCreated | None:
        """The access key with this id, as it was created (its secret sealed)."""
        return self._tables.access_keys.find(id)

    def access_keys(self) -> list[AccessKeyCreated]:
        """All access keys in the order of their names."""
        return self._tables.access_keys.all()

    # ------------------------------------------------------------ extents

    def extent(self, id: bytes) -> Extent | None:
        """The extent with this id, in use or dead."""
        return self._tables.extents.find(id)

    def in_use(self, id: bytes) -> bool:
        """Whether something refers to the extent with this id."""
        return self._tables.extents.in_use(id)

    def extents(self, after: bytes = b"", limit: int = 1000) -> list[Extent]:
        """Extents in use with ids above `after`, in the order of their ids."""
        return self._tables.extents.alive(after, limit)

    def degraded_extents(
        self, after: bytes = b"", limit: int = 1000, wanted: Wanted = lambda k, places, missing: True
    ) -> list[Extent]:
        """Extents in use that are known to miss a fragment, with ids above `after`, in order.

        `wanted(k, places, missing)` is asked of each way in which extents lie, not of each extent.
        """
        return self._tables.extents.degraded(after, limit, wanted)

    def dead_extents(
        self, limit: int = 1000, died_by: int | None = None, died_after: int = -1
    ) -> list[DeadExtent]:
        """Extents that nothing refers to, the longest dead first.

        Only those that died at the slot `died_by` or before, and after `died_after`.
        """
        return self._tables.extents.dead(limit, died_by, died_after)

    def grace_passed(self, seconds: float) -> int:
        """The newest slot since which at least `seconds` have passed, by the log; -1 if none is known."""
        return self._tables.expiry.grace(seconds)

    def collectable_by(self, passed: int) -> int:
        """The newest slot such that what died by it may be deleted, once a grace has passed since `passed`.

        That is `passed`, or the slot at which a reading began that lasts longer than the grace.
        """
        return self._tables.expiry.collectable_by(passed)

    @property
    def writes_expired_by(self) -> int | None:
        """Bodies in extents that were begun by this slot are refused; None if none are."""
        return self._tables.expiry.expired_by

    def placements(self) -> Placements:
        """What lies where, counted. Reads every content that has an extent: seconds for
        a million of them.
        """
        return placements(self._database, self._tables.layouts)

    def stored(self, provider: str) -> int:
        """How many bytes the fragments have that are placed at this provider, missing or not."""
        return self._tables.layouts.stored(provider)

    @property
    def log_bytes(self) -> int:
        """About how many bytes the log has at each voter, up to the present position."""
        row = self._database.row("SELECT log_bytes FROM position")
        assert row is not None
        return int(row[0])

    def used(self, month: str, provider: str, without: bytes = b"") -> Used:
        """What gateways have reported for a month (`2026-11`), all but the gateway `without`."""
        return self._tables.usage.of(month, provider, without)

    # ------------------------------------------------------------ the store itself

    @property
    def genesis(self) -> Genesis | None:
        """The store as it was created, with its members as they are now; None before slot 0."""
        return self._tables.facts.genesis

    def _created(self) -> Genesis:
        genesis = self._tables.facts.genesis
        assert genesis is not None, "asked for members or policy before slot 0 was applied"
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
        """What became of the last drills, the newest first."""
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
