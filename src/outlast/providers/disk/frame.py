"""The bytes of a journal: a header, records, and the gaps between them. Values in, values out.

A journal is a file to which several processes append, each record with one write. Any of them may be killed
in the middle, the disk may fill up or lose power, and bits may rot later. So every record begins with the
journal's own eight random bytes, by which the next record is found whatever precedes it, and has one checksum
over its header and one over its payload. Reading sorts all bytes into

* records: intact, or damaged (the header is valid and names the state, but the payload is not what was
  written);
* remains of a write that was never acknowledged, which mean nothing: a header, complete or not, followed by
  less than it announces, because another record or the end of the file comes first; zeros; a payload that
  ends in zeros (after a power cut the file has its full length but no content there);
* anything else, which may have been a record. A journal with such bytes is *dirty*: anything that is not
  found intact in it may have been there.

Acknowledged records can also rot into the shape of remains (a sector that reads as zeros). So each record
states how many records its writer knew in how many durable bytes (`records`, `known`). If fewer are found,
those bytes are not remains, and the journal is dirty.

docs/internals/formats/disk-log.md is the specification, with the arguments.
"""

import struct
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from awscrt.checksums import crc32c

MAGIC = b"OUTLASTJ"
VERSION = 1
NONCE_BYTES = 8

_file = struct.Struct(">8sBB6x8sQI")
_record = struct.Struct(">8sBQIIIQII")
FILE_BYTES = _file.size
HEADER_BYTES = _record.size

# The unit in which a disk writes. After a power cut, an incomplete payload is zeros from the beginning of a
# sector on.
SECTOR_BYTES = 512

Read = Callable[[int, int], bytes]
"""(start, stop) -> these bytes of the file, which must exist."""


class Journal(IntEnum):
    """What a journal is for."""

    SEGMENT = 1
    """The states of some slots."""
    LIST = 2
    """The list of segments."""


class Kind(IntEnum):
    """What a record does."""

    CREATE = 1
    PUT = 2
    DELETE = 3
    BEGIN = 4
    """In a list: a segment was begun. Holds its first slot and, as payload, the nonce in its header."""


_journals = frozenset(Journal)
_kinds = frozenset(Kind)


class Header(NamedTuple):
    """The header of a journal."""

    journal: Journal
    nonce: bytes
    first: int
    """The first slot of a segment; 0 in a list."""

    def encode(self) -> bytes:
        fields = _file.pack(MAGIC, VERSION, self.journal, self.nonce, self.first, 0)[:-4]
        return fields + _crc(fields)


class JournalRecord(NamedTuple):
    """One record, at offset `at`."""

    at: int
    kind: Kind
    slot: int
    place: int
    size: int
    """The payload's size in bytes."""
    crc: int
    """The payload's CRC-32C."""
    known: int
    """Bytes at the journal's beginning that its writer knew to be durable."""
    records: int
    """How many complete records are in these bytes."""
    intact: bool = True

    @property
    def payload_at(self) -> int:
        return self.at + HEADER_BYTES

    @property
    def stop(self) -> int:
        return self.at + HEADER_BYTES + self.size


class Gap(NamedTuple):
    """Bytes that are not a record."""

    at: int
    stop: int
    dirty: bool
    """Whether they may have been one."""
    last: bool = False
    """Whether they reach the end of the file, so that more may follow."""


def decode_header(content: bytes) -> Header | None:
    """The header in a journal's first `FILE_BYTES`; None unless it is intact and of this version."""
    if len(content) < FILE_BYTES:
        return None
    magic, version, journal, nonce, first, crc = _file.unpack_from(content)
    if magic != MAGIC or version != VERSION or crc != crc32c(content[: FILE_BYTES - 4]):
        return None
    return Header(Journal(journal), nonce, first) if journal in _journals else None


def encode_record(
    nonce: bytes, kind: Kind, slot: int, place: int, payload: bytes, known: int, records: int
) -> bytes:
    """A record's header; the payload follows it."""
    return encode_header(
        nonce, JournalRecord(0, kind, slot, place, len(payload), crc32c(payload), known, records)
    )


def encode_header(nonce: bytes, record: JournalRecord) -> bytes:
    """The header of `record`, wherever it is."""
    _, kind, slot, place, size, crc, known, records, _ = record
    fields = _record.pack(nonce, kind, slot, place, size, crc, known, records, 0)[:-4]
    return fields + _crc(fields)


def _crc(content: bytes) -> bytes:
    checksum: int = crc32c(content)
    return checksum.to_bytes(4, "big")


def new_nonce(random: bytes) -> bytes:
    """A nonce from random bytes. It has no zeros, so that it is never mistaken for bytes without content."""
    return random.replace(b"\0", b"\xff")


def scan(read: Read, start: int, stop: int, nonce: bytes) -> Iterator[JournalRecord | Gap]:
    """The records and gaps in the bytes [start, stop). One begins at `start`; the file ends at `stop`."""
    at = start
    while at < stop:
        record = _header_at(read, at, stop, nonce)
        if record is not None and record.stop <= stop:
            found = _judged(read, record, stop, nonce)
        else:
            found = _gap(read, at, stop, nonce, record is not None)
        yield found
        at = found.stop


def _header_at(read: Read, at: int, stop: int, nonce: bytes) -> JournalRecord | None:
    """The record whose header is intact at `at`. Its payload is not read, and may not be there."""
    if stop - at < HEADER_BYTES:
        return None
    content = read(at, at + HEADER_BYTES)
    magic, kind, slot, place, size, crc, known, records, own = _record.unpack(content)
    if magic != nonce or own != crc32c(content[:-4]) or kind not in _kinds:
        return None
    return JournalRecord(at, Kind(kind), slot, place, size, crc, known, records)


def _judged(read: Read, record: JournalRecord, stop: int, nonce: bytes) -> JournalRecord | Gap:
    """Classify a record whose payload fits into the file: intact, damaged, or never completely written."""
    payload = read(record.payload_at, record.stop)
    if crc32c(payload) == record.crc:
        return record
    cut = _next_header(read, record.payload_at, record.stop, stop, nonce)
    if cut is not None:
        return Gap(record.at, cut, dirty=False)
    written = record.payload_at + len(payload.rstrip(b"\0"))
    last_sector = (record.stop - 1) // SECTOR_BYTES * SECTOR_BYTES
    if written <= max(last_sector, record.payload_at):
        return Gap(record.at, record.stop, dirty=False)
    return record._replace(intact=False)


def _gap(read: Read, at: int, stop: int, nonce: bytes, begun: bool) -> Gap:
    """The bytes from `at` up to the next header, which hold no record. `begun`: they begin with a header."""
    following = _next_header(read, at + 1, stop, stop, nonce)
    end = stop if following is None else following
    dirty = not begun and not _is_remains(read(at, end), nonce)
    return Gap(at, end, dirty, last=following is None)


def _next_header(read: Read, start: int, before: int, stop: int, nonce: bytes) -> int | None:
    """The offset of the first intact header in [start, before); the file ends at `stop`."""
    content = read(start, min(before + NONCE_BYTES - 1, stop))
    at = content.find(nonce)
    while at >= 0:
        if _header_at(read, start + at, stop, nonce) is not None:
            return start + at
        at = content.find(nonce, at + 1)
    return None


def _is_remains(content: bytes, nonce: bytes) -> bool:
    """Whether these bytes can be zeros and the beginnings of incompletely written headers."""
    first, *others = content.split(nonce)
    return nonce.startswith(first.strip(b"\0")) and all(
        len(other.rstrip(b"\0")) < HEADER_BYTES - NONCE_BYTES for other in others
    )
