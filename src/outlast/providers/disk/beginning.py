"""Beginning a disk's log, for a new store or for a voter that is being refilled; and ending one.

A new log gets a list of segments with a new nonce, which no marker names yet. So no operation that is bound
to an old list can mistake the new log for the one that it has voted in, whenever this is interrupted, and
whatever part of the old log comes back. The next marker names the new list and is written when the log is
complete.

Intact segments are kept. From others everything readable is saved, because it may be the only copy left.
Damaged states are left out; the refill of the voter's slots writes them again.
"""

from awscrt.checksums import crc32c

from outlast.providers.disk import slots
from outlast.providers.disk.draft import Drafts
from outlast.providers.disk.files import Traces, read, write_all
from outlast.providers.disk.frame import FILE_BYTES, Header, Journal, Kind, encode_record
from outlast.providers.disk.journal import Lost
from outlast.providers.disk.segments import Segment, Segments
from outlast.providers.disk.system import System


class Beginning:
    """Begins the log whose `segments` are below the directory `root`."""

    def __init__(self, system: System, root: str, drafts: Drafts, segments: Segments) -> None:
        self._system = system
        self._root = root
        self._folder = f"{root}/{slots.FOLDER}"
        self._drafts = drafts
        self._segments = segments

    def begin(self) -> bytes:
        """Replace the list with a new one of the present segments; return its nonce. Raises OSErrors."""
        nonce = self._segments.nonce()
        content = [Header(Journal.LIST, nonce, 0).encode()]
        at = FILE_BYTES
        for count, first in enumerate(self._segments.files()):
            of_segment = self._saved(first)
            record = encode_record(nonce, Kind.BEGIN, first, 0, of_segment, at, count)
            content += [record, of_segment]
            at += len(record) + len(of_segment)
        with (
            self._drafts.written(self._folder, content, Traces(self._system)) as draft,
            self._drafts.named(draft) as temporary,
        ):
            self._system.rename(temporary, f"{self._root}/{slots.LIST}")
        return nonce

    def end(self) -> None:
        """Remove a log that is empty. Raises OSErrors."""
        firsts = self._segments.files()
        if any((found := self._found(first)) is None or found.content.states for first in firsts):
            return
        for first in firsts:
            self._system.remove(slots.segment_path(self._root, first))
        self._system.remove(f"{self._root}/{slots.LIST}")

    def _saved(self, first: int) -> bytes:
        """The segment's nonce if it is intact; otherwise that of a new one with its readable states."""
        old = self._found(first)
        if old is not None and not old.dirty and all(one.intact for one in old.content.states.values()):
            return old.nonce
        nonce = self._segments.nonce()
        header = Header(Journal.SEGMENT, nonce, first).encode()
        with self._drafts.written(self._folder, header, Traces(self._system)) as draft:
            if old is not None:
                self._copy(old, draft.file, nonce)
            with self._drafts.named(draft) as temporary:
                self._system.rename(temporary, slots.segment_path(self._root, first))
        return nonce

    def _found(self, first: int) -> Segment | None:
        """The segment as it is on the disk, ignoring earlier knowledge; None if nothing can be read."""
        header = self._segments.header(first)
        if header is not None:
            nonce = header.nonce
        else:
            listed = self._segments.present_list()
            nonce = b"" if listed is None else listed.content.nonces.get(first, b"")
        if not nonce:
            return None
        segment = self._segments.unknown(first, nonce, headless=header is None)
        try:
            segment.refresh()
        except Lost:
            return None  # it was removed meanwhile
        segment.dirty = segment.dirty or header is None
        return segment

    def _copy(self, old: Segment, file: int, nonce: bytes) -> None:
        """Append the old segment's valid states to the new file, and make it durable."""
        source = old.open()
        try:
            at, count = FILE_BYTES, 0
            for state, record in old.content.states.items():
                payload = read(self._system, source, record.payload_at, record.stop)
                if record.intact and crc32c(payload) == record.crc:
                    new = encode_record(nonce, Kind.CREATE, state.slot, state.place, payload, at, count)
                    write_all(self._system, file, [new, payload])
                    at, count = at + len(new) + len(payload), count + 1
        finally:
            self._system.close(source)
        self._system.sync(file)
