"""The segments of a disk's log, and the evidence that none of them was lost.

A voter must not forget how it has voted, and people empty disks with `rm -rf`, which removes files in any
order. So whatever is left shows what the voter had stored:

* the marker names the list of segments (by the nonce in the list's header);
* the list names each segment (by the nonce in its header) before the first vote in it;
* a segment has every vote in it that was ever acknowledged, or shows that it is damaged.

Invariant: an operation bound to a list (the one that the marker names) finds everything that was acknowledged
under it, or raises `Lost`. It never begins a list, and begins a segment only if the list has none. Only
`beginning` begins a list.

A segment is created before it is listed: its file has its header and a durable name when its nonce is
appended to the list, and nothing is appended to it before. A process that finds an unlisted segment lists it;
of several entries for one segment the first counts.
"""

import stat
import threading
from collections import OrderedDict

from outlast.base.entropy import Entropy
from outlast.providers.disk import slots
from outlast.providers.disk.draft import Drafts
from outlast.providers.disk.files import Traces, check_folders
from outlast.providers.disk.frame import NONCE_BYTES, Header, Journal, JournalRecord, Kind, new_nonce
from outlast.providers.disk.journal import JournalFile, Lost, Standing, read_header
from outlast.providers.disk.room import Room
from outlast.providers.disk.slots import StateName
from outlast.providers.disk.system import System, is_absent

# Segments whose records are kept in memory, a few hundred bytes per record. Only the last one or two are
# busy.
known_segments_max = 16
# How often a segment is looked up again because others have just begun, listed, or replaced it.
attempts_max = 8


class ListContent:
    """Which segments were begun: nonces by first slot."""

    def __init__(self) -> None:
        self.nonces: dict[int, bytes] = {}

    def take(self, record: JournalRecord, payload: bytes) -> None:
        """Record a segment: of several entries for one the first counts. A damaged entry names none."""
        if record.kind is Kind.BEGIN:
            self.nonces.setdefault(record.slot, payload)


class SegmentContent:
    """The states of a segment's slots: the record of each present state."""

    def __init__(self) -> None:
        self.states: dict[StateName, JournalRecord] = {}
        self.losers: set[int] = set()
        """Offsets of records that tried to create a state that already existed."""

    def take(self, record: JournalRecord, payload: bytes) -> None:
        """Record a state: the first record that creates it wins, even if damaged, because it may have won."""
        state = StateName(record.slot, record.place)
        if record.kind is Kind.PUT or (record.kind is Kind.CREATE and state not in self.states):
            self.states[state] = record
        elif record.kind is Kind.CREATE:
            self.losers.add(record.at)
        elif record.kind is Kind.DELETE:
            self.states.pop(state, None)


class Segment(JournalFile):
    """One segment's file and states."""

    content: SegmentContent


class SegmentList(JournalFile):
    """The list of segments."""

    content: ListContent


class Segments:
    """The segments below the directory `root`. Methods raise `Lost` and OSErrors."""

    def __init__(self, system: System, root: str, drafts: Drafts, entropy: Entropy) -> None:
        self._system = system
        self._root = root
        self._drafts = drafts
        self._entropy = entropy
        self._list: SegmentList | None = None
        self._known: OrderedDict[tuple[int, bytes], Segment] = OrderedDict()
        self._standing = Standing(Room(system))
        self._void: set[bytes] = set()
        """Lists that were replaced since: a few bytes for each time that the provider is reattached."""
        self._recognized: dict[int, tuple[int, bytes]] = {}
        self._lock = threading.Lock()
        self._beginning = threading.Lock()

    def find(self, first: int, bound: bytes) -> Segment | None:
        """The segment that begins with slot `first`; None if it was never begun."""
        nonce = self._open_list(bound).content.nonces.get(first)
        return None if nonce is None else self._segment(first, nonce)

    def find_or_begin(self, first: int, bound: bytes, traces: Traces) -> Segment:
        """The segment that begins with slot `first`, listed durably. `traces` records the file if new."""
        for _ in range(attempts_max):
            segments = self._open_list(bound)
            nonce = segments.content.nonces.get(first)
            if nonce is not None:
                segments.make_all_durable()  # the process that listed it may have died before doing so
                return self._segment(first, nonce)
            self._begin_segment(segments, first, traces)
        raise Lost(f"{slots.LIST} does not keep what is appended to it")

    def check(self, bound: bytes) -> None:
        """Raise `Lost` unless the list and each segment in it are there and, as far as known, intact."""
        self._check_folders()
        nonces = self._open_list(bound).content.nonces
        present = {item.name: item.inode for item in self._system.items(f"{self._root}/{slots.FOLDER}")}
        for first, nonce in nonces.items():
            name = f"{first:016x}{slots.SUFFIX}"
            inode = present.get(name)
            if inode is None:
                raise Lost(f"{name} is missing")
            if self._recognized.get(first) != (inode, nonce):
                header = self.header(first)
                if header is None or header.nonce != nonce:
                    raise Lost(f"{name} was replaced by another")
                self._recognized[first] = inode, nonce
        with self._lock:
            known = list(self._known.items())
        for (first, nonce), segment in known:
            if nonces.get(first) == nonce:
                segment.refresh()

    def _open_list(self, bound: bytes) -> SegmentList:
        with self._lock:
            segments = self._list
            if segments is None or segments.nonce != bound:
                segments = self._turn_to(bound)
        segments.refresh()
        if segments.dirty:
            raise Lost(f"{slots.LIST} is damaged")
        return segments

    def _turn_to(self, bound: bytes) -> SegmentList:
        """Use that list from now on, and never an earlier one again.

        What was known about the log under another list was lost, or was restored to the log. Either way it no
        longer applies.
        """
        if bound in self._void:
            raise Lost(f"{slots.LIST} is from before the log was begun again")
        self._check_folders()
        if self._list is not None:
            self._void.add(self._list.nonce)
            self._known.clear()
            self._standing = self._standing.renewed()
        self._list = self._unknown_list(bound, self._standing)
        return self._list

    def _check_folders(self) -> None:
        """Raise `Lost` if the path to the folder has a link: its content may be on another disk."""
        try:
            check_folders(self._system, self._root, slots.LIST)
        except FileNotFoundError:
            return  # then there is no list either
        except NotADirectoryError as error:
            raise Lost(f"{slots.FOLDER} is a link") from error

    def _unknown_list(self, nonce: bytes, standing: Standing) -> SegmentList:
        return SegmentList(self._system, f"{self._root}/{slots.LIST}", nonce, ListContent(), standing)

    def _segment(self, first: int, nonce: bytes) -> Segment:
        with self._lock:
            segment = self._known.pop((first, nonce), None) or self._unknown(first, nonce, self._standing)
            self._known[first, nonce] = segment
            if len(self._known) > known_segments_max:
                self._known.popitem(last=False)
        return segment

    def unknown(self, first: int, nonce: bytes, headless: bool = False) -> Segment:
        """A segment without any knowledge, regardless of what is known about the log."""
        return self._unknown(first, nonce, self._standing.renewed(), headless)

    def _unknown(self, first: int, nonce: bytes, standing: Standing, headless: bool = False) -> Segment:
        path = slots.segment_path(self._root, first)
        return Segment(self._system, path, nonce, SegmentContent(), standing, headless)

    def _begin_segment(self, segments: SegmentList, first: int, traces: Traces) -> None:
        """Create the segment, unless an unlisted file exists, and list it."""
        folder = f"{self._root}/{slots.FOLDER}"
        if self.header(first) is None:
            header = Header(Journal.SEGMENT, self.nonce(), first).encode()
            with self._drafts.written(folder, header, traces) as draft:
                try:
                    draft.link(slots.segment_path(self._root, first))
                except FileExistsError:
                    pass  # another process has just begun it, or something else has its name
        else:
            self._system.sync_folder(folder)  # the process that made it may have died before doing so
        self.list_segment(segments, first)

    def list_segment(self, segments: SegmentList, first: int) -> None:
        """List the segment durably. Its file must have a durable name."""
        header = self.header(first)
        if header is None:
            raise Lost(f"{first:016x}{slots.SUFFIX} is not a segment")
        file = segments.open(append=True)
        try:
            segments.append(file, Kind.BEGIN, first, 0, header.nonce)
        finally:
            self._system.close(file)

    def header(self, first: int) -> Header | None:
        """The header of that segment's file; None if there is no file, or no such header in it."""
        try:
            file = self._system.open_read(slots.segment_path(self._root, first))
        except OSError as error:
            if is_absent(error):
                return None
            raise
        try:
            is_file = self._system.status(file).kind == stat.S_IFREG
            header = read_header(self._system, file) if is_file else None
        finally:
            self._system.close(file)
        fits = header is not None and (header.journal, header.first) == (Journal.SEGMENT, first)
        return header if fits else None

    def nonce(self) -> bytes:
        return new_nonce(self._entropy.bytes(NONCE_BYTES))

    # ------------------------------------------------------------ unbound

    def readable(self, first: int) -> Segment | None:
        """The segment as it is on the disk, listed or not; None if there is none."""
        header = self.header(first)
        if header is not None:
            segment = self._segment(first, header.nonce)
            try:
                segment.refresh()
            except Lost:
                return self.unknown(first, header.nonce)  # what is left of it can still be read
            return segment
        listed = self.present_list()
        nonce = None if listed is None else listed.content.nonces.get(first)
        return self.unknown(first, nonce, headless=True) if nonce and first in self.files() else None

    def present_list(self) -> SegmentList | None:
        """The list as it is on the disk; None if there is none that can be read."""
        try:
            file = self._system.open_read(f"{self._root}/{slots.LIST}")
        except OSError as error:
            if is_absent(error):
                return None
            raise
        try:
            header = read_header(self._system, file)
        finally:
            self._system.close(file)
        if header is None or header.journal is not Journal.LIST:
            return None
        segments = self._unknown_list(header.nonce, self._standing.renewed())
        segments.refresh()
        return segments

    def files(self) -> list[int]:
        """First slots of the segments that have a file, sorted."""
        try:
            items = self._system.items(f"{self._root}/{slots.FOLDER}")
        except FileNotFoundError:
            return []
        found = (slots.segment_of(item.name) for item in items if item.is_file)
        return sorted(first for first in found if first is not None)
