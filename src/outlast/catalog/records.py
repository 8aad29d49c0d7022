"""The records of the catalog, which the log agrees on.

A record is a conditional command. Every gateway judges it in the same way when it applies it, in the log's
order; this is what makes conditional writes linearizable. Records are MessagePack arrays (`msgspec`,
`array_like`), tagged by their first element, as docs/internals/formats specifies.

Times are milliseconds since the Unix epoch, for people: no judgement depends on them, because any clock may
be wrong. Identifiers are 16 random bytes; keys are Unicode, as in S3. ETags have no quotation marks.
"""

from typing import Literal, TypeAlias

import msgspec

from outlast.base.wire import Struct
from outlast.placement.members import Member, Policy

# ---------------------------------------------------------------- values


class Condition(Struct):
    """What must hold when the record is applied.

    `absent`: there is no object with that key (`If-None-Match: *`); `etag` is ignored.
    `match`: there is one and its ETag is `etag`, or any if `etag` is `*` (`If-Match`).
    """

    kind: Literal["absent", "match"]
    etag: str = ""


class Checksum(Struct):
    """An S3 additional checksum: `value` in base64, followed by `-N` if composite."""

    algorithm: Literal["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
    value: str
    kind: Literal["FULL_OBJECT", "COMPOSITE"] = "FULL_OBJECT"


class Fragment(Struct):
    """One fragment of an extent: its index, its provider, and the provider's incarnation."""

    index: int
    place: str
    incarnation: bytes


class Extent(Struct):
    """Where at most 16 MiB of plaintext are stored.

    `key` is the wrapped data key. Fragment `i` of the `k + m` is at provider `places[i]`, under the name
    `coding.extent.fragment_key(id, i)`, and was written while that provider had the incarnation
    `incarnations[i]`. If bit `i` of `missing` is set, the fragment is not known to be there.
    """

    id: bytes
    size: int
    key: bytes
    k: int
    m: int
    places: tuple[str, ...]
    missing: int = 0
    incarnations: tuple[bytes, ...] = ()

    def fragment(self, index: int) -> Fragment:
        """Where fragment `index` is, missing or not."""
        return Fragment(index, self.places[index], self.incarnations[index])


class Body(Struct):
    """The content of an object or a part as its writer passes it: inline, or in new extents, in order.

    `begun`: the newest slot that the writer had applied when it began to write extents (see `WritesExpired`).
    """

    size: int
    md5: bytes
    inline: bytes | None = None
    extents: tuple[Extent, ...] = ()
    begun: int = -1


class Attributes(Struct):
    """What a client specified about an object.

    `headers` have lower-case names: content-type, cache-control, content-disposition, content-encoding,
    content-language, expires. `metadata` holds x-amz-meta-*, without that prefix.
    """

    headers: dict[str, str] = msgspec.field(default_factory=dict)
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class Version(Struct):
    """One version of an object, without its content. `parts` are the parts' sizes, for `partNumber`."""

    id: bytes
    etag: str
    size: int
    modified: int
    attributes: Attributes
    checksum: Checksum | None = None
    parts: tuple[int, ...] = ()


# ---------------------------------------------------------------- records


class Record(Struct, tag_field="type"):
    """One change to the catalog."""


class Genesis(Record, tag=0):
    """The first record of slot 0, which identifies the store."""

    store: bytes
    created: int
    policy: Policy
    members: tuple[Member, ...]
    voters: tuple[str, ...]


class BucketCreated(Record, tag=1):
    """Outcome: None; `BucketExists`."""

    name: str
    at: int


class BucketDeleted(Record, tag=2):
    """Outcome: None; `NoSuchBucket`, `BucketNotEmpty`.

    `aborts`: abort uploads in progress. Without it they make the bucket count as not empty.
    """

    name: str
    aborts: bool = False


class ObjectPut(Record, tag=3):
    """Outcome: the `Version`; `NoSuchBucket`, `PreconditionFailed`, `NoSuchKey` (`match` without an object).

    Also `WriteExpired`, `WriteLost` (fewer than k fragments of an extent count).
    """

    bucket: str
    key: str
    version: Version
    body: Body
    condition: Condition | None = None


class ObjectCopied(Record, tag=4):
    """A copy shares its source's extents; nothing moves. `source_version` must still be there.

    `attributes` None: those of the source. Outcome: the new `Version`; `NoSuchBucket`, `NoSuchKey`,
    `PreconditionFailed`, `WriteLost` (the source has lost too many fragments to be read).
    """

    source_bucket: str
    source_key: str
    source_version: bytes
    bucket: str
    key: str
    version_id: bytes
    at: int
    attributes: Attributes | None = None
    condition: Condition | None = None


class ObjectDeleted(Record, tag=5):
    """Outcome: True if there was one; `NoSuchBucket`; with a condition `NoSuchKey`, `PreconditionFailed`."""

    bucket: str
    key: str
    condition: Condition | None = None
    at: int = 0


class ObjectsDeleted(Record, tag=6):
    """Many keys of one bucket. Outcome: how many of them existed; `NoSuchBucket`."""

    bucket: str
    keys: tuple[str, ...]
    at: int = 0


class UploadCreated(Record, tag=7):
    """A multipart upload begins. `algorithm`, `kind`: its checksum. Outcome: None; `NoSuchBucket`."""

    bucket: str
    key: str
    upload: bytes
    at: int
    attributes: Attributes
    algorithm: str = ""
    kind: str = ""


class PartPut(Record, tag=8):
    """Part `number` of an upload, replacing an earlier one.

    Outcome: None; `NoSuchUpload`, `WriteExpired`, `WriteLost`.
    """

    bucket: str
    key: str
    upload: bytes
    number: int
    at: int
    body: Body
    checksum: Checksum | None = None


class PartCopied(Record, tag=9):
    """A part that shares bytes [start, start+length) of a version. `md5` was computed by reading them.

    Outcome: None; `NoSuchUpload`, `NoSuchKey` (that version no longer exists), `WriteLost` (unreadable).
    """

    bucket: str
    key: str
    upload: bytes
    number: int
    at: int
    source_bucket: str
    source_key: str
    source_version: bytes
    start: int
    length: int
    md5: bytes


class UploadCompleted(Record, tag=10):
    """The listed parts, in order, become the object; the others are dropped.

    `parts`: (number, etag). `checksum`: as the gateway computed or checked it. Outcome: the `Version`;
    `NoSuchUpload`, `InvalidPart` (also for a part that can no longer be read), `InvalidPartOrder`,
    `PartTooSmall`, `PreconditionFailed`, `NoSuchKey`.
    """

    bucket: str
    key: str
    upload: bytes
    version_id: bytes
    at: int
    parts: tuple[tuple[int, str], ...]
    checksum: Checksum | None = None
    condition: Condition | None = None


class UploadAborted(Record, tag=11):
    """Outcome: None; `NoSuchBucket`, `NoSuchUpload`."""

    bucket: str
    key: str
    upload: bytes
    at: int = 0


class AccessKeyCreated(Record, tag=12):
    """`secret` is sealed. `bucket` "": all buckets. Outcome: None; `AccessKeyExists`."""

    name: str
    id: str
    secret: bytes
    bucket: str
    read_only: bool
    at: int


class AccessKeyDeleted(Record, tag=13):
    """Outcome: None; `NoSuchAccessKey`."""

    name: str


class FragmentsLost(Record, tag=14):
    """These fragments are not in their places. Outcome: True if the extent is still known.

    Nothing changes for a fragment that is elsewhere by now, or of another incarnation there.
    """

    extent: bytes
    fragments: tuple[Fragment, ...]


class FragmentsRestored(Record, tag=15):
    """These fragments are (again) at these places. Outcome: True if the extent is still known.

    `chosen_beside`: the places of all fragments when new ones were chosen. Nothing changes for a fragment
    whose incarnation is not its provider's present one, nor for a moved one if the places have changed since:
    two fragments could end up in one place.
    """

    extent: bytes
    fragments: tuple[Fragment, ...]
    chosen_beside: tuple[str, ...] = ()


class ExtentsCollected(Record, tag=16):
    """The fragments of these dead extents have been deleted. Outcome: None."""

    extents: tuple[bytes, ...]


class ProviderReattached(Record, tag=17):
    """A provider that lost its marker gets a new one with a new incarnation (docs/internals/decisions/0003).

    Outcome: None.
    """

    provider: str
    incarnation: bytes


class DrillFault(Struct):
    """How a provider should fail: a shape, and what it affects: a share of the calls, reads, writes."""

    shape: str
    share: float = 1.0
    reads: bool = True
    writes: bool = True


class DrillSet(Record, tag=18):
    """Until `until` every gateway treats `provider` as failing; `shape` "" ends the drill. Outcome: None.

    All `faults` apply at once. If there are none, it fails in `shape`, which otherwise is the first fault's.
    """

    provider: str
    shape: str
    until: int
    faults: tuple[DrillFault, ...] = ()
    end: int = 0
    """When the drill is to end, for people; 0 if that is `until`, which an order that is renewed puts off."""
    by: str = ""
    """The person or host that ordered it, for people."""


class DrillReported(Record, tag=20):
    """The result of a drill. `report` is JSON, for people. Outcome: None.

    Only the last `limits.drill_reports_max` reports are kept.
    """

    what: str
    """What failed, as shown to people."""
    providers: tuple[str, ...]
    began: int
    ended: int
    kept: bool
    """Whether the promises were kept."""
    report: bytes


class UsageReported(Record, tag=19):
    """The total use of `provider` by `gateway` so far in `month` (`2026-11`, UTC).

    `requests` are those that the provider counts, `egress` is the bytes read from it. A report with larger
    figures replaces an earlier one of the same gateway and month. The reports of the
    `limits.usage_months_max` months that were reported on last are kept. Outcome: None.
    """

    month: str
    provider: str
    gateway: bytes
    requests: int
    egress: int


class MendClaimed(Record, tag=21):
    """`gateway` is about to repair these extents, and others may leave them to it. Outcome: None.

    It changes nothing: only observers act on it.
    """

    gateway: bytes
    extents: tuple[bytes, ...]


class WritesExpired(Record, tag=22):
    """Bodies in extents that were begun at `slot` or before are refused from now on. Outcome: None.

    So a fragment that was there before `slot` and is part of no known extent is garbage.
    """

    slot: int


class GracePassed(Record, tag=23):
    """The process that committed this had `slot` applied for `seconds` of its own time. Outcome: None.

    This tells short-lived processes, which cannot wait that long themselves, how long ago an extent died.
    """

    slot: int
    seconds: int


class ReadingHeld(Record, tag=24):
    """The process `gateway` still reads what it found at `slot`: what died since is not collected.

    It holds until a grace period has passed since this record was decided, or `gateway` commits another. Only
    the last `limits.holds_max` are kept. Outcome: None.
    """

    gateway: bytes
    slot: int


AnyRecord: TypeAlias = (
    Genesis
    | BucketCreated
    | BucketDeleted
    | ObjectPut
    | ObjectCopied
    | ObjectDeleted
    | ObjectsDeleted
    | UploadCreated
    | PartPut
    | PartCopied
    | UploadCompleted
    | UploadAborted
    | AccessKeyCreated
    | AccessKeyDeleted
    | FragmentsLost
    | FragmentsRestored
    | ExtentsCollected
    | ProviderReattached
    | DrillSet
    | UsageReported
    | DrillReported
    | MendClaimed
    | WritesExpired
    | GracePassed
    | ReadingHeld
)
