"""A disk's log: the states of slots as records in journals, accessed by the verbs of a provider.

Each verb finds the segment of a state's slot (`segments`), catches up with what others have appended
(`journal`), and then knows its content. Only appended records decide: of those that create one state the
first wins, for every reader of the file.

A verb may be bound to a list of segments, the one that the place's marker names. Then it raises `Estranged`
if the log that belongs to the marker is not complete. If it is not bound, a read uses what is there, and a
write begins what is missing.

Blocking. Methods raise the provider's errors and OSErrors.
"""

import threading
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar

from awscrt.checksums import crc32c

from outlast.base.entropy import Entropy
from outlast.base.errors import Cause, Estranged, Exists, NotFound, Unavailable
from outlast.providers.disk import slots
from outlast.providers.disk.beginning import Beginning
from outlast.providers.disk.draft import Drafts
from outlast.providers.disk.files import Traces, read
from outlast.providers.disk.frame import JournalRecord, Kind
from outlast.providers.disk.journal import Lost
from outlast.providers.disk.segments import Segment, Segments, attempts_max
from outlast.providers.disk.slots import StateName
from outlast.providers.disk.system import System
from outlast.providers.protocol import Data, Entry, joined

T = TypeVar("T")


class DiskLog:
    """The log of the provider `name` below the directory `root`."""

    def __init__(self, system: System, name: str, root: str, drafts: Drafts, entropy: Entropy) -> None:
        self._system = system
        self._name = name
        self._segments = Segments(system, root, drafts, entropy)
        self._beginning = Beginning(system, root, drafts, self._segments)
        self._begun = 0
        self._lock = threading.Lock()

    # ------------------------------------------------------------ verbs

    def get(self, state: StateName, bound: bytes | None) -> bytes:
        """The state's content. Raises `NotFound`, `Estranged`, and `Unavailable` if it is damaged."""
        segment = self._found("get", state, bound)
        file = self._open("get", segment)
        try:
            record = self._record("get", state, segment)
            segment.make_durable(file, record.stop)
            content = read(self._system, file, record.payload_at, record.stop)
        finally:
            self._system.close(file)
        if crc32c(content) != record.crc:
            self._corrupt("get", state, "its checksum is wrong")
        return content

    def size(self, state: StateName) -> int:
        """The content's size in bytes. Raises like `get`."""
        segment = self._found("head", state, None)
        self._system.close(self._open("head", segment))
        return self._record("head", state, segment).size

    def create(self, state: StateName, data: Data, bound: bytes | None, traces: Traces) -> None:
        """Create the state. Raises `Exists`, `Estranged`, and `Unavailable` if damage may hide this state."""
        self._append(
            "create", state, bound, traces, lambda segment: self._create(segment, state, joined(data))
        )

    def put(self, state: StateName, data: Data, bound: bytes | None, traces: Traces) -> None:
        """Write the state, replacing an earlier one. Raises `Estranged`."""
        self._append("put", state, bound, traces, lambda segment: self._put(segment, state, joined(data)))

    def delete(self, state: StateName) -> None:
        """Remove the state, if it exists."""
        segment = self._segments.readable(state.first)
        if segment is None:
            return
        try:
            file = segment.open(append=True)
            try:
                if state in segment.content.states:
                    segment.append(file, Kind.DELETE, state.slot, state.place, b"", durable=False)
            finally:
                self._system.close(file)
        except Lost as error:
            raise Unavailable(self._name, "delete", f"{state.key}: {error}", Cause.CONFLICT) from error

    def entries(self, prefix: str, start_after: str) -> Iterator[Entry]:
        """The states whose names begin with `prefix` and sort after `start_after`, in order."""
        for first in self._segments.files():
            common = StateName(first, 0).key[:-2]
            overlaps = common.startswith(prefix) or prefix.startswith(common)
            if not overlaps or f"{common}~" <= start_after:
                continue
            segment = self._segments.readable(first)
            try:
                if segment is None:
                    continue  # nothing in it can be read, not even names
                segment.refresh()
            except Lost:
                continue  # it was removed meanwhile
            sizes = {state.key: record.size for state, record in list(segment.content.states.items())}
            for key in sorted(sizes):
                if key > start_after and key.startswith(prefix):
                    yield Entry(key, sizes[key])

    # ------------------------------------------------------------ the entire log

    def begin(self) -> bytes:
        """Begin the log again with its present content. Returns the list's nonce, for the next marker."""
        with self._lock:
            self._begun += 1
            return self._beginning.begin()

    def end(self) -> None:
        """Remove the log if it is empty."""
        with self._lock:
            try:
                self._beginning.end()
            except FileNotFoundError:
                pass  # there is none, or another process is removing it

    def check(self, bound: bytes) -> None:
        """Raise `Estranged` unless the log that belongs to the marker is there."""
        try:
            self._segments.check(bound)
        except (Lost, FileNotFoundError) as error:
            raise self._estranged("get", error) from error

    # ------------------------------------------------------------ reading

    def _found(self, verb: str, state: StateName, bound: bytes | None) -> Segment:
        """The segment of the state. Raises `NotFound` if there is none."""
        try:
            if bound is None:
                segment = self._segments.readable(state.first)
            else:
                segment = self._segments.find(state.first, bound)
        except Lost as error:
            raise self._estranged(verb, error) from error
        if segment is None:
            raise NotFound(self._name, verb, state.key)
        return segment

    def _open(self, verb: str, segment: Segment) -> int:
        try:
            return segment.open()
        except Lost as error:
            raise self._estranged(verb, error) from error

    def _record(self, verb: str, state: StateName, segment: Segment) -> JournalRecord:
        record = segment.content.states.get(state)
        if record is None:
            if segment.dirty:
                self._corrupt(verb, state, "its segment is damaged, and it may have been there")
            raise NotFound(self._name, verb, state.key)
        if not record.intact:
            self._corrupt(verb, state, "it is damaged")
        return record

    # ------------------------------------------------------------ writing

    def _append(
        self,
        verb: str,
        state: StateName,
        bound: bytes | None,
        traces: Traces,
        append: Callable[[Segment], None],
    ) -> None:
        """Append to the state's segment, beginning one if the log has none."""
        if bound is not None:
            try:
                append(self._segments.find_or_begin(state.first, bound, traces))
            except Lost as error:
                raise self._estranged(verb, error) from error
            return
        for _ in range(attempts_max):
            begun = self._begun
            try:
                present = self._segments.present_list()
                if present is None:
                    raise Lost(f"{slots.LIST} is missing")
                append(self._segments.find_or_begin(state.first, present.nonce, traces))
            except Lost:
                with self._lock:
                    if self._begun == begun:  # otherwise another thread has just begun it
                        self._begun += 1
                        self._beginning.begin()
            else:
                return
        raise Unavailable(self._name, verb, f"{state.key}: others keep removing its log", Cause.CONFLICT)

    def _create(self, segment: Segment, state: StateName, content: bytes) -> None:
        file = segment.open(append=True)
        try:
            states = segment.content.states
            if state in states:
                raise Exists(self._name, "create", state.key)
            self._refuse_dirt(segment, state)
            at = segment.append(file, Kind.CREATE, state.slot, state.place, content)
            if at in segment.content.losers:
                raise Exists(self._name, "create", state.key)
            self._refuse_dirt(segment, state)
        finally:
            self._system.close(file)

    def _put(self, segment: Segment, state: StateName, content: bytes) -> None:
        file = segment.open(append=True)
        try:
            segment.append(file, Kind.PUT, state.slot, state.place, content)
        finally:
            self._system.close(file)

    def _refuse_dirt(self, segment: Segment, state: StateName) -> None:
        if segment.dirty:
            self._corrupt("create", state, "its segment is damaged, and it may be there")

    # ------------------------------------------------------------ errors

    def _estranged(self, verb: str, error: Exception) -> Estranged:
        return Estranged(self._name, verb, f"the log that belongs to its marker is missing: {error}")

    def _corrupt(self, verb: str, state: StateName, why: str) -> NoReturn:
        raise Unavailable(self._name, verb, f"{state.key}: {why}", Cause.CORRUPT)
