"""Proof that a place is ours: operations count only under its marker.

A provider that was erased, swapped, or not mounted still answers normally. So a vote, and a fragment that
should count, needs proof that the place still had our marker after the operation.

* If the provider attests (disk, memory), each `get`, `put`, and `create` runs under the marker.
* Otherwise the marker must be read. `attest(since)` returns once the place is known to have been ours at
  `since` or later, by a read that began then. A caller joins a read in flight if that suffices. Few are in
  flight at once, and a late one (a lost packet) delays no caller.

Invariant: `attested_at` is never later than a moment at which the marker, as it is expected now, was there. A
change of the expected marker resets everything, and callers that waited across it get an error: what was done
before the provider was reattached proves nothing about what it has held since.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol, TypeVar

from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import Cause, Estranged, Exists, NotFound, ProviderError, Unavailable
from outlast.providers import trouble
from outlast.providers.marker import MARKER_KEY, Damaged, Marker, decode_marker, marker_bytes_max
from outlast.providers.protocol import Data, Provider
from outlast.providers.trouble import Trouble
from outlast.providers.wrap.layers import keeps_journals
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper

T = TypeVar("T")

# The deadline for a read of the marker, a few hundred bytes.
read_s_max = 4.0
# Reads in flight that may still be in time. More than the log has in flight at once (a commit and a few
# questions), so that these never wait for one another.
reads_max = 8
# After this time, or twice what the last one took, a read is late and no longer counts toward `reads_max`.
late_s = 0.5
# How often an unreadable marker is read again: the same damage three times means damage at rest.
rereads = 2

Seen = Callable[[float, ProviderError | None, Trouble | None], None]
"""The result of a marker read: its duration in seconds, its error, and what a wrong marker means."""


class Attested(Provider, Protocol):
    """A provider that knows its marker: `Attest`, or a guard around one."""

    @property
    def incarnation(self) -> bytes:
        """The expected incarnation, 16 bytes."""
        ...

    def expect(self, incarnation: bytes) -> None:
        """From now on the marker should hold `incarnation`: the provider was reattached."""
        ...

    async def attest(self, since: float | None = None) -> None:
        """Return when the place is known to have been ours at `since` (clock's monotonic s) or later.

        None means now. Raises `ProviderError`, and `Estranged` if it was not ours or was reattached
        meanwhile.
        """
        ...


class Attest(Wrapper):
    """`inner`, whose marker should be `marker`."""

    def __init__(self, inner: Provider, marker: Marker, clock: Clock) -> None:
        super().__init__(inner)
        self.attested_at = float("-inf")
        """A moment (clock's monotonic s) at or after which the place was ours; -inf if none is known."""
        self.seen: Seen = lambda seconds, error, stranger: None
        """Called after each read of the marker. Set by the guard."""
        self._marker = marker
        self._clock = clock
        self._reads: dict[asyncio.Task[None], _Read] = {}
        """Those in flight, oldest first."""
        self._took_s = 0.0
        self._waiting = 0
        self._closed = False

    @property
    def incarnation(self) -> bytes:
        return self._marker.incarnation

    def expect(self, incarnation: bytes) -> None:
        """See `Attested`. The same incarnation again changes nothing."""
        if incarnation != self._marker.incarnation:
            self._marker = replace(self._marker, incarnation=incarnation)
            self.attested_at = float("-inf")
            self._abandon()

    # ------------------------------------------------------------ attestation by the provider

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        return await super().get(key, span, under or self._under())

    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        await super().put(key, data, under or self._under())

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        await super().create(key, data, under or self._under())

    def _under(self) -> Marker | None:
        return self._marker if self.inner.attests else None

    async def around(self, call: Call, perform: Perform[T]) -> T:
        if not self.inner.attests or call.verb not in _attested:
            return await perform()
        began, marker = self._clock.monotonic(), self._marker
        try:
            answer = await perform()
        except (NotFound, Exists):
            self._note(began, marker)
            raise
        self._note(began, marker)
        return answer

    def _note(self, at: float, marker: Marker) -> None:
        if marker is self._marker:
            self.attested_at = max(self.attested_at, at)

    # ------------------------------------------------------------ attestation by marker reads

    async def attest(self, since: float | None = None) -> None:
        """See `Attested`."""
        marker, now = self._marker, self._clock.monotonic()
        assert since is None or since <= now, "nothing is known about the future"
        if since is None:
            # What is known about this very moment was learned before the call, although no time has passed.
            since = now
            if self.attested_at == now:
                self.attested_at = math.nextafter(now, -math.inf)
        self._waiting += 1
        try:
            await self._wait_ours(marker, since)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._abandon()
        if marker is not self._marker:
            raise Estranged(self.name, "attest", "it was reattached meanwhile")

    async def _wait_ours(self, marker: Marker, since: float) -> None:
        """Wait until the place is known to have been ours at `since`, or another marker is expected."""
        own: _Read | None = None
        while marker is self._marker and self.attested_at < since:
            if self._closed:
                raise Unavailable(self.name, "attest", "it was closed meanwhile", Cause.RESET)
            read = self._joinable(since)
            if own is None and read.began >= since:
                own = read
            left_s = max(0.0, read.late_at - self._clock.monotonic())
            await asyncio.wait(self._reads, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if own is not None and own.task.done() and marker is self._marker and not own.task.cancelled():
                own.task.result()

    def _joinable(self, since: float) -> "_Read":
        """A read that began at `since` or later, or a new one; any read if enough are in flight."""
        now = self._clock.monotonic()
        timely = [read for read in self._reads.values() if now < read.late_at]
        for read in timely:
            if read.began >= since:
                return read
        if len(timely) >= reads_max:
            return timely[0]
        task = asyncio.ensure_future(self._read(now, self._marker))
        read = self._reads[task] = _Read(now, now + max(late_s, 2 * self._took_s), task)
        task.add_done_callback(self._ended)
        return read

    def _abandon(self) -> None:
        """Cancel the reads in flight, whose results no caller needs any more."""
        for task in self._reads:
            task.cancel()
        self._reads = {}

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._reads.pop(task, None)
        if not task.cancelled():
            task.exception()  # mark it as retrieved: callers that still wait raise it

    async def _read(self, began: float, marker: Marker) -> None:
        """Read the marker once, and record the result."""
        error: ProviderError | None = None
        stranger: Trouble | None = None
        try:
            async with asyncio.timeout(read_s_max):
                stranger = await self._stranger(marker)
        except TimeoutError:
            error = Unavailable(self.name, "get", "no answer about its marker in time", Cause.TIMEOUT)
        except ProviderError as failure:
            error = failure
        if marker is not self._marker:
            return
        took_s = self._clock.monotonic() - began
        if error is None and stranger is None:
            self._took_s = took_s
            self._note(began, marker)
        self.seen(took_s, error, stranger)
        if error is not None:
            raise error
        if stranger is not None:
            raise Estranged(self.name, "attest", stranger.what)

    async def _stranger(self, marker: Marker) -> Trouble | None:
        """What is wrong with the place; None if it is ours.

        An unreadable marker is read again: damage at rest looks the same each time, while damage in transit
        is the provider's failure and says nothing about whose place it is.
        """
        lost = ""
        if self.inner.attests:
            try:
                attested = await self.inner.get(MARKER_KEY, None, marker)
                if self._trouble_of(marker, attested) is None:
                    return None
            except Estranged as error:
                lost = error.detail
        content = await self._content()
        damaged = content is not None and isinstance(decode_marker(content), Damaged)
        for _ in range(rereads if damaged else 0):
            if content != await self._content():
                raise Unavailable(self.name, "get", "its marker reads differently each time", Cause.CORRUPT)
        stranger = self._trouble_of(marker, content)
        return trouble.of_lost_log(lost) if stranger is None and lost else stranger

    def _trouble_of(self, marker: Marker, content: bytes | None) -> Trouble | None:
        present = None if content is None else decode_marker(content)
        return trouble.of_marker(marker, present, keeps_journals(self.inner))

    async def _content(self) -> bytes | None:
        try:
            return await self.inner.get(MARKER_KEY, (0, marker_bytes_max))
        except NotFound:
            return None

    async def close(self) -> None:
        self._closed = True
        await cancel_and_wait(tuple(self._reads))
        await self.inner.close()


_attested = frozenset({"get", "put", "create"})


class _Read(NamedTuple):
    """One read of the marker."""

    began: float
    late_at: float
    task: "asyncio.Task[None]"
