"""The asynchronous interface of a directory: each verb is one hop to one of the provider's threads and back.

Small and large transfers have separate lanes, so that a log slot of a few kilobytes does not queue behind
megabytes of fragments. A disk that hangs blocks only its own lanes; when they are full, calls fail at once
with the cause `saturated`.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from outlast.base import limits
from outlast.base.clock import Clock, SystemClock
from outlast.base.entropy import Entropy, SystemEntropy
from outlast.base.errors import Cause, Unavailable
from outlast.providers.disk.failures import failure
from outlast.providers.disk.lane import Lane, Saturated
from outlast.providers.disk.system import System
from outlast.providers.disk.tree import Tree
from outlast.providers.marker import Marker
from outlast.providers.names import check_key, check_prefix, check_span
from outlast.providers.protocol import Data, Entry, Stat, data_size
from outlast.providers.space import Space

T = TypeVar("T")

# Threads per lane. Writers mostly wait for fsync, which the file system performs for several at once.
lane_threads = 8
# Calls that may wait for a thread. At 2,000 fsyncs a second this is a quarter of a second's work.
lane_waiting_max = 512
# Transfers of at least this size take the lane for large ones.
large_bytes_min = 256 * limits.KIB
# Entries of a listing that one thread hop fetches.
page_entries = 1000


class DiskProvider:
    """Objects as files under `root`, which must exist: `prepare` creates it, no other verb does."""

    def __init__(
        self,
        name: str,
        root: Path,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        system: System | None = None,
    ) -> None:
        self._name = name
        self._root = str(root.absolute())
        self._tree = Tree(
            system or System(), name, self._root, clock or SystemClock(), entropy or SystemEntropy()
        )
        self._small = Lane(f"{name}-small", lane_threads, lane_waiting_max)
        self._large = Lane(f"{name}-large", lane_threads, lane_waiting_max)

    @property
    def name(self) -> str:
        return self._name

    @property
    def attests(self) -> bool:
        return True

    @property
    def root(self) -> Path:
        return Path(self._root)

    async def prepare(self) -> None:
        """Create the root directory if it does not exist. For creating a store, or reattaching a disk."""
        await self._run(self._small, "prepare", "", self._tree.prepare)

    async def begin_log(self) -> bytes | None:
        """Begin the log, with its present content, for a marker that is about to be written.

        Returns the nonce that the marker must name (`Marker.segments`), or None if slots are stored as
        objects here. From then on no operation under an earlier marker sees or changes the log.
        """
        return await self._run(self._small, "begin", "", self._tree.begin_log)

    async def end_log(self) -> None:
        """Undo `begin_log` after its marker was removed again: remove the log if it is empty."""
        await self._run(self._small, "end", "", self._tree.end_log)

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        check_key(key)
        lane = self._small
        if span is not None:
            check_span(span)
            lane = self._lane(span[1] - span[0])
        return await self._run(lane, "get", key, self._tree.get, key, span, under)

    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        check_key(key)
        await self._run(self._lane_for(data), "put", key, self._tree.put, key, data, under)

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        check_key(key)
        await self._run(self._lane_for(data), "create", key, self._tree.create, key, data, under)

    async def head(self, key: str) -> Stat:
        check_key(key)
        return await self._run(self._small, "head", key, self._tree.head, key)

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        check_prefix(prefix)
        entries = self._tree.walk(prefix, start_after)
        while page := await self._run(self._large, "list", prefix, _next_page, entries):
            for entry in page:
                yield entry

    async def delete(self, key: str) -> None:
        check_key(key)
        await self._run(self._small, "delete", key, self._tree.delete, key)

    async def space(self) -> Space | None:
        """How much room its file system has; None if it has no limit."""
        return await self._run(self._small, "space", "", self._tree.space)

    async def close(self) -> None:
        self._small.close()
        self._large.close()

    def _lane(self, size: int) -> Lane:
        return self._large if size >= large_bytes_min else self._small

    def _lane_for(self, data: Data) -> Lane:
        return self._lane(data_size(data))

    async def _run(
        self, lane: Lane, verb: str, key: str, function: Callable[..., T], *arguments: object
    ) -> T:
        try:
            return await lane.run(self._translated, verb, key, function, arguments)
        except Saturated:
            raise Unavailable(self._name, verb, "too many calls are waiting", Cause.SATURATED) from None

    def _translated(
        self, verb: str, key: str, function: Callable[..., T], arguments: tuple[object, ...]
    ) -> T:
        """In the thread: run the function, and translate its errors into the protocol's."""
        try:
            return function(*arguments)
        except OSError as error:
            raise failure(self._name, verb, key, self._root, error) from error


def _next_page(entries: Iterator[Entry]) -> list[Entry]:
    return list(islice(entries, page_entries))
