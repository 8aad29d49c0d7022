"""Reading a voter's states so that they arrive in time over a slow link.

Nobody knows how large a state is before it is read, nor how much the link carries. So a state is asked for
whole. Once an answer has not come in time, states are read in portions, of which few are asked for at once:
half as large and half as many after each that was late, more after each that came quickly, until states are
whole again. This is how TCP finds what a link carries, with answers for packets.

A reading ends: each answer brings one reading further, the others wait in line, and a request that is not
answered in time fails. What has arrived is kept. Whoever reads the state again, or at the same time, asks for
its first portion, which proves that it is there, and only for those portions that nobody has asked for.
States are created once, so portions that were read at different times fit together; where a state was
replaced meanwhile, its first portion differs, or the proof in it shows that.
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
"""Called whenever the voter has answered, while others wait in line."""

# The first portions. Below the size from which a disk takes a transfer for a large one.
PORTION_BYTES_FIRST = 128 * limits.KIB
PORTION_BYTES_MIN = 16 * limits.KIB
# Beyond this nothing is divided: hardly any state is larger.
PORTION_BYTES_MAX = 8 * limits.MIB
# Requests at once, to begin with and at least.
REQUESTS_FIRST = 4
REQUESTS_MIN = 2
# Portions and requests become more when one took less than this, and fewer when one took more.
PORTION_S_MIN = 1.0
PORTION_S_MAX = 2.0
# What has arrived of large states is kept up to this; of one state in any case.
KEPT_BYTES_MAX = 8 * limits.MIB


class Portions:
    """How large the portions are in which one voter is read. Sans-IO; times are in seconds."""

    def __init__(self) -> None:
        self.size: int | None = None
        """Bytes to ask for at once; None for the whole state, and as many states as are wanted."""
        self.requests = REQUESTS_FIRST
        """How many requests may be under way, unless whole states are asked for."""
        self._changed_at = float("-inf")

    def arrived(self, size: int, asked_at: float, now: float) -> None:
        """An answer of `size` bytes came."""
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
        """No answer came in time to what was asked at `asked_at` or before."""
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
        """Of more than `state_bytes_max` bytes, no more are read: it is no state."""
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
        """The bytes of a state; None if there is none. Raises `ProviderError`."""
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
        """What was asked for at `asked_at` has not come in time."""
        self._portions.late(asked_at, self._clock.monotonic())

    def forget(self) -> None:
        """What is kept may not be what the voter holds."""
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
                kept.reading.cancel()
        return bytes(kept.content)

    async def _read_on(self, source: Provider, key: str, kept: "_Kept") -> None:
        try:
            portion, ended = await self._get(source, key, len(kept.content))
            kept.content += portion
            kept.complete = ended or len(kept.content) > self._state_bytes_max
        finally:
            kept.reading = None

    async def _get(self, source: Provider, key: str, start: int) -> tuple[bytes, bool]:
        """A portion of the state from `start` on, in turn; and whether the state ends there."""
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
        """Until the request may be made, which counts as under way from then on."""
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
        """What is kept of the state that begins with `first`: at least this."""
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
    """What has arrived of a state, and the request for the next portion, if one is under way."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        self.complete = False
        self.readers = 0
        self.reading: asyncio.Task[None] | None = None


def _seen(reading: "asyncio.Task[None]") -> None:
    """Whoever waited for it raises its error; nobody may wait any more."""
    if not reading.cancelled():
        reading.exception()
