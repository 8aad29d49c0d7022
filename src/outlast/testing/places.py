"""A provider in memory that can be watched, and hit by everything that can happen to real places.

`Place` is a `MemoryProvider` that can be erased file by file in any order, unmounted (then an empty folder
stands in for it), filled up, damaged, and made to lie. Watchers are shown every change of what is
really stored there, at the moment in which it happens; what is written into the empty folder is not shown.

Two kinds. A *bucket* keeps one file for each object, and an erasure takes a request for each. A *disk* keeps
the log in few files, each with several slots, so that a removed file takes many states at once.

It decides nothing by itself: `testing.swarm` chooses what happens to it and when.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from outlast.base.clock import Clock
from outlast.base.errors import Cause, Estranged, Full, NotFound, Unavailable
from outlast.providers.marker import MARKER_KEY, Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Data
from outlast.testing.states import position

Kind: TypeAlias = Literal["disk", "bucket"]
Order: TypeAlias = Literal["marker first", "marker last", "random"]

# The file of a disk that lists the other files of its log. It holds no object.
LIST = "log/main/segments"
# Slots in one file of a disk's log: few, so that some files are full and some have just been started.
slots_a_file = 8
# An erasure repeats its pass while others write; after this many passes it removes everything at once.
erasure_passes_max = 5


class Change(NamedTuple):
    """One object at one place was changed. `before`, `after`: its bytes, or None if there is none."""

    place: str
    key: str
    before: bytes | None
    after: bytes | None


Watcher: TypeAlias = Callable[[Change], None]
Shuffle: TypeAlias = Callable[[Sequence[str]], list[str]]
Lie: TypeAlias = Callable[[str, bytes | None], bytes | None]
"""What a `get` of this name returns instead of these bytes; None: that there is nothing."""


class Place(MemoryProvider):
    """See the module's docstring."""

    def __init__(self, name: str, clock: Clock, kind: Kind = "bucket") -> None:
        super().__init__(name, attests=kind == "disk")  # other tasks run while a call travels
        self._time = clock
        self.kind: Kind = kind
        self.watchers: list[Watcher] = []
        self.full = False
        """Whether every write is refused for lack of space."""
        self.refuses = False
        """Whether connections are refused."""
        self.lie: Lie | None = None
        self.asked = 0
        """Calls so far."""
        self.shows_lost_log = True
        """Whether a disk notices that files of its log were removed while its marker stayed."""
        self._lost: set[str] = set()
        self._call: tuple[str, Marker | None] = "", None
        self._mounted: tuple[dict[str, bytes], list[str]] | None = None

    # ------------------------------------------------------------ contents

    @property
    def mounted(self) -> bool:
        return self._mounted is None

    def contents(self) -> dict[str, bytes]:
        """Return what is really stored, mounted or not."""
        return dict(self._objects if self._mounted is None else self._mounted[0])

    def holds(self, key: str) -> bool:
        """Whether this object is really stored here."""
        return key in (self._objects if self._mounted is None else self._mounted[0])

    def content(self, key: str) -> bytes | None:
        """Return what is really stored under this name; None if nothing is."""
        return (self._objects if self._mounted is None else self._mounted[0]).get(key)

    def files(self) -> dict[str, list[str]]:
        """Return the objects' names by the file that they are in."""
        files: dict[str, list[str]] = {}
        for key in self._objects:
            files.setdefault(self._file_of(key), []).append(key)
        if self._has_log() and LIST not in self._lost:
            files[LIST] = []
        return files

    def _file_of(self, key: str) -> str:
        at = position(key)
        if self.kind == "bucket" or at is None:
            return key
        return f"log/main/{at.slot // slots_a_file * slots_a_file:016x}.journal"

    def _has_log(self) -> bool:
        return self.kind == "disk" and any(position(key) is not None for key in self._objects)

    # ------------------------------------------------------------ faults

    def remove(self, file: str) -> None:
        """Remove one file, with all that is in it."""
        keys = self.files().get(file, ())
        if self.kind == "disk" and file.startswith("log/"):
            self._lost.add(file)
        for key in keys:
            self._remove(key)

    def wipe(self) -> None:
        for file in self.files():
            self.remove(file)

    async def erase(self, order: Order, pause_s: Callable[[], float], shuffled: Shuffle) -> None:
        """Remove file after file, each after a pause, until nothing is left."""
        for _ in range(erasure_passes_max):
            for file in self._in_order(order, shuffled):
                await self._time.sleep(pause_s())
                self.remove(file)
            if not self._objects:
                return
        self.wipe()

    def _in_order(self, order: Order, shuffled: Shuffle) -> list[str]:
        files = sorted(self.files())
        if order == "random":
            return shuffled(files)
        return sorted(files, key=lambda file: (file == MARKER_KEY) == (order == "marker last"))

    def restore(self, contents: Mapping[str, bytes]) -> None:
        """Hold exactly this again, as after a rollback to a snapshot."""
        for key in [key for key in self._objects if key not in contents]:
            self._remove(key)
        for key, content in contents.items():
            if self._objects.get(key) != content:
                super()._store("put", key, content)
                self._changed(key, None, content)

    def unmount(self) -> None:
        """Read and write an empty folder from now on."""
        assert self._mounted is None, f"{self.name} is not mounted"
        self._mounted = self._objects, self._sorted
        self._objects, self._sorted = {}, []

    def mount(self) -> dict[str, bytes]:
        """Bring back what was stored; return what was written into the empty folder meanwhile."""
        assert self._mounted is not None, f"{self.name} is mounted"
        left_behind = self._objects
        (self._objects, self._sorted), self._mounted = self._mounted, None
        return left_behind

    def damage(self, key: str, content: bytes) -> None:
        """Replace the object's bytes, as a decaying disk does."""
        if key in self._objects:
            self._replace(key, content)

    # ------------------------------------------------------------ the provider

    async def _turn(self) -> None:
        self.asked += 1
        if self.refuses:
            raise Unavailable(self.name, "any", "connection refused", Cause.REFUSED)
        await super()._turn()

    async def delete(self, key: str) -> None:
        before = self._objects.get(key)
        await super().delete(key)
        if before is not None:
            self._changed(key, before, None)

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        self._call = key, under
        return await super().get(key, span, under)

    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        self._call = key, under
        await super().put(key, data, under)

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        self._call = key, under
        await super().create(key, data, under)

    def _look(self, verb: str, under: Marker | None) -> None:
        super()._look(verb, under)
        key, _ = self._call
        is_log = under is not None and position(key) is not None
        if is_log and self.shows_lost_log and not self._lost.isdisjoint((LIST, self._file_of(key))):
            raise Estranged(self.name, verb, "its log was removed")

    def _find(self, verb: str, key: str) -> bytes:
        if self.lie is None:
            return super()._find(verb, key)
        shown = self.lie(key, self._objects.get(key))
        if shown is None:
            raise NotFound(self.name, verb, key)
        return shown

    def _store(self, verb: str, key: str, data: bytes) -> None:
        if self.full:
            raise Full(self.name, verb)
        before = self._objects.get(key)
        super()._store(verb, key, data)
        if position(key) is not None and self._call[1] is None:
            self._lost -= {LIST, self._file_of(key)}  # what is missing is started again
        elif key == MARKER_KEY:
            self._lost.clear()  # it names a list that was started with what was left, and lacks nothing
        self._changed(key, before, data)

    def _replace(self, key: str, content: bytes) -> None:
        before = self._objects[key]
        self._objects[key] = content
        self._changed(key, before, content)

    def _remove(self, key: str) -> None:
        before = self._objects.pop(key)
        self._sorted.remove(key)
        self._changed(key, before, None)

    def _changed(self, key: str, before: bytes | None, after: bytes | None) -> None:
        if self._mounted is None:
            for watcher in self.watchers:
                watcher(Change(self.name, key, before, after))
