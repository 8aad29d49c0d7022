"""A provider that fails on purpose, in a given shape. Drills use it in production, and tests everywhere.

Without a shape it is transparent. With one, calls fail in that shape, and so do the answers of calls that
were in flight when it was set (a cable does not wait for the call to end). Shapes treat writes as badly as
real failures do: `err` performs half of them and answers 500 anyway.

A client that sees it fail can learn that it is a drill: `drill` says until when and by whose order, and so
does each error (`ProviderError.drill`).

A fault may hit only a share of the calls, or only reads or writes, and several may be in force at once: for
each call the first that hits it decides.

Erasure is not a shape: delete the objects to get it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, TypeVar

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import Cause, Denied, NotFound, ProviderError, Unavailable
from outlast.providers.marker import Marker
from outlast.providers.protocol import Entry, Provider, Stat
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper

T = TypeVar("T")

# The delay of each answer in the shape `slow`: far above any p95, well below any deadline.
slow_s_min = 0.5
slow_s_max = 1.5


class Shape(StrEnum):
    """How a provider fails."""

    REFUSE = "refuse"
    """No server listens: every call fails at once."""
    HANG = "hang"
    """No call is answered until the shape ends; then it fails."""
    SLOW = "slow"
    """Every call is performed, about a second late."""
    ERR = "err"
    """Every call is answered by a server error; half of the writes happened."""
    THROTTLE = "throttle"
    """Every call is answered by a request to retry later."""
    DENIED = "denied"
    """The credential is refused."""
    STALE = "stale"
    """Writes succeed, but `get` and `head` show what was there before the shape was set."""
    CORRUPT = "corrupt"
    """Every `get` returns a flipped byte."""
    TRUNCATED = "truncated"
    """Every `get` returns fewer bytes."""
    EMPTY = "empty"
    """Listings are empty."""
    HALF_OPEN = "half-open"
    """Reads work, writes hang."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A shape and what it affects: a share of the calls (0 to 1), reads (`get`, `head`, `list`), writes."""

    shape: Shape
    share: float = 1.0
    reads: bool = True
    writes: bool = True


_immediate: dict[Shape, tuple[type[ProviderError], Cause, str]] = {
    Shape.REFUSE: (Unavailable, Cause.REFUSED, "connection refused"),
    Shape.ERR: (Unavailable, Cause.SERVER, "500 internal error"),
    Shape.THROTTLE: (Unavailable, Cause.THROTTLED, "429 slow down"),
    Shape.DENIED: (Denied, Cause.DENIED, "403 forbidden"),
}


class FaultProvider(Wrapper):
    """`inner`, failing while faults are in force."""

    def __init__(self, inner: Provider, clock: Clock, entropy: Entropy) -> None:
        super().__init__(inner)
        self._clock = clock
        self._entropy = entropy
        self._faults: tuple[Fault, ...] = ()
        self._deadline: float | None = None
        self._drill = ""
        self._changed = asyncio.Event()
        # Increased with every change of the faults, so that a call in flight notices the change.
        self._age = 0
        # The content of keys before the shape `stale` was set, if they were written since; None: no object.
        self._before: dict[str, bytes | None] = {}

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in force."""
        if self._deadline is not None and self._clock.monotonic() >= self._deadline:
            self._set((), None)
        return self._faults

    @property
    def shape(self) -> Shape | None:
        """The shape in force, the first of several. Setting it affects all calls, also those in flight."""
        faults = self.faults
        return faults[0].shape if faults else None

    @shape.setter
    def shape(self, shape: Shape | None) -> None:
        self._drill = ""
        self._set(() if shape is None else (Fault(shape),), None)

    @property
    def drill(self) -> str:
        """What is said of the drill that is in force: how, until when, by whose order; "" without one."""
        return self._drill if self.faults else ""

    def fail_until(self, faults: Sequence[Fault], deadline: float, drill: str = "") -> None:
        """Have these faults, and no others, until the clock's `monotonic()` reaches `deadline`.

        The same faults again only move the deadline: calls that hang go on hanging. `drill` says until when
        and by whose order, if it is one.
        """
        if faults:
            self._drill = drill
        if tuple(faults) == self.faults:
            self._deadline = deadline
            self._wake()
        else:
            self._set(tuple(faults), deadline)

    async def around(self, call: Call, perform: Perform[T]) -> T:
        return await self._do(call, lambda shape: perform())

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        return await self._do(Call("get", key, None), lambda shape: self._read(shape, key, span, under))

    async def head(self, key: str) -> Stat:
        return await self._do(Call("head", key, 0), lambda shape: self._stat(shape, key))

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        call, age = Call("list", prefix, 0), self._age
        if await self._before_operation(call) is Shape.EMPTY:
            return
        async for entry in self.inner.list(prefix, start_after):
            if self._changed_since(age):
                await self._after_operation(call)
                age = self._age
            yield entry

    async def _do(self, call: Call, operation: Callable[[Shape | None], Awaitable[T]]) -> T:
        age = self._age
        shape = await self._before_operation(call, operation) if self._faults else None
        answer = await operation(shape)
        if self._changed_since(age):
            await self._after_operation(call)
        return answer

    def _drawn(self, writes: bool) -> Shape | None:
        """The shape that affects a call now."""
        for fault in self.faults:
            hits = fault.writes if writes else fault.reads
            if hits and (fault.share >= 1 or self._entropy.uniform(0, 1) < fault.share):
                return fault.shape
        return None

    def _changed_since(self, age: int) -> bool:
        return bool(self.faults) and self._age != age

    async def _before_operation(
        self, call: Call, operation: Callable[[Shape | None], Awaitable[object]] | None = None
    ) -> Shape | None:
        """Fail or wait as the call's shape requires. Returns the shape, for the operation itself."""
        key, writes = call.key, call.writes
        shape = self._drawn(writes)
        if writes and any(fault.shape is Shape.STALE for fault in self._faults) and key not in self._before:
            self._before[key] = await self._present(key)
        if shape is Shape.ERR and writes and operation is not None and self._entropy.uniform(0, 1) < 0.5:
            await self._perform_anyway(operation)
        if shape in _immediate:
            self._fail(shape, call.verb)
        if shape is Shape.SLOW:
            await self._clock.sleep(self._entropy.uniform(slow_s_min, slow_s_max))
        if _hangs(shape, writes):
            await self._hang(call)
        return shape

    async def _after_operation(self, call: Call) -> None:
        """Decide whether the answer gets through: faults appeared during the operation."""
        shape = self._drawn(call.writes)
        if shape is Shape.REFUSE:
            raise self._marked(
                Unavailable(self.name, call.verb, f"{call.key}: connection reset", Cause.RESET)
            )
        if _hangs(shape, call.writes):
            await self._hang(call)

    async def _hang(self, call: Call) -> NoReturn:
        """Wait until a call like this one would no longer hang; then fail."""
        age = self._age
        while self.faults and (self._age == age or _hangs(self._drawn(call.writes), call.writes)):
            age = self._age
            left = None if self._deadline is None else max(0.0, self._deadline - self._clock.monotonic())
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                pass  # the faults' own end, unless it was moved; the loop looks
        raise self._marked(Unavailable(self.name, call.verb, "no answer", Cause.TIMEOUT))

    async def _read(
        self, shape: Shape | None, key: str, span: tuple[int, int] | None, under: Marker | None
    ) -> bytes:
        if shape is Shape.STALE and key in self._before:
            return self._past(key, span)
        data = await self.inner.get(key, span, under=under)
        if shape is Shape.CORRUPT and data:
            return self._flipped(data)
        if shape is Shape.TRUNCATED and data:
            return data[: int(self._entropy.uniform(0, len(data) - 1))]
        return data

    async def _stat(self, shape: Shape | None, key: str) -> Stat:
        if shape is Shape.STALE and key in self._before:
            return Stat(len(self._past(key, None)))
        return await self.inner.head(key)

    def _past(self, key: str, span: tuple[int, int] | None) -> bytes:
        data = self._before[key]
        if data is None:
            raise NotFound(self.name, "get", key)
        return data if span is None else data[span[0] : span[1]]

    async def _present(self, key: str) -> bytes | None:
        try:
            return await self.inner.get(key)
        except NotFound:
            return None

    def _flipped(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        damaged[int(self._entropy.uniform(0, len(data) - 1))] ^= 0xFF
        return bytes(damaged)

    async def _perform_anyway(self, operation: Callable[[Shape | None], Awaitable[object]]) -> None:
        try:
            await operation(None)
        except ProviderError:
            pass  # the caller gets a server error in any case

    def _fail(self, shape: Shape, verb: str) -> NoReturn:
        kind, cause, detail = _immediate[shape]
        raise self._marked(kind(self.name, verb, detail, cause))

    def _marked(self, error: ProviderError) -> ProviderError:
        """With the drill that made it; a call that hung through one fails when that is over already."""
        error.drill = self._drill
        return error

    def _set(self, faults: tuple[Fault, ...], deadline: float | None) -> None:
        self._faults, self._deadline = faults, deadline
        self._before.clear()
        self._age += 1
        self._wake()

    def _wake(self) -> None:
        # Calls that wait on the old event check the new faults; later calls wait on a new event.
        self._changed.set()
        self._changed = asyncio.Event()


def _hangs(shape: Shape | None, writes: bool) -> bool:
    return shape is Shape.HANG or (shape is Shape.HALF_OPEN and writes)
