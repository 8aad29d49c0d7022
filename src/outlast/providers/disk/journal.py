"""One journal on a disk, as this process knows it: appended to, caught up with, and made durable.

Any number of processes append to the same file, each record by one write to a descriptor in append mode,
which the kernel puts at the end in one piece. The meaning of a record depends on those before it, so after an
append a process reads on until it reaches its own record: then it knows everything that came earlier, as will
every other reader of the file.

Invariants:

* `append` returns only when the record is durable and the path still names the file that it is in.
* What was once known about the file stays true. If the path names another file (a directory was copied back),
  that file must hold every record that this process has seen. And whenever it reads on, the last of them must
  still be where it was, because an earlier copy may have been written over the file in place, and others may
  have appended to that. If not, the result is `Lost`, from then on for the entire log (`Standing.forgot`),
  because a file that has grown again no longer shows that it was cut short.
* After a failed fdatasync the kernel may show bytes as written that never reach the disk, and reports that
  only once. So this process does not use the file any more.

The journal knows nothing about slots; `Content` does.
"""

import errno
import os
import stat
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from outlast.base.errors import OutlastError
from outlast.providers.disk.files import read
from outlast.providers.disk.frame import (
    FILE_BYTES,
    Header,
    JournalRecord,
    Kind,
    decode_header,
    encode_header,
    encode_record,
    scan,
)
from outlast.providers.disk.room import Room
from outlast.providers.disk.system import FileStatus, System, is_absent


class Lost(OutlastError):
    """A journal is missing, or is not the one that it was."""


class Content(Protocol):
    """What the records of a journal mean."""

    def take(self, record: JournalRecord, payload: bytes) -> None:
        """Process the next record. `payload` is empty unless the record is intact and small."""
        ...


@dataclass
class Standing:
    """What the journals of one log share in this process."""

    room: Room
    distrusted: set[bytes] = field(default_factory=set)
    """Nonces of journals whose content could not be made durable."""
    forgot: str = ""
    """How a journal lost records that this process has seen, if one did. Then no journal is used any more."""

    def renewed(self) -> "Standing":
        """The standing of the same log after it is begun again: whatever it had lost was restored."""
        return Standing(self.room, self.distrusted)


# Payloads up to this size are passed to the content with their record: those of a list are 8 bytes.
small_bytes_max = 64


class JournalFile:
    """The journal at `path` whose header has `nonce`. Methods raise `Lost` and OSErrors."""

    def __init__(
        self,
        system: System,
        path: str,
        nonce: bytes,
        content: Content,
        standing: Standing,
        headless: bool = False,
    ) -> None:
        """`headless`: the journal's own header may be damaged."""
        self.path = path
        self.nonce = nonce
        self.dirty = False
        """Whether records that are not found in it may have been there; see `frame`."""
        self.content = content
        self._standing = standing
        self._headless = headless
        self._system = system
        self._identity: tuple[int, int] | None = None
        self._seen: FileStatus | None = None
        self._end = FILE_BYTES
        self._records: list[JournalRecord] = []
        self._stops: list[int] = []
        self._proof = b""
        """The header of the last record when the file was last known to be correct."""
        self._proof_at = 0
        self._lasting = False  # dirt that more records do not explain
        self._synced = 0
        self._lock = threading.Lock()

    def open(self, append: bool = False) -> int:
        """A descriptor, which the caller must close, after catching up with the file's content."""
        system = self._system
        self._check_trusted()
        try:
            file = system.open_append(self.path) if append else system.open_read(self.path)
        except OSError as error:
            raise self._lost(error) from error
        try:
            self._recognize(file)
        except BaseException:
            system.close(file)
            raise
        return file

    def refresh(self) -> None:
        """Catch up with the file's content. This takes one system call if nothing has changed.

        Only `open` sees a change within the same tick of the kernel's clock that keeps the size.
        """
        self._check_trusted()
        try:
            status = self._system.status_of(self.path)
        except OSError as error:
            raise self._lost(error) from error
        if status != self._seen:
            self._system.close(self.open())

    def _lost(self, error: OSError) -> Exception:
        return Lost(f"{self._file_name} is missing") if is_absent(error) else error

    def _forgot(self, how: str) -> Lost:
        """The error for a file that is not what it was. Permanent if any record of it was known."""
        what = f"{self._file_name} {how}"
        if self._records:
            self._standing.forgot = what
        return Lost(what)

    def _check_trusted(self) -> None:
        if self._standing.forgot:
            raise Lost(self._standing.forgot)
        if self.nonce in self._standing.distrusted:
            raise OSError(errno.EIO, "its data could not be made durable earlier", self.path)

    @property
    def _file_name(self) -> str:
        return os.path.basename(self.path)

    def append(
        self, file: int, kind: Kind, slot: int, place: int, payload: bytes, durable: bool = True
    ) -> int:
        """Append a record and catch up to it. Returns its offset. Raises ENOSPC if only a part of it fits.

        Without `durable`, the record becomes durable together with any later one.
        """
        at, stop = self._write(file, kind, slot, place, payload)
        if durable:
            self.make_durable(file, stop)
        with self._lock:
            # In this order, because the known size of the file never shrinks.
            status, named = self._system.status(file), self._system.status_of(self.path)
            # Another thread may have found another file there, even if the path names this one again.
            if not status.names or not (named.identity == status.identity == self._identity):
                raise Lost(f"{self._file_name} was removed or replaced meanwhile")
            self._catch_up(file, status)
            if self._stops[bisect_left(self._stops, stop) :][:1] != [stop]:
                raise OSError(errno.EIO, "what was written cannot be read", self.path)
        return at

    def _write(self, file: int, kind: Kind, slot: int, place: int, payload: bytes) -> tuple[int, int]:
        """Write the record. Returns where it begins and ends."""
        with self._lock:
            known = min(self._synced, self._end)
            records = bisect_right(self._stops, known)
        header = encode_record(self.nonce, kind, slot, place, payload, known, records)
        size = self._standing.room.append(file, [memoryview(header), memoryview(payload)])
        stop = self._system.position(file)
        return stop - size, stop

    def make_durable(self, file: int, stop: int) -> None:
        """Return when the first `stop` bytes, which are in the file, are known to be durable."""
        if stop <= self._synced:
            return
        status = self._system.status(file)
        try:
            self._system.sync_data(file)
        except OSError:
            self._standing.distrusted.add(self.nonce)
            raise
        with self._lock:
            if status.identity == self._identity:
                self._synced = max(self._synced, status.size)

    def make_all_durable(self) -> None:
        """Return when everything known in the file is known to be durable. Usually it already is."""
        if self._synced < self._end:
            file = self.open()
            try:
                self.make_durable(file, self._end)
            finally:
                self._system.close(file)

    # ------------------------------------------------------------ knowing the file

    def _recognize(self, file: int) -> None:
        with self._lock:
            status = self._system.status(file)
            if status.kind != stat.S_IFREG:
                raise Lost(f"{self._file_name} is missing")
            if status.identity != self._identity:
                self._reload(file, status)
                self._identity = status.identity
            else:
                self._catch_up(file, status)

    def _reload(self, file: int, status: FileStatus) -> None:
        """Load the file: the path names another file than before, or this is the first time."""
        header = read_header(self._system, file)
        nonce = header.nonce if header is not None else self.nonce if self._headless else b""
        if nonce != self.nonce:
            raise Lost(f"{self._file_name} was replaced by another")
        if self._records:
            other = JournalFile(self._system, self.path, self.nonce, _Ignored(), self._standing.renewed())
            other._catch_up(file, status)
            if not {_written(record) for record in self._records} <= set(map(_written, other._records)):
                raise self._forgot("was replaced by an older copy")
        self._synced = 0
        self._catch_up(file, status)

    def _catch_up(self, file: int, status: FileStatus) -> None:
        """Process everything appended since the last time. `status` is the file's recent status."""
        if status.size < self._end:
            raise self._forgot("was cut short")

        def content(start: int, stop: int) -> bytes:
            data = read(self._system, file, start, stop)
            if len(data) < stop - start:
                raise self._forgot("was cut short")
            return data

        passing = False
        for found in scan(content, self._end, status.size, self.nonce):
            if isinstance(found, JournalRecord):
                self._take(found, content)
            elif found.last:
                passing = found.dirty
                break
            else:
                self._lasting |= found.dirty
            self._end = found.stop
        # Last, so that everything above was read from the content that is checked here.
        proof, at = self._proof, self._proof_at
        if proof and read(self._system, file, at, at + len(proof)) != proof:
            raise self._forgot("was overwritten")
        if self._records and self._records[-1].at != at:
            self._proof = encode_header(self.nonce, self._records[-1])
            self._proof_at = self._records[-1].at
        self.dirty = self._lasting or passing
        self._seen = status

    def _take(self, record: JournalRecord, content: Callable[[int, int], bytes]) -> None:
        small = record.intact and record.size <= small_bytes_max
        payload = content(record.payload_at, record.stop) if small else b""
        if record.known > record.at or bisect_right(self._stops, record.known) < record.records:
            self._lasting = True  # there used to be more records
        self._stops.append(record.stop)
        self._records.append(record)
        self.content.take(record, payload)


def _written(record: JournalRecord) -> JournalRecord:
    """The record as in its header. Whether the payload is intact can change."""
    return record._replace(intact=True)


class _Ignored:
    """Content that is discarded."""

    def take(self, record: JournalRecord, payload: bytes) -> None:
        pass


def read_header(system: System, file: int) -> Header | None:
    """The journal's header; None if the file does not begin with one."""
    return decode_header(read(system, file, 0, FILE_BYTES))
