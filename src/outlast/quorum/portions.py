"""Reading a voter's states so that they arrive in time over a slow link.

Neither the size of a state nor the bandwidth of the link is known before the read. So a state is first
requested in full. After an answer misses its deadline, states are read in portions, with few requests in
flight: half as large and half as many after each late answer, more after each quick one, until states are
requested in full again. This is how TCP finds the capacity of a link, with answers in place of packets.

Every read ends: each answer advances one read, the others wait in a queue, and a request that is not answered
in time fails. What has arrived is kept. A later or concurrent reader of the same state requests its first
portion, which proves that the state exists, and otherwise only portions that have not been requested yet.
States are created once, so portions that were read at different times fit together. If a state was replaced
meanwhile, its first portion differs or its proof does not verify.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import TypeAlias

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.errors import Cause, NotFound, Unavailable
from outlast.base.marks import reached
from outlast.providers.protocol import Provider

Arrived: TypeAlias = Callable[[], None]
"""Called whenever the voter has answered, also while this reader waits in the queue."""

# The initial size of a portion. Below the size from which a disk treats a transfer as large.
PORTION_BYTES_FIRST = 128 * limits.KIB
PORTION_BYTES_MIN = 16 * limits.KIB
# Above this, states are requested in full: hardly any state is larger.
PORTION_BYTES_MAX = 8 * limits.MIB
# Concurrent requests: the initial number and the minimum.
REQUESTS_FIRST = 4
REQUESTS_MIN = 2
# Portion size and request count grow when a request takes less than the minimum, and shrink when it takes
# more than the maximum.
PORTION_S_MIN = 1.0
PORTION_S_MAX = 2.0
# Parts of states that have arrived are kept up to this total; the latest state in any case.
KEPT_BYTES_MAX = 8 * limits.MIB


class Portions:
    """The size and number of the portions in which one voter is read. Sans-IO; times are in seconds."""

    def __init__(self) -> None:
        self.size: int | None = None
        """Bytes per request; None: states are requested in full, and without a limit on requests."""
        self.requests = REQUESTS_FIRST
        """How many requests may be in flight, unless states are requested in full."""
        self._changed_at = float("-inf")

    def arrived(self, size: int, asked_at: float, now: float) -> None:
        """Record an answer of `size` bytes."""
        if self.size is None or asked_at < self._changed_at:
            return
        if now - asked_at > PORTION_S_MAX:
            self._shrink(now)
        elif now - asked_at < PORTION_S_MIN:
            self.requests += 1
            if size >= self.size:
                self.size, self._changed_at = 2 * self.size, now
            if self.size > PORTION_BYTES_MAX:
                self.size = None

    def late(self, asked_at: float, now: float) -> None:
        """Record that a request sent at `asked_at` or earlier was not answered in time."""
        if asked_at < self._changed_at:
            return
        if self.size is None:
            reached("portions: states are read in portions")
            self.size, self.requests, self._changed_at = PORTION_BYTES_FIRST, REQUESTS_FIRST, now
        else:
            self._shrink(now)

    def _shrink(self, now: float) -> None:
        assert self.size is not None
        self.size = max(PORTION_BYTES_MIN, self.size // 2)
        self.requests = max(REQUESTS_MIN, self.requests // 2)
        self._changed_at = now


class StateReader:
    """Reads the states of one voter."""

    def __init__(self, name: str, clock: Clock, state_bytes_max: int) -> None:
        """`state_bytes_max`: anything larger cannot be a state, and reading it stops there."""
        self._name = name
        self._clock = clock
        self._state_bytes_max = state_bytes_max
        self._portions = Portions()
        self._kept: dict[str, _Kept] = {}
        """Oldest first."""
        self._under_way = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._listening: Counter[Arrived] = Counter()

    async def read(self, source: Provider, key: str, arrived: Arrived) -> bytes | None:
        """The bytes of a state; None if it does not exist. Raises `ProviderError`."""
        self._listening[arrived] += 1
        try:
            if self._portions.size is None:
                return await source.get(key)
            first, ended = await self._get(source, key, 0)
            return first if ended else await self._rest(source, key, self._keep(key, first))
        except NotFound:
            return None
        finally:
            self._listening[arrived] -= 1
            if not self._listening[arrived]:
                del self._listening[arrived]

    def late(self, asked_at: float) -> None:
        """Record that a request sent at `asked_at` was not answered in time."""
        self._portions.late(asked_at, self._clock.monotonic())

    def forget(self) -> None:
        """Drop what is kept: the voter may hold something else."""
        self._kept.clear()

    async def _rest(self, source: Provider, key: str, kept: "_Kept") -> bytes:
        kept.readers += 1
        try:
            while not kept.complete:
                if kept.reading is None:
                    kept.reading = asyncio.ensure_future(self._read_on(source, key, kept))
                    kept.reading.add_done_callback(_seen)
                await asyncio.shield(kept.reading)
        finally:
            kept.readers -= 1
            if kept.reading is not None and not kept.readers:
                # It ends a few turns of the loop later. A reader that comes until then starts a new one.
                kept.reading.cancel()
                kept.reading = None
        return bytes(kept.content)

    async def _read_on(self, source: Provider, key: str, kept: "_Kept") -> None:
        own = asyncio.current_task()
        try:
            portion, ended = await self._get(source, key, len(kept.content))
            if kept.reading is own:  # else it was canceled, and another request brings the same
                kept.content += portion
                kept.complete = ended or len(kept.content) > self._state_bytes_max
        finally:
            if kept.reading is own:
                kept.reading = None

    async def _get(self, source: Provider, key: str, start: int) -> tuple[bytes, bool]:
        """The portion of the state that begins at `start`, and whether the state ends with it."""
        await self._wait_turn()
        size, asked_at = self._portions.size or PORTION_BYTES_MAX, self._clock.monotonic()
        portion = b""
        try:
            async with asyncio.timeout(limits.log_operation_s_max):
                portion = await source.get(key, (start, start + size))
        except NotFound:
            self._answered(0, asked_at)
            raise
        except TimeoutError:
            self.late(asked_at)
            raise Unavailable(self._name, "get", "no answer in time", Cause.TIMEOUT) from None
        finally:
            self._under_way -= 1
            self._next()
        self._answered(len(portion), asked_at)
        return portion, len(portion) < size

    def _answered(self, size: int, asked_at: float) -> None:
        self._portions.arrived(size, asked_at, self._clock.monotonic())
        for arrived in self._listening:
            arrived()
        self._next()

    async def _wait_turn(self) -> None:
        """Wait until the request may be sent. From then on it counts as in flight."""
        if not self._line and self._has_room():
            self._under_way += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._under_way -= 1
                self._next()
            raise

    def _next(self) -> None:
        while self._line and self._has_room():
            turn = self._line.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)

    def _has_room(self) -> bool:
        return self._portions.size is None or self._under_way < self._portions.requests

    def _keep(self, key: str, first: bytes) -> "_Kept":
        """What is kept of the state that begins with `first`: at least `first` itself."""
        kept = self._kept.pop(key, None)
        if kept is None or kept.content[: len(first)] != first:
            kept = _Kept(first)
        size = len(kept.content)
        for other, content in reversed([*self._kept.items()]):
            size += len(content.content)
            if size > KEPT_BYTES_MAX:
                del self._kept[other]
        self._kept[key] = kept
        return kept


class _Kept:
    """The part of a state that has arrived, and the request for the next portion, if one is in flight."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        self.complete = False
        self.readers = 0
        self.reading: asyncio.Task[None] | None = None


def _seen(reading: "asyncio.Task[None]") -> None:
    """Retrieve its error, which its waiters raise, in case there are none left."""
    if not reading.cancelled():
        reading.exception()
