"""Objects as files under one directory: the blocking half of the disk provider.

How each promise is kept:

* Atomic. A file is written without a name (`O_TMPFILE`), fsynced, and only then linked to its name, which
  fails if the name is taken. An existing file is replaced by renaming a fully written one over it. A file
  that has a name never changes. Killed at any moment, a writer leaves the old object or the new one.
* Conditional. If several processes link a file to one name, the kernel lets exactly one succeed; no lock is
  involved.
* Durable. The file, its folder, and, once, the folders above are fsynced before a verb returns. A writer
  holds a lock on the file itself until then; a `get` that finds it locked fsyncs the folder on the writer's
  behalf, so that no reader acts on a value that a power cut could still undo. (A writer killed in between
  leaves no such hint; the system writes the name within seconds.)
* Attested. `place` reads the marker before and after.
* A missing root is an error, never an empty store: no verb creates it. A disk that is not mounted must not
  look like an empty one.

If the marker states so, the states of the log's slots are not separate files: `log` keeps them in journals.

The directory is not protected against other programs that write into it.
"""

import errno
import heapq
import os
import stat
from collections.abc import Iterator

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import Exists, NotFound, Unsupported
from outlast.providers.disk import appends, files, slots
from outlast.providers.disk.draft import Drafts
from outlast.providers.disk.files import Traces
from outlast.providers.disk.log import DiskLog
from outlast.providers.disk.place import DiskPlace, Form, Sight
from outlast.providers.disk.slots import StateName
from outlast.providers.disk.system import System
from outlast.providers.disk.walk import walk
from outlast.providers.marker import MARKER_KEY, Marker
from outlast.providers.protocol import Data, Entry, Stat
from outlast.providers.space import Space


class Tree:
    """The verbs of a provider, blocking, over the directory `root`. Errors are raw OSErrors or our own."""

    def __init__(self, system: System, name: str, root: str, clock: Clock, entropy: Entropy) -> None:
        self._system = system
        self._name = name
        self._root = root
        self._place = DiskPlace(system, name, root)
        self._drafts = Drafts(system, root, clock)
        self._log = DiskLog(system, name, root, self._drafts, entropy)
        self._chosen: Form | None = None

    def prepare(self) -> None:
        """Create the root, durably."""
        os.makedirs(self._root, exist_ok=True)
        self._system.sync_folder(os.path.dirname(self._root))
        self._system.sync_folder(self._root)

    def space(self) -> Space | None:
        """How much room the file system of the root has; None if it has no limit."""
        space = self._system.space(self._root)
        return None if space is None else Space(*space)

    # ------------------------------------------------------------ verbs

    def get(self, key: str, span: tuple[int, int] | None, under: Marker | None) -> bytes:
        state = self._state_of("get", key)
        with self._place.under("get", under) as sight:
            if state is not None and (content := self._get_state(state, sight)) is not None:
                return content if span is None else content[span[0] : span[1]]
            content = self._read(key, span)
            if key == MARKER_KEY and sight.marker is not None and sight.marker.segments is not None:
                self._log.check(sight.marker.segments)
            return content

    def head(self, key: str) -> Stat:
        state = self._state_of("head", key)
        if state is not None and (form := self._place.form(self._unseen())) is not Form.OBJECTS:
            try:
                return Stat(self._log.size(state))
            except NotFound:
                if form is Form.JOURNALS:
                    raise
        found = self._system.status_of(self._path(key))
        if found.kind != stat.S_IFREG:
            raise IsADirectoryError(errno.EISDIR, key)
        return Stat(found.size)

    def create(self, key: str, data: Data, under: Marker | None) -> None:
        state = self._state_of("create", key)
        with self._place.under("create", under) as sight:
            if state is not None and self._journals(sight):
                self._log.create(state, data, _bound(sight), sight.traces)
                return
            if self._is_taken(key):
                # Only avoids the write: the link below decides between creators.
                raise Exists(self._name, "create", key)
            with self._drafts.written(self._folder(key), data, sight.traces) as draft:
                try:
                    draft.link(self._path(key))
                except FileExistsError:
                    raise Exists(self._name, "create", key) from None

    def put(self, key: str, data: Data, under: Marker | None) -> None:
        state = self._state_of("put", key)
        with self._place.under("put", under) as sight:
            if state is not None and self._journals(sight):
                self._log.put(state, data, _bound(sight), sight.traces)
                return
            with self._drafts.written(self._folder(key), data, sight.traces) as draft:
                try:
                    draft.link(self._path(key))
                except FileExistsError:
                    with self._drafts.named(draft) as temporary:
                        self._system.rename(temporary, self._path(key))

    def delete(self, key: str) -> None:
        state = self._state_of("delete", key)
        if state is not None and (form := self._place.form(self._unseen())) is not Form.OBJECTS:
            self._log.delete(state)
            if form is Form.JOURNALS:
                return
        try:
            self._system.remove(self._path(key))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if not self._system.is_folder(self._root):
                raise

    def walk(self, prefix: str, start_after: str) -> Iterator[Entry]:
        """What `list` yields."""
        form = self._place.form(self._unseen())
        entries = self._files(prefix, start_after, form)
        if form is not Form.OBJECTS:
            entries = heapq.merge(self._log.entries(prefix, start_after), entries, key=_key)
        last = ""
        for entry in entries:
            if entry.key != last:  # a state in a journal comes before a file of its name
                yield entry
            last = entry.key

    def begin_log(self) -> bytes | None:
        """See `DiskProvider.begin_log`."""
        sight = self._unseen()
        return self._log.begin() if self._journals(sight) else None

    def end_log(self) -> None:
        """See `DiskProvider.end_log`."""
        if self._place.present() is None:
            self._log.end()

    # ------------------------------------------------------------ states of slots

    def _state_of(self, verb: str, key: str) -> StateName | None:
        if slots.is_own(key):
            raise Unsupported(self._name, verb, f"{key}: the disk keeps its log there")
        return slots.state_of(key)

    def _get_state(self, state: StateName, sight: Sight) -> bytes | None:
        """The state's content; None if it may be in a file."""
        form = self._place.form(sight)
        if form is Form.OBJECTS:
            return None
        try:
            return self._log.get(state, _bound(sight))
        except NotFound:
            if form is Form.JOURNALS:
                raise
            return None

    def _journals(self, sight: Sight) -> bool:
        """Whether states are written to journals. Without a marker: as before, or if the place allows it."""
        form = self._place.form(sight)
        if form is Form.UNKNOWN:
            form = self._chosen = self._chosen or self._choose(sight.traces)
        return form is Form.JOURNALS

    def _choose(self, traces: Traces) -> Form:
        if not self._place.is_local():
            return Form.OBJECTS
        folder = f"{self._root}/{slots.FOLDER}"
        names = (
            {item.name for item in self._system.items(folder)} if self._system.is_folder(folder) else set()
        )
        if slots.LIST_NAME in names:
            return Form.JOURNALS
        if any(slots.state_of(f"{slots.FOLDER}/{name}") for name in names):
            return Form.OBJECTS
        atomic = appends.are_atomic(self._system, self._drafts.temporary_path(traces))
        return Form.JOURNALS if atomic else Form.OBJECTS

    def _unseen(self) -> Sight:
        return Sight(None, Traces(self._system))

    # ------------------------------------------------------------ files

    def _read(self, key: str, span: tuple[int, int] | None) -> bytes:
        file, status = files.open_file(self._system, self._path(key))
        try:
            if span is not None:
                return files.read(self._system, file, min(span[0], status.size), min(span[1], status.size))
            if self._system.is_locked(file):
                self._system.sync_folder(self._folder(key))
            return files.read(self._system, file, 0, status.size)
        finally:
            self._system.close(file)

    def _files(self, prefix: str, start_after: str, form: Form) -> Iterator[Entry]:
        """Objects that are separate files."""
        for entry in walk(self._system, self._root, prefix, start_after):
            if entry.key.startswith(f"{slots.FOLDER}/") and (
                slots.is_own(entry.key) or (form is Form.JOURNALS and slots.state_of(entry.key) is not None)
            ):
                continue
            yield entry

    def _is_taken(self, key: str) -> bool:
        try:
            found = self._system.status_of(self._path(key))
        except FileNotFoundError:
            return False
        if found.kind == stat.S_IFDIR:
            raise IsADirectoryError(errno.EISDIR, key)
        return True

    def _path(self, key: str) -> str:
        """The object's path. Raises FileNotFoundError or NotADirectoryError if its folder is missing."""
        files.check_folders(self._system, self._root, key)
        return f"{self._root}/{key}"

    def _folder(self, key: str) -> str:
        return f"{self._root}/{key}".rpartition("/")[0]


def _bound(sight: Sight) -> bytes | None:
    return None if sight.marker is None else sight.marker.segments


def _key(entry: Entry) -> str:
    return entry.key
