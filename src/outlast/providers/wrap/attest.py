"""Knowing that a place is ours: what is done there counts only under its marker.

A provider that was erased, swapped or not mounted answers as politely as ever. So a vote, and a fragment that
is to count, needs proof that the place still carried our marker once the deed was done.

* Where the provider attests (disk, memory), each `get`, `put` and `create` is done under the marker.
* Elsewhere the marker has to be read. `attest(since)` returns once the place is known to have been ours at
  `since` or later, by a read that began then. Who would do with one that is under way joins it; few are under
  way at once, and one that is late (a lost packet) holds up nobody.

Invariant: `attested_at` is never later than a moment at which the marker, as it is expected now, was there. A
change of the expectation starts from nothing, and whoever waited across it is refused: what was done before
the provider was taken back proves nothing about what it holds since.
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
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper

T = TypeVar("T")

# A read of the marker, a few hundred bytes, is given up after this.
read_s_max = 4.0
# Reads under way that may still be in time. Above what the log has under way at once (a commit and a few
# questions), so that these never wait for one another.
reads_max = 8
# After this, or twice what the last one took, a read is late, and does not count among these.
late_s = 0.5
# How often a marker that cannot be read is read again: the same damage three times over is at rest.
rereads = 2

Seen = Callable[[float, ProviderError | None, Trouble | None], None]
"""What a read of the marker showed: seconds that it took, why it failed, and what a wrong marker means."""


class Attested(Provider, Protocol):
    """A provider that knows its marker: `Attest`, or a guard around one."""

    @property
    def incarnation(self) -> bytes:
        """The incarnation that is expected, 16 bytes."""
        ...

    def expect(self, incarnation: bytes) -> None:
        """From now on the marker should say `incarnation`: the provider was taken back."""
        ...

    async def attest(self, since: float | None = None) -> None:
        """Return when the place is known to have been ours at `since` (clock's monotonic s) or later.

        None is now. Raises `Estranged` if it was not, also if it was taken back meanwhile, and
        `ProviderError`.
        """
        ...


class Attest(Wrapper):
    """`inner`, of which the marker should be `marker`."""

    def __init__(self, inner: Provider, marker: Marker, clock: Clock) -> None:
        super().__init__(inner)
        self.attested_at = float("-inf")
        """A moment (clock's monotonic s) at or after which the place was ours; -inf before any is known."""
        self.seen: Seen = lambda seconds, error, stranger: None
        """Called after each read of the marker. Set by the guard."""
        self._marker = marker
        self._clock = clock
        self._reads: dict[asyncio.Task[None], _Read] = {}
        """Those under way, the oldest first."""
        self._took_s = 0.0
        self._waiting = 0
        self._closed = False

    @property
    def incarnation(self) -> bytes:
        return self._marker.incarnation

    def expect(self, incarnation: bytes) -> None:
        """See `Attested`. The same once more changes nothing."""
        if incarnation != self._marker.incarnation:
            self._marker = replace(self._marker, incarnation=incarnation)
            self.attested_at = float("-inf")
            self._abandon()

    # ------------------------------------------------------------ where the provider attests

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

    # ------------------------------------------------------------ where the marker is read

    async def attest(self, since: float | None = None) -> None:
        """See `Attested`."""
        marker, now = self._marker, self._clock.monotonic()
        assert since is None or since <= now, "nothing is known of the future"
        if since is None:
            # What is known of this very moment was learned before the call, though no time has passed.
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
            raise Estranged(self.name, "attest", "it was taken back meanwhile")

    async def _wait_ours(self, marker: Marker, since: float) -> None:
        """Until the place is known to have been ours at `since`, or something else is expected of it."""
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
        """A read that began at `since` or later, a new one if there is none; any, if enough are under way."""
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
        """What is under way is of use to nobody any more."""
        for task in self._reads:
            task.cancel()
        self._reads = {}

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._reads.pop(task, None)
        if not task.cancelled():
            task.exception()  # seen: who still waits raises it

    async def _read(self, began: float, marker: Marker) -> None:
        """Read the marker once, and note what it shows."""
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

        A marker that cannot be read is read again: at rest it is damaged in the same way each time, while
        damage on the way is the provider's failure, and says nothing about whose place it is.
        """
        lost = ""
        if self.inner.attests:
            try:
                if _is(marker, await self.inner.get(MARKER_KEY, None, marker)):
                    return None
            except Estranged as error:
                lost = error.detail
        content = await self._content()
        present = None if content is None else decode_marker(content)
        for _ in range(rereads if isinstance(present, Damaged) else 0):
            if content != await self._content():
                raise Unavailable(self.name, "get", "its marker reads differently each time", Cause.CORRUPT)
        stranger = trouble.of_marker(marker, present)
        return trouble.of_lost_log(lost) if stranger is None and lost else stranger

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


def _is(marker: Marker, content: bytes) -> bool:
    return trouble.of_marker(marker, decode_marker(content)) is None


class _Read(NamedTuple):
    """One read of the marker."""

    began: float
    late_at: float
    task: "asyncio.Task[None]"
