"""One extent on its way to its providers.

The way: all fragments start at once. When `k` of the `k + m` are durable the extent would survive what the
policy says, so the others are waited for only as long as is polite (about as long again as the first ones
took, and not at all if they are known to take longer), and the extent is *accepted*. Stragglers may go on
for a while behind the caller's back; those that arrive are reported as restored, those that do not are
cancelled. What is not known to be durable is marked `missing` in the extent, for readers and repair.

When too few are durable, what failed is sent again in rounds, as long as that may help: the write fails
when enough providers have refused for good, have been away for long (`Fleet.wait_available`), or after
`rounds_s_max`.

Invariant: `accepted` returns only after k fragments are durable. A shipment leaves no task behind that it
has not either seen to its end or cancelled, and `landed` gives back exactly `extent.size` bytes in all.
"""

import asyncio
import math
from collections.abc import Callable, Sequence

import msgspec

from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait, wait_first
from outlast.base.errors import Denied, Full, ProviderError, StoreUnavailable, Unsupported
from outlast.base.marks import reached
from outlast.catalog.records import Extent, Fragment
from outlast.coding.extent import fragment_key
from outlast.providers.protocol import Buffer
from outlast.store.fleet import Fleet

# Below this, being twice as slow as the others says nothing about a provider that is usually quick.
polite_s_min = 0.1
# What a straggler has in all: this, or four times what the others took, or twice what is usual for it, if
# that is more. It holds memory meanwhile. (Whether its provider hangs is for its guard to find out.)
straggler_s_min = 1.0
straggler_factor = 4
straggler_usual_factor = 2
# No write is tried for longer than this; a client has a timeout, too.
rounds_s_max = 10.0
# The rest between two rounds, so that a provider that refuses at once is not asked in a tight loop.
round_pause_s = 0.1


class Shipment:
    """See the module's docstring. `extent.missing` is what is not known to be durable yet."""

    def __init__(
        self,
        extent: Extent,
        fragments: Sequence[Sequence[Buffer]],
        fleet: Fleet,
        clock: Clock,
        landed: Callable[[int], None],
        restored: Callable[[bytes, Fragment], None],
    ) -> None:
        """Start at once. `landed(bytes)`: so much plaintext needs no memory any more.

        `restored(extent id, fragment)`: a straggler arrived after `settle` had called it missing.
        """
        self.extent = msgspec.structs.replace(extent, missing=(1 << len(extent.places)) - 1)
        self._fragments: list[Sequence[Buffer] | None] = list(fragments)
        self._fragment_bytes = sum(map(len, fragments[0]))
        self._fleet = fleet
        self._clock = clock
        self._landed = landed
        self._restored = restored
        self._settled = False
        self._kept_bytes = extent.size
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._failures: dict[int, ProviderError] = {}
        self._accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._way = asyncio.ensure_future(self._go())

    # ------------------------------------------------------------ for the writer

    async def accepted(self) -> None:
        """Return when the extent may be acknowledged. Raises `StoreUnavailable`."""
        await asyncio.shield(self._accepted)

    @property
    def under_way(self) -> bool:
        """Whether it is still unknown if the extent will be accepted."""
        return not self._accepted.done()

    @property
    def ended(self) -> bool:
        """Whether nothing is under way any more."""
        return self._way.done()

    def settle(self) -> Extent:
        """The extent as it shall be committed. Stragglers that arrive from now on are reported."""
        self._settled = True
        return self.extent

    async def finished(self) -> None:
        """Return when nothing is under way any more. Cancelling this cancels the shipment."""
        try:
            await asyncio.shield(self._way)
        finally:
            await self.cancel()

    async def cancel(self) -> None:
        """Give up. What has been written stays; what is under way may still be."""
        await cancel_and_wait((self._way,))

    # ------------------------------------------------------------ the way

    async def _go(self) -> None:
        try:
            began = await self._deliver()
            took = self._clock.monotonic() - began
            await self._wait_all(self._polite_s(took))
            self._accepted.set_result(None)
            if self.extent.missing:
                reached("shipment: accepted with a fragment missing")
            for index in self._sending:
                self._fleet.was_late(self.extent.places[index], self._clock.monotonic() - began)
            self._send_open()  # what failed at once may have been a passing thing: one more try
            usual = max(map(self._expected_s, self._sending), default=0.0)
            patience = max(straggler_factor * took, straggler_s_min, straggler_usual_factor * usual)
            await self._wait_all(patience - took)
        except Exception as error:
            if self._accepted.done():
                raise
            self._accepted.set_exception(error)
            self._accepted.exception()  # a writer that has failed already does not ask
        finally:
            await cancel_and_wait(tuple(self._sending.values()))
            self._accepted.cancel()
            self._forget()

    async def _deliver(self) -> float:
        """Send until k fragments are durable; when the last round began. Raises `StoreUnavailable`."""
        first = self._clock.monotonic()
        while True:
            began = self._clock.monotonic()
            self._send_open()
            await self._wait(self._enough)
            if self._enough():
                return began
            if self._clock.monotonic() - first > rounds_s_max or not await self._may_help():
                reached("shipment: given up")
                raise self._unavailable()
            reached("shipment: another round")

    def _send_open(self) -> None:
        for index, place in enumerate(self.extent.places):
            if self._open(index) and self._fleet.available(place):
                self._failures.pop(index, None)
                self._sending[index] = asyncio.ensure_future(self._send(index, place))

    def _open(self, index: int) -> bool:
        """Whether this fragment is neither durable, nor on its way, nor refused for good."""
        refused = isinstance(self._failures.get(index), Denied | Full | Unsupported)
        return bool(self.extent.missing >> index & 1) and index not in self._sending and not refused

    async def _send(self, index: int, place: str) -> None:
        data = self._fragments[index]
        assert data is not None
        try:
            await self._fleet[place].put(fragment_key(self.extent.id, index), data)
            self._fleet.answered(place)
            self._arrived(index, place)
        except ProviderError as error:
            self._failures[index] = error
        finally:
            del self._sending[index]

    def _arrived(self, index: int, place: str) -> None:
        self.extent = msgspec.structs.replace(self.extent, missing=self.extent.missing & ~(1 << index))
        self._fragments[index] = None
        self._let_go(self.extent.size // len(self.extent.places))
        if self._settled:
            reached("shipment: a straggler arrived after the commit")
            self._restored(self.extent.id, index, place)
            self._restored(self.extent.id, self.extent.fragment(index))

    def _let_go(self, count: int) -> None:
        self._kept_bytes -= count
        self._landed(count)

    def _forget(self) -> None:
        """The writer keeps the shipment for its extent: no bytes may hang on it (tracebacks hold some)."""
        self._fragments.clear()
        self._failures.clear()
        self._let_go(self._kept_bytes)

    def _enough(self) -> bool:
        return len(self.extent.places) - self.extent.missing.bit_count() >= self.extent.k

    async def _may_help(self) -> bool:
        """Rest, then wait until enough of the open fragments could be sent. False: it is of no use."""
        await self._clock.sleep(round_pause_s)
        wanting = [place for index, place in enumerate(self.extent.places) if self._open(index)]
        durable = len(self.extent.places) - self.extent.missing.bit_count()
        return await self._fleet.wait_available(wanting, self.extent.k - durable)

    def _polite_s(self, took: float) -> float:
        """How long to wait for stragglers: not at all for those that are known to take longer than that."""
        usual = [
            self._expected_s(index)
            for index in self._sending
            if not self._fleet.late_until(self.extent.places[index])
        ]
        soonest = min(usual, default=math.inf)
        return next((wait for wait in (max(took, polite_s_min), took) if soonest < took + wait), 0.0)

    def _expected_s(self, index: int) -> float:
        return self._fleet[self.extent.places[index]].health.mean_s("put", self._fragment_bytes)

    async def _wait_all(self, timeout: float) -> None:
        await self._wait(lambda: False, timeout)

    async def _wait(self, enough: Callable[[], bool], timeout: float | None = None) -> None:
        """Wait for what is being sent. What is not a provider's refusal is our own bug, and comes out."""
        sending = tuple(self._sending.values())
        await wait_first(sending, enough, timeout)
        for task in sending:
            if task.done():
                task.result()

    def _unavailable(self) -> StoreUnavailable:
        reasons = []
        for index, place in enumerate(self.extent.places):
            if self.extent.missing >> index & 1:
                reasons.append(str(self._failures.get(index, f"{place}: down")))
        return StoreUnavailable(
            f"a write needs {self.extent.k} of {len(self.extent.places)} providers: " + "; ".join(reasons)
        )
