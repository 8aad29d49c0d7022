"""The windows of one reading: fetched ahead of its consumer, and dropped when others need the memory more.

Intuition: while one window is consumed the next ones are fetched, so that providers and consumer work at the
same time, and a slow consumer slows down the providers instead of filling memory. The number follows from
Little's law: as many as the consumer takes in the time that one is fetched. For near providers this is two;
for far ones, what fills a round trip. A slow consumer gets one stripe at a time.

All that a feed holds is counted in `ReadMemory`, from before it is fetched until its consumer is done with
it. The memory may take it away at any time while the consumer is elsewhere (`spare`): then it is fetched
again.

Invariant: pieces come in order, each byte once, whatever was dropped meanwhile. After `close` nothing is
held and no task is left.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import TypeAlias

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import StoreBusy
from outlast.providers.protocol import Buffer
from outlast.store.read_memory import ReadMemory, stripe_s_max
from outlast.store.windows import Window, first_window, is_empty, memory_bytes, split

# The least to have in addition to the window that is consumed: one being decoded, and one being fetched.
windows_ahead_min = 2
# A consumer that takes less than this part of a window while one is fetched is slow: two stripes are enough
# for it.
slow_windows_max = 0.1
# What the consumer gets at a time: a view of what was fetched, or a copy when many consumers have views.
view_bytes_max = 256 * limits.KIB
copy_bytes_max = 32 * limits.KIB

Fetch: TypeAlias = Callable[[Window], Coroutine[None, None, list[memoryview]]]


class _Pace:
    """How fast the consumer is compared with the providers, and how much to fetch ahead of it.

    Measured by the quickest fetch, since others may have waited for one another: the more are fetched ahead,
    the longer each takes, and that is no reason to fetch even more.
    """

    def __init__(self) -> None:
        self.known = False
        """Whether the consumer has taken a stripe yet."""
        self.stripe_s = 0.0
        """How long the last stripe lasted."""
        self._fetch_s = math.inf
        self._seconds, self._bytes = 0.0, 0  # of the current stripe

    def fetched(self, seconds: float) -> None:
        self._fetch_s = min(self._fetch_s, seconds)

    def consumed(self, count: int, seconds: float) -> None:
        self._bytes += count
        self._seconds += seconds
        if self._bytes >= limits.stripe_bytes:
            self.known, self.stripe_s = True, self._seconds / self._bytes * limits.stripe_bytes
            self._seconds, self._bytes = 0.0, 0

    def lagged(self, seconds: float) -> None:
        """The current stripe has lasted this long and is being taken away."""
        self.known, self.stripe_s = True, max(self.stripe_s, seconds)

    @property
    def windows(self) -> float:
        """How many are consumed while one is fetched."""
        window_s = self.stripe_s * limits.read_window_bytes / limits.stripe_bytes
        return self._fetch_s / window_s if window_s else math.inf

    @property
    def slow(self) -> bool:
        return self.known and self.windows < slow_windows_max


class _Load:
    """A window that is being fetched or is here: what is left of it, and the memory counted for it."""

    __slots__ = ("charge", "chunks", "task", "window")

    def __init__(self, window: Window, charge: int) -> None:
        self.window = window
        """What is left of it, if it can be fetched again."""
        self.charge = charge
        self.chunks: deque[memoryview] = deque()
        self.task: asyncio.Task[None]


class Feed:
    """See the module's docstring. `begin`, then `next` until it returns None; `close` in any case."""

    def __init__(
        self,
        windows: Iterator[Window],
        fetch: Fetch,
        memory: ReadMemory,
        clock: Clock,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """`ended` is called, possibly several times, when nothing will be fetched any more."""
        self.held = 0
        self._ended = ended
        self._fetch = fetch
        self._memory = memory
        self._clock = clock
        self._rest = windows
        self._todo: deque[Window] = deque()  # before `_rest`: cut, or dropped
        self._ahead: deque[_Load] = deque()
        self._current: _Load | None = None
        self._at = 0  # in the first chunk of `_current`
        self._given = 0  # bytes in the consumer's hands
        self._lent = 0  # what a view in the consumer's hands pins
        self._sitting_since: float | None = None  # when the consumer got its last piece
        self._stripe_since = 0.0  # when it got the stripe of that piece
        self._pace = _Pace()
        self._ending: list[asyncio.Task[None]] = []  # cancelled, and perhaps still running
        self._closed = False

    # ------------------------------------------------------------ for the reading

    async def begin(self) -> None:
        """Fetch the first window. Raises what `fetch` raises, and `StoreBusy`."""
        try:
            try:
                async with asyncio.timeout(limits.request_wait_s_max):
                    await self._begin_next()
            except TimeoutError as error:
                raise StoreBusy(f"no memory for reading within {limits.request_wait_s_max:.0f} s") from error
            self._fetch_ahead()
            if self._ahead:
                await self._ahead[0].task
        except BaseException:
            await self.close()
            raise
        self._sitting_since = self._stripe_since = self._clock.monotonic()

    async def next(self) -> Buffer | None:
        """Return the next piece; None after the last. Raises what `fetch` raises."""
        if self._closed:
            raise ValueError("the reading is closed, or has been read to its end")
        if self._come_back():
            self._fetch_ahead()
        while self._current is None or not self._current.chunks:
            self._current = None
            if not self._ahead and not await self._begin_next():
                return None
            await self._ahead[0].task
            self._current = self._ahead.popleft()
            self._fetch_ahead()
        return self._hand_out(self._current)

    async def close(self) -> None:
        """Cancel what is being fetched, and return all memory."""
        self.abandon()
        await cancel_and_wait(self._ending)
        assert self.held == 0, "memory is held without a window"

    def abandon(self) -> None:
        """Like `close`, without waiting for the tasks to end."""
        self._closed = True
        self._ended()
        self._take_back_view()
        self._sitting_since = None
        for load in self._ahead:
            self._end(load)
        self._ahead.clear()
        if self._current is not None:
            self._end(self._current)
            self._current = None

    # ------------------------------------------------------------ for the memory

    @property
    def slow(self) -> bool:
        since = self.stripe_since
        return self._pace.slow or (since is not None and self._clock.monotonic() - since >= stripe_s_max)

    @property
    def stripe_since(self) -> float | None:
        return None if self._sitting_since is None else self._stripe_since

    def spare(self, keep: int) -> None:
        """Drop what was fetched ahead, the last first, until `keep` bytes are held; see `Holder`."""
        if not keep:
            self._pace.lagged(self._clock.monotonic() - self._stripe_since)
        waited_for = self._sitting_since is None and self._current is None
        excess = self.held - keep
        while excess > 0 and len(self._ahead) > waited_for:
            load = self._ahead.pop()
            excess -= load.charge
            self._todo.appendleft(load.window)
            self._end(load)
        if excess > 0 and self._sitting_since is not None and self._current is not None:
            self._drop_rest(self._current)

    def _drop_rest(self, load: _Load) -> None:
        """Drop what is left of the window that is being consumed, except for the chunk that is lent."""
        lent = load.chunks.popleft() if self._lent else None
        freed = sum(map(_pinned_bytes, load.chunks))
        load.chunks.clear()
        head, rest = split(load.window, self._at + self._given if lent is None else len(lent))
        if lent is None:
            self._at = self._given = 0
            load.window = rest
        else:
            load.chunks.append(lent)
            load.window = head
        if not is_empty(rest):
            self._todo.appendleft(rest)
        load.charge -= freed
        self._memory.give_back(self, freed)

    # ------------------------------------------------------------ fetching

    def _peek(self, size: int) -> tuple[Window, Window | None] | None:
        """Return the next window, of `size` bytes if possible, and what is left after it. Takes neither."""
        if not self._todo:
            following = next(self._rest, None)
            if following is None:
                return None
            self._todo.append(following)
        first = self._todo[0]
        # Inline bytes are not cut: they are in memory anyway.
        return (first, None) if isinstance(first, bytes) else first_window(first, size)

    def _window_bytes(self) -> int:
        """The window size, small enough for several to fit into this reading's share of the memory."""
        share = 0 if self._pace.slow else self._memory.share // (1 + windows_ahead_min)
        return min(limits.read_window_bytes, max(share, limits.stripe_bytes))

    async def _begin_next(self) -> bool:
        """Start to fetch the next window, when there is memory for it. False: there is none left."""
        if (found := self._peek(self._window_bytes())) is None:
            return False
        charge = memory_bytes(found[0])
        if not self._memory.take_now(self, charge):
            found = self._peek(limits.stripe_bytes)
            assert found is not None
            charge = memory_bytes(found[0])
            await self._memory.take(self, charge)
        self._start(*found, charge)
        return True

    def _fetch_ahead(self) -> None:
        """Start to fetch further windows, as far as the consumer's pace and the memory allow."""
        while self._pace.stripe_s < stripe_s_max:
            size = self._window_bytes()
            if (found := self._peek(size)) is None:
                return
            charge = memory_bytes(found[0])
            if self.held + charge > self._most(size) or not self._memory.take_now(self, charge):
                return
            self._start(*found, charge)

    def _most(self, window_bytes: int) -> float:
        """How much to hold, in bytes."""
        if self._pace.slow:
            return 2 * limits.stripe_bytes
        windows = 1 + max(windows_ahead_min, 1 + self._pace.windows) if self._pace.known else 2
        return min(self._memory.share, windows * window_bytes)

    def _start(self, window: Window, rest: Window | None, charge: int) -> None:
        self._todo.popleft()
        if rest is not None:
            self._todo.appendleft(rest)
        load = _Load(window, charge)
        load.task = asyncio.ensure_future(self._load(load))
        self._ahead.append(load)

    async def _load(self, load: _Load) -> None:
        began = self._clock.monotonic()
        load.chunks.extend(_kept(chunk) for chunk in await self._fetch(load.window))
        self._pace.fetched(self._clock.monotonic() - began)
        surplus = load.charge - sum(map(_pinned_bytes, load.chunks))
        load.charge -= surplus
        self._memory.give_back(self, surplus)

    def _end(self, load: _Load) -> None:
        """Drop a window; its memory is free as soon as it is no longer being fetched."""

        def ended(task: "asyncio.Task[None]") -> None:
            if not task.cancelled():
                task.exception()  # retrieved here, since nothing else awaits it
            load.chunks.clear()
            self._memory.give_back(self, load.charge)

        if load.task.done():
            ended(load.task)
            return
        load.task.cancel()
        load.task.add_done_callback(ended)
        self._ending = [task for task in self._ending if not task.done()]
        self._ending.append(load.task)

    # ------------------------------------------------------------ consuming

    def _hand_out(self, load: _Load) -> Buffer:
        chunk = load.chunks[0]
        now = self._clock.monotonic()
        if not self._at:
            self._stripe_since = now
        pinned = _pinned_bytes(chunk)
        lent = not self.slow and self._memory.lend(pinned)
        size = view_bytes_max if lent else copy_bytes_max
        piece = chunk[self._at : self._at + size]
        self._given = len(piece)
        self._lent = pinned if lent else 0
        self._sitting_since = now
        return piece if lent else bytes(piece)

    def _come_back(self) -> bool:
        """The consumer is done with its last piece. Returns whether that ended a stripe."""
        if self._sitting_since is None:
            return False
        self._pace.consumed(self._given, self._clock.monotonic() - self._sitting_since)
        self._sitting_since = None
        self._take_back_view()
        self._at += self._given
        self._given = 0
        load = self._current
        if load is None or not load.chunks or self._at < len(load.chunks[0]):
            return False
        self._finish_chunk(load)
        return True

    def _take_back_view(self) -> None:
        lent, self._lent = self._lent, 0
        self._memory.returned(lent)

    def _finish_chunk(self, load: _Load) -> None:
        chunk = load.chunks.popleft()
        self._at = 0
        _, load.window = split(load.window, len(chunk))
        freed = _pinned_bytes(chunk)
        load.charge -= freed
        self._memory.give_back(self, freed)


def _pinned_bytes(chunk: memoryview) -> int:
    """The memory that a chunk keeps alive: the stripe that it is a view of."""
    assert isinstance(chunk.obj, bytes), "stripes and inline bytes are bytes"
    return len(chunk.obj)


def _kept(chunk: memoryview) -> memoryview:
    """Return the chunk, without the rest of its stripe if that is most of it."""
    return memoryview(bytes(chunk)) if 2 * len(chunk) < _pinned_bytes(chunk) else chunk
