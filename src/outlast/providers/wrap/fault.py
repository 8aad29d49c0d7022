"""A provider that fails on purpose, in a given shape. Drills use it in production; tests all the time.

Without a shape it is transparent. With one, calls fail the way that the shape says, and so do answers of
calls that were under way when it was set (a cable does not wait for the call to end). What a shape does
to writes is as nasty as in life: `err` does half of them and answers 500 all the same.

Being erased is not a shape: delete the objects, and it is.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum
from typing import NoReturn, TypeVar

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import Cause, Denied, NotFound, ProviderError, Unavailable
from outlast.providers.protocol import Blob, Data, Entry, Provider, Stat

T = TypeVar("T")

# How much later each answer comes in the shape `slow`: far above any p95, well below any deadline.
slow_s_min = 0.5
slow_s_max = 1.5


class Shape(StrEnum):
    """How a provider fails."""

    REFUSE = "refuse"
    """Nobody listens: every call fails at once."""
    HANG = "hang"
    """No call is answered until the shape ends; then it fails."""
    SLOW = "slow"
    """Every call is done, a second or so late."""
    ERR = "err"
    """Every call is answered by a server error; half of the writes happened."""
    THROTTLE = "throttle"
    """Every call is told to come back later."""
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


_immediate: dict[Shape, tuple[type[ProviderError], Cause, str]] = {
    Shape.REFUSE: (Unavailable, Cause.REFUSED, "connection refused"),
    Shape.ERR: (Unavailable, Cause.SERVER, "500 internal error"),
    Shape.THROTTLE: (Unavailable, Cause.THROTTLED, "429 slow down"),
    Shape.DENIED: (Denied, Cause.DENIED, "403 forbidden"),
}


class FaultProvider:
    """`inner`, failing in `shape` while one is set."""

    def __init__(self, inner: Provider, clock: Clock, entropy: Entropy) -> None:
        self.inner = inner
        self._name = inner.name
        self._clock = clock
        self._entropy = entropy
        self._shape: Shape | None = None
        self._deadline: float | None = None
        self._changed = asyncio.Event()
        # What keys held before the shape `stale` was set, as far as they were written since; None is nothing.
        self._before: dict[str, Blob | None] = {}

    @property
    def name(self) -> str:
        return self._name

    @property
    def shape(self) -> Shape | None:
        """The shape in force. Setting it takes effect at once, also on calls under way."""
        if self._deadline is not None and self._clock.monotonic() >= self._deadline:
            self._set(None, None)
        return self._shape

    @shape.setter
    def shape(self, shape: Shape | None) -> None:
        self._set(shape, None)

    def shape_until(self, shape: Shape, deadline: float) -> None:
        """Fail in `shape` until the clock's `monotonic()` reaches `deadline`."""
        self._set(shape, deadline)

    async def get(self, key: str, span: tuple[int, int] | None = None) -> Blob:
        return await self._do("get", key, lambda: self._read(key, span), writes=False)

    async def put(self, key: str, data: Data) -> None:
        await self._do("put", key, lambda: self.inner.put(key, data), writes=True)

    async def create(self, key: str, data: Data) -> str:
        return await self._do("create", key, lambda: self.inner.create(key, data), writes=True)

    async def replace(self, key: str, data: Data, etag: str) -> str:
        return await self._do("replace", key, lambda: self.inner.replace(key, data, etag), writes=True)

    async def head(self, key: str) -> Stat:
        return await self._do("head", key, lambda: self._stat(key), writes=False)

    async def delete(self, key: str) -> None:
        await self._do("delete", key, lambda: self.inner.delete(key), writes=True)

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        await self._before_deed("list", prefix, writes=False)
        if self.shape is Shape.EMPTY:
            return
        async for entry in self.inner.list(prefix, start_after):
            await self._after_deed("list", prefix, writes=False)
            yield entry

    async def close(self) -> None:
        await self.inner.close()

    async def _do(self, verb: str, key: str, deed: Callable[[], Awaitable[T]], writes: bool) -> T:
        if self._shape is not None:
            await self._before_deed(verb, key, writes, deed)
        answer = await deed()
        if self._shape is not None:
            await self._after_deed(verb, key, writes)
        return answer

    async def _before_deed(
        self, verb: str, key: str, writes: bool, deed: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        shape = self.shape
        if shape is None:
            return
        if shape is Shape.ERR and writes and deed is not None and self._entropy.uniform(0, 1) < 0.5:
            await self._done_all_the_same(deed)
        if shape in _immediate:
            self._fail(shape, verb)
        if shape is Shape.SLOW:
            await self._clock.sleep(self._entropy.uniform(slow_s_min, slow_s_max))
        if shape is Shape.STALE and writes and key not in self._before:
            self._before[key] = await self._present(key)
        await self._hang_if_hanging(verb, writes)

    async def _after_deed(self, verb: str, key: str, writes: bool) -> None:
        """The deed is done; whether its answer gets through is another matter."""
        shape = self.shape
        if shape is Shape.REFUSE:
            raise Unavailable(self._name, verb, f"{key}: connection reset", Cause.RESET)
        if shape is not None:
            await self._hang_if_hanging(verb, writes)

    async def _hang_if_hanging(self, verb: str, writes: bool) -> None:
        if not self._hangs(writes):
            return
        while self._hangs(writes):
            left = None if self._deadline is None else max(0.0, self._deadline - self._clock.monotonic())
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                pass  # the shape's own end; the loop looks whether another was set
        raise Unavailable(self._name, verb, "no answer", Cause.TIMEOUT)

    def _hangs(self, writes: bool) -> bool:
        shape = self.shape
        return shape is Shape.HANG or (shape is Shape.HALF_OPEN and writes)

    async def _read(self, key: str, span: tuple[int, int] | None) -> Blob:
        shape = self.shape
        if shape is Shape.STALE and key in self._before:
            return self._past(key, span)
        blob = await self.inner.get(key, span)
        if shape is Shape.CORRUPT and blob.data:
            return Blob(self._flipped(blob.data), blob.etag)
        if shape is Shape.TRUNCATED and blob.data:
            return Blob(blob.data[: int(self._entropy.uniform(0, len(blob.data) - 1))], blob.etag)
        return blob

    async def _stat(self, key: str) -> Stat:
        if self.shape is Shape.STALE and key in self._before:
            return Stat(len(self._past(key, None).data))
        return await self.inner.head(key)

    def _past(self, key: str, span: tuple[int, int] | None) -> Blob:
        blob = self._before[key]
        if blob is None:
            raise NotFound(self._name, "get", key)
        return blob if span is None else Blob(blob.data[span[0] : span[1]], None)

    async def _present(self, key: str) -> Blob | None:
        try:
            return await self.inner.get(key)
        except NotFound:
            return None

    def _flipped(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        damaged[int(self._entropy.uniform(0, len(data) - 1))] ^= 0xFF
        return bytes(damaged)

    async def _done_all_the_same(self, deed: Callable[[], Awaitable[object]]) -> None:
        try:
            await deed()
        except ProviderError:
            pass  # the caller is told of a server error in any case

    def _fail(self, shape: Shape, verb: str) -> NoReturn:
        kind, cause, detail = _immediate[shape]
        raise kind(self._name, verb, detail, cause)

    def _set(self, shape: Shape | None, deadline: float | None) -> None:
        self._shape, self._deadline = shape, deadline
        self._before.clear()
        # Who waits on the old event looks at the new shape; who comes later waits on a new one.
        self._changed.set()
        self._changed = asyncio.Event()
