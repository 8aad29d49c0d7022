"""The catalog as a beginner would write it: dicts, and everything counted anew each time.

What it must share with the real one is only what callers can see. It is slow and short; where the two
differ, one of them is wrong.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from outlast.base import errors, limits
from outlast.catalog import records as r
from outlast.catalog.placements import Alike, Placements, Whole
from outlast.catalog.uploads import Part, Upload
from outlast.coding.geometry import Geometry

Piece = bytes | tuple[bytes, int, int]
Pieces = tuple[Piece, ...]


@dataclass
class ModelObject:
    version: r.Version
    pieces: Pieces


@dataclass
class ModelUpload:
    upload: Upload
    parts: dict[int, tuple[Part, Pieces]] = field(default_factory=dict)


def pieces_of(body: r.Body) -> Pieces:
    if body.inline is not None:
        return (body.inline,) if body.inline else ()
    return tuple((extent.id, 0, extent.size) for extent in body.extents)


def lying_of(extent: r.Extent) -> tuple[int, int, tuple[str, ...], tuple[str, ...]]:
    gone = [place for index, place in enumerate(extent.places) if extent.missing >> index & 1]
    there = [place for index, place in enumerate(extent.places) if not extent.missing >> index & 1]
    return extent.k, extent.m, tuple(sorted(there)), tuple(sorted(gone))


def piece_length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece[2]


def cut(pieces: Pieces, start: int, stop: int) -> Pieces:
    taken: list[Piece] = []
    for piece in pieces:
        length = piece_length(piece)
        low, high = max(0, start), min(length, stop)
        if low < high:
            taken.append(
                piece[low:high] if isinstance(piece, bytes) else (piece[0], piece[1] + low, high - low)
            )
        start, stop = start - length, stop - length
    return tuple(taken)


class Model:
    def __init__(self) -> None:
        self.buckets: dict[str, int] = {}
        self.objects: dict[tuple[str, str], ModelObject] = {}
        self.uploads: dict[tuple[str, str, bytes], ModelUpload] = {}
        self.extents: dict[bytes, r.Extent] = {}
        self.died: dict[bytes, int] = {}
        self.access_keys: dict[str, r.AccessKeyCreated] = {}
        self.drills: dict[str, r.DrillSet] = {}
        self.drill_reports: list[r.DrillReported] = []
        self.genesis: r.Genesis | None = None
        self.slot = -1
        self.expired = -1_000
        self.graces: dict[int, int] = {}
        self.holds: dict[bytes, tuple[int, int]] = {}

    # ------------------------------------------------------------ what follows from the rest

    def references(self) -> Counter[bytes]:
        contents = [there.pieces for there in self.objects.values()]
        contents += [pieces for upload in self.uploads.values() for _, pieces in upload.parts.values()]
        return Counter(piece[0] for pieces in contents for piece in pieces if not isinstance(piece, bytes))

    def alive(self) -> list[r.Extent]:
        return [self.shown(id) for id in sorted(self.references())]

    def shown(self, id: bytes) -> r.Extent:
        """The extent, with all that does not count as missing."""
        extent, present = self.extents[id], self.incarnations()
        bits = [
            index
            for index in range(len(extent.places))
            if extent.missing >> index & 1 or present.get(extent.places[index]) != extent.incarnations[index]
        ]
        return msgspec.structs.replace(extent, missing=sum(2**bit for bit in bits))

    def stored(self, provider: str) -> int:
        return sum(
            Geometry(extent.size, extent.k).fragment_bytes * extent.places.count(provider)
            for extent in self.extents.values()
        )

    def placements(self) -> Placements:
        """Entries and objects, counted one by one."""
        alike: dict[tuple[object, ...], list[int]] = {}
        alive = self.alive()
        lying = {extent.id: lying_of(extent) for extent in alive}
        for extent in alive:
            amount = alike.setdefault(lying[extent.id], [0, 0, 0])
            amount[0] += 1
            amount[1] += extent.size
            amount[2] += Geometry(extent.size, extent.k).fragment_bytes
        order = sorted(alike)
        wholes: dict[int, list[int]] = {}
        for there in self.objects.values():
            ids = {piece[0] for piece in there.pieces if not isinstance(piece, bytes)}
            if ids:
                amount = wholes.setdefault(sum({1 << order.index(lying[id]) for id in ids}), [0, 0])
                amount[0] += 1
                amount[1] += there.version.size
        return Placements(
            tuple(Alike(*one, *alike[one]) for one in order),
            tuple(Whole(bits, *wholes[bits]) for bits in sorted(wholes)),
            self.dead_bytes(),
        )

    def dead_bytes(self) -> dict[str, int]:
        """Bytes of fragments that await collection, one by one."""
        found: dict[str, int] = {}
        for extent in (self.shown(id) for id in self.extents.keys() - self.references().keys()):
            for index, place in enumerate(extent.places):
                if not extent.missing >> index & 1:
                    size = Geometry(extent.size, extent.k).fragment_bytes
                    found[place] = found.get(place, 0) + size
        return found

    def listing(
        self, keys: list[str], prefix: str, delimiter: str, start_after: str, limit: int
    ) -> tuple[list[str], list[str], str | None]:
        """The keys and common prefixes of one page, and the last of them unless it is the last page."""
        names: dict[bytes, bool] = {}
        for key in keys:
            if key.startswith(prefix):
                at = key.find(delimiter, len(prefix)) if delimiter else -1
                names[(key if at < 0 else key[: at + len(delimiter)]).encode()] = at >= 0
        shown = sorted(name for name in names if name > start_after.encode())
        page = shown[:limit]
        return (
            [name.decode() for name in page if not names[name]],
            [name.decode() for name in page if names[name]],
            page[-1].decode() if 0 < limit < len(shown) else None,
        )

    # ------------------------------------------------------------ judging

    def apply(self, record: r.AnyRecord) -> object:
        if isinstance(record, r.ObjectPut | r.PartPut):
            self.extents |= {extent.id: extent for extent in record.body.extents}
        try:
            return getattr(self, type(record).__name__)(record)
        except errors.StoreError as error:
            return error
        finally:
            alive = self.references()
            self.died = {id: self.died.get(id, self.slot) for id in self.extents if not alive[id]}

    def enter(self, body: r.Body) -> None:
        if body.extents and body.begun <= self.expired:
            raise errors.WriteExpired
        for extent in body.extents:
            if len(extent.places) - self.shown(extent.id).missing.bit_count() < extent.k:
                raise errors.WriteLost

    def check_readable(self, pieces: Pieces, error: type[errors.StoreError]) -> None:
        for piece in pieces:
            if isinstance(piece, tuple):
                extent = self.shown(piece[0])
                if len(extent.places) - extent.missing.bit_count() < extent.k:
                    raise error

    def incarnations(self) -> dict[str, bytes]:
        return {member.name: member.incarnation for member in self.genesis.members} if self.genesis else {}

    def bucket(self, name: str) -> None:
        if name not in self.buckets:
            raise errors.NoSuchBucket

    def check(self, bucket: str, key: str, condition: r.Condition | None) -> None:
        there = self.objects.get((bucket, key))
        if condition is None:
            return
        if condition.kind == "absent" and there:
            raise errors.PreconditionFailed
        if condition.kind == "match" and not there:
            raise errors.NoSuchKey
        if condition.kind == "match" and there and condition.etag not in ("*", there.version.etag):
            raise errors.PreconditionFailed

    def Genesis(self, record: r.Genesis) -> None:  # noqa: N802  named after the record
        if self.genesis:
            raise errors.StoreCorrupt
        self.genesis = record

    def BucketCreated(self, record: r.BucketCreated) -> None:  # noqa: N802
        if record.name in self.buckets:
            raise errors.BucketExists
        self.buckets[record.name] = record.at

    def BucketDeleted(self, record: r.BucketDeleted) -> None:  # noqa: N802
        self.bucket(record.name)
        uploads = [key for key in self.uploads if key[0] == record.name]
        if any(key[0] == record.name for key in self.objects) or (uploads and not record.aborts):
            raise errors.BucketNotEmpty
        for key in uploads:
            del self.uploads[key]
        del self.buckets[record.name]

    def ObjectPut(self, record: r.ObjectPut) -> r.Version:  # noqa: N802
        self.bucket(record.bucket)
        self.check(record.bucket, record.key, record.condition)
        self.enter(record.body)
        self.objects[record.bucket, record.key] = ModelObject(record.version, pieces_of(record.body))
        return record.version

    def source(self, bucket: str, key: str, version: bytes) -> ModelObject:
        self.bucket(bucket)
        there = self.objects.get((bucket, key))
        if there is None or there.version.id != version:
            raise errors.NoSuchKey
        return there

    def ObjectCopied(self, record: r.ObjectCopied) -> r.Version:  # noqa: N802
        self.bucket(record.bucket)
        there = self.source(record.source_bucket, record.source_key, record.source_version)
        self.check(record.bucket, record.key, record.condition)
        self.check_readable(there.pieces, errors.WriteLost)
        version = msgspec.structs.replace(
            there.version,
            id=record.version_id,
            modified=record.at,
            attributes=there.version.attributes if record.attributes is None else record.attributes,
        )
        self.objects[record.bucket, record.key] = ModelObject(version, there.pieces)
        return version

    def ObjectDeleted(self, record: r.ObjectDeleted) -> bool:  # noqa: N802
        self.bucket(record.bucket)
        self.check(record.bucket, record.key, record.condition)
        return self.objects.pop((record.bucket, record.key), None) is not None

    def ObjectsDeleted(self, record: r.ObjectsDeleted) -> int:  # noqa: N802
        self.bucket(record.bucket)
        return sum(self.objects.pop((record.bucket, key), None) is not None for key in record.keys)

    def UploadCreated(self, record: r.UploadCreated) -> None:  # noqa: N802
        self.bucket(record.bucket)
        upload = Upload(
            record.key, record.upload, record.at, record.algorithm, record.kind, record.attributes
        )
        self.uploads[record.bucket, record.key, record.upload] = ModelUpload(upload)

    def under_way(
        self, record: r.PartPut | r.PartCopied | r.UploadCompleted | r.UploadAborted
    ) -> ModelUpload:
        upload = self.uploads.get((record.bucket, record.key, record.upload))
        if upload is None:
            raise errors.NoSuchUpload
        return upload

    def PartPut(self, record: r.PartPut) -> None:  # noqa: N802
        body = record.body
        part = Part(record.number, body.md5.hex(), body.size, record.at, record.checksum)
        upload = self.under_way(record)
        self.enter(body)
        upload.parts[record.number] = part, pieces_of(body)

    def PartCopied(self, record: r.PartCopied) -> None:  # noqa: N802
        upload = self.under_way(record)
        there = self.source(record.source_bucket, record.source_key, record.source_version)
        if record.start + record.length > there.version.size:
            raise errors.InvalidPart
        part = Part(record.number, record.md5.hex(), record.length, record.at, None)
        pieces = cut(there.pieces, record.start, record.start + record.length)
        self.check_readable(pieces, errors.WriteLost)
        upload.parts[record.number] = part, pieces

    def UploadCompleted(self, record: r.UploadCompleted) -> r.Version:  # noqa: N802
        there = self.objects.get((record.bucket, record.key))
        under_way = (record.bucket, record.key, record.upload) in self.uploads
        if there and there.version.id == record.upload and not under_way:
            return there.version
        upload = self.under_way(record)
        numbers = [number for number, _ in record.parts]
        if not numbers:
            raise errors.InvalidPart
        if any(a >= b for a, b in pairwise(numbers)):
            raise errors.InvalidPartOrder
        if any(n not in upload.parts or upload.parts[n][0].etag != etag for n, etag in record.parts):
            raise errors.InvalidPart
        chosen = [upload.parts[number] for number in numbers]
        if any(part.size < limits.part_bytes_min for part, _ in chosen[:-1]):
            raise errors.PartTooSmall
        self.check(record.bucket, record.key, record.condition)
        for _, pieces in chosen:
            self.check_readable(pieces, errors.InvalidPart)
        md5s = b"".join(bytes.fromhex(part.etag) for part, _ in chosen)
        version = r.Version(
            record.version_id,
            f"{hashlib.md5(md5s).hexdigest()}-{len(chosen)}",
            sum(part.size for part, _ in chosen),
            record.at,
            upload.upload.attributes,
            record.checksum,
            tuple(part.size for part, _ in chosen),
        )
        del self.uploads[record.bucket, record.key, record.upload]
        pieces = tuple(piece for _, pieces in chosen for piece in pieces)
        self.objects[record.bucket, record.key] = ModelObject(version, pieces)
        return version

    def UploadAborted(self, record: r.UploadAborted) -> None:  # noqa: N802
        self.bucket(record.bucket)
        self.under_way(record)
        del self.uploads[record.bucket, record.key, record.upload]

    def AccessKeyCreated(self, record: r.AccessKeyCreated) -> None:  # noqa: N802
        if any(record.name == key.name or record.id == key.id for key in self.access_keys.values()):
            raise errors.AccessKeyExists
        self.access_keys[record.name] = record

    def AccessKeyDeleted(self, record: r.AccessKeyDeleted) -> None:  # noqa: N802
        if self.access_keys.pop(record.name, None) is None:
            raise errors.NoSuchAccessKey

    def FragmentsLost(self, record: r.FragmentsLost) -> bool:  # noqa: N802
        extent = self.extents.get(record.extent)
        if extent:
            there = [extent.fragment(index) for index in range(len(extent.places))]
            bits = {bit for bit in range(len(there)) if extent.missing >> bit & 1}
            bits |= {one.index for one in record.fragments if one in there}
            self.extents[extent.id] = msgspec.structs.replace(extent, missing=sum(2**bit for bit in bits))
        return extent is not None

    def FragmentsRestored(self, record: r.FragmentsRestored) -> bool:  # noqa: N802
        extent = self.extents.get(record.extent)
        if extent:
            fragments = [extent.fragment(index) for index in range(len(extent.places))]
            bits = {bit for bit in range(len(fragments)) if extent.missing >> bit & 1}
            for one in record.fragments:
                if not 0 <= one.index < len(fragments):
                    continue
                moved = one.place != extent.places[one.index]
                if self.incarnations().get(one.place) != one.incarnation:
                    continue
                if not moved or record.chosen_beside == extent.places:
                    fragments[one.index] = one
                    bits -= {one.index}
            self.extents[extent.id] = msgspec.structs.replace(
                extent,
                places=tuple(one.place for one in fragments),
                incarnations=tuple(one.incarnation for one in fragments),
                missing=sum(2**bit for bit in bits),
            )
        return extent is not None

    def ExtentsCollected(self, record: r.ExtentsCollected) -> None:  # noqa: N802
        alive = self.references()
        for id in record.extents:
            if not alive[id]:
                self.extents.pop(id, None)

    def ProviderReattached(self, record: r.ProviderReattached) -> None:  # noqa: N802
        if self.genesis:
            members = tuple(
                msgspec.structs.replace(member, incarnation=record.incarnation)
                if member.name == record.provider
                else member
                for member in self.genesis.members
            )
            self.genesis = msgspec.structs.replace(self.genesis, members=members)

    def DrillSet(self, record: r.DrillSet) -> None:  # noqa: N802
        self.drills.pop(record.provider, None)
        if record.shape:
            self.drills[record.provider] = record

    def DrillReported(self, record: r.DrillReported) -> None:  # noqa: N802
        self.drill_reports = [record, *self.drill_reports][: limits.drill_reports_max]

    def MendClaimed(self, record: r.MendClaimed) -> None:  # noqa: N802
        pass

    def WritesExpired(self, record: r.WritesExpired) -> None:  # noqa: N802
        self.expired = max(self.expired, record.slot)

    def GracePassed(self, record: r.GracePassed) -> None:  # noqa: N802
        self.graces[record.seconds] = max(record.slot, self.graces.get(record.seconds, -1))

    def ReadingHeld(self, record: r.ReadingHeld) -> None:  # noqa: N802
        self.holds[record.gateway] = record.slot, self.slot

    def collectable_by(self, passed: int) -> int:
        return min([passed, *(began for began, held in self.holds.values() if held > passed)])

    def grace(self, seconds: int) -> int:
        return max((slot for passed, slot in self.graces.items() if passed >= seconds), default=-1)
