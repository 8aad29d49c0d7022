"""An object's bytes as they come: windows fetched ahead of whoever consumes them.

Intuition: while one window is consumed the next are fetched, so that providers and consumer work at once,
and a slow consumer makes the providers wait and not memory grow. How many is Little's law: as many as the
consumer takes in the time that one is fetched. Near, these are two; far away, what fills a round trip.

All readings together may hold `limits.read_ahead_bytes_max`. When that is used up a reading makes do with
one stripe at a time: slower, but always on its way.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import NamedTuple, TypeAlias

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait
from outlast.catalog.records import Version
from outlast.store.windows import Window, first_window

# Fetched beside the one that is consumed, at least: one that is being decoded, and one on its way. More than
# these only while half of the memory is free.
windows_ahead_min = 2

Fetch: TypeAlias = Callable[[Window], Coroutine[None, None, list[memoryview]]]


class ReadAhead:
    """The memory for windows, over all readings."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.free = total

    def take(self, count: int) -> bool:
        """Whether `count` more bytes may be held; they are counted if so."""
        if count > self.free:
            return False
        self.free -= count
        return True

    def give_back(self, count: int) -> None:
        self.free += count


class _Pace:
    """How many windows to have ahead.

    By the quickest fetch, since others may have waited for one another: the more that are ahead, the longer
    each takes, and that is no reason for even more.
    """

    def __init__(self) -> None:
        self.fetch_s = math.inf
        self.consume_s = math.inf

    def fetched(self, seconds: float) -> None:
        self.fetch_s = min(self.fetch_s, seconds)

    def consumed(self, seconds: float) -> None:
        self.consume_s = seconds

    @property
    def windows(self) -> float:
        """One that is consumed, and those that will be in the time of a fetch."""
        if math.isinf(self.consume_s):
            return windows_ahead_min
        taken = self.fetch_s / self.consume_s if self.consume_s else math.inf
        return max(windows_ahead_min, 1 + taken)


class _Fetching(NamedTuple):
    """A window on its way, and how much memory is counted for it."""

    task: asyncio.Task[list[memoryview]]
    held: int


class Reading:
    """Bytes [start, stop) of a version. Iterate over it once; `aclose` it unless it was read to its end.

    `data` has all of them when they were at hand at once: inline, or one window.
    """

    def __init__(self, version: Version, start: int, stop: int, data: bytes | None = None) -> None:
        self.version = version
        self.start = start
        self.stop = stop
        self.data = data
        self._ahead: deque[_Fetching] = deque()
        self._pace = _Pace()
        self._held = 0

    async def begin(self, stretches: Iterator[Window], fetch: Fetch, memory: ReadAhead, clock: Clock) -> None:
        """Fetch the first window. Raises what `fetch` raises."""
        self._stretches = stretches
        self._rest = next(stretches, None)
        self._fetch = fetch
        self._memory = memory
        self._clock = clock
        try:
            self._fetch_ahead()
            await asyncio.wait((self._ahead[0].task,))
            first = self._ahead[0].task.result()
        except BaseException:
            await self.aclose()
            raise
        if self._rest is None and len(self._ahead) == 1:
            self.data = b"".join(first)
            await self.aclose()

    def _fetch_ahead(self, consuming: bool = False) -> None:
        """Begin to fetch the next windows within the bounds; one at least if nothing else is at hand."""
        while self._rest is not None:
            window, rest = _cut(self._rest, limits.read_window_bytes)
            ahead = sum(fetching.held for fetching in self._ahead)
            held = len(window) if isinstance(window, bytes) else window.size
            if self._ahead and ahead + held > self._pace.windows * limits.read_window_bytes:
                return
            if len(self._ahead) >= windows_ahead_min and 2 * self._memory.free < self._memory.total:
                return
            if not self._memory.take(held):
                if self._ahead or consuming:
                    return
                window, rest = _cut(self._rest, limits.stripe_bytes)
                held = 0
            self._held += held
            task = asyncio.ensure_future(self._timed(window))
            self._ahead.append(_Fetching(task, held))
            self._rest = next(self._stretches, None) if rest is None else rest

    async def _timed(self, window: Window) -> list[memoryview]:
        began = self._clock.monotonic()
        chunks = await self._fetch(window)
        self._pace.fetched(self._clock.monotonic() - began)
        return chunks

    def _release(self, count: int) -> None:
        if count:
            self._held -= count
            self._memory.give_back(count)

    def __aiter__(self) -> AsyncIterator[bytes | memoryview]:
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes | memoryview]:
        if self.data is not None:
            if self.data:
                yield self.data
            return
        try:
            while self._ahead:
                chunks = await self._ahead[0].task
                held = self._ahead.popleft().held
                self._fetch_ahead(consuming=True)
                began = self._clock.monotonic()
                while chunks:
                    yield chunks.pop(0)  # not kept: a slow consumer frees memory as it goes
                self._pace.consumed(self._clock.monotonic() - began)
                self._release(held)
                self._fetch_ahead()
        finally:
            await self.aclose()

    async def read(self) -> bytes:
        """Everything, joined."""
        if self.data is not None:
            return self.data
        return b"".join([chunk async for chunk in self])

    async def aclose(self) -> None:
        """Give up what is still being fetched."""
        tasks = [fetching.task for fetching in self._ahead]
        self._ahead.clear()
        self._release(self._held)
        await cancel_and_wait(tasks)

    async def __aenter__(self) -> "Reading":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _cut(window: Window, size: int) -> tuple[Window, Window | None]:
    """The next window, and what is left after it. Inline bytes are not cut: they are in memory anyway."""
    return (window, None) if isinstance(window, bytes) else first_window(window, size)
