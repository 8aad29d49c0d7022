"""Any k of an extent's fragments, from whoever answers first.

The way: the k providers expected to be fastest are asked. One that fails is replaced by another at once.
When one is later than it usually is, another is asked as well (within the hedges' budget) and the first k
answers win. What turns out to be damaged is left out, noted, and replaced like a failure. When nobody is
left to be asked, those that failed are tried again as long as that may help (`Fleet.wait_available`).

Invariant: `decoded` returns what was written, or raises. Nothing that it started runs on after `close`.
"""

import asyncio
import math
from collections.abc import Iterable

from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import (
    BadShares,
    NotFound,
    ProviderError,
    StoreCorrupt,
    StoreUnavailable,
    Tampered,
)
from outlast.base.marks import reached
from outlast.catalog.records import Extent
from outlast.coding.extent import ExtentDecoder, fragment_key
from outlast.providers.protocol import Buffer
from outlast.store.fleet import Fleet
from outlast.store.hedge import Hedges
from outlast.store.notes import Notes

# No read is tried for longer than this, counted until the last round begins; as for writes.
rounds_s_max = 10.0
round_pause_s = 0.1
# Another is asked because one is late only when it may be expected to answer within so many times what the
# late one has taken: one that is ten times as far away does not help yet.
hedge_reach = 4.0


class Gathering:
    """The fragments of one window of one extent. See the module's docstring."""

    def __init__(
        self,
        extent: Extent,
        decoder: ExtentDecoder,
        stripes: range,
        fleet: Fleet,
        hedges: Hedges,
        notes: Notes,
        clock: Clock,
    ) -> None:
        self._extent = extent
        self._decoder = decoder
        self._stripes = stripes
        self._span = decoder.fragment_span(stripes)
        self._size = self._span[1] - self._span[0]
        self._fleet = fleet
        self._hedges = hedges
        self._notes = notes
        self._clock = clock
        self._began = clock.monotonic()
        self._parts: dict[int, Buffer] = {}
        self._asked: dict[int, asyncio.Task[Buffer]] = {}
        self._late_at: dict[int, float] = {}
        self._hedged: list[tuple[int, int]] = []  # (the fragment asked for, the one that was late)
        self._came: list[int] = []  # in the order in which they came
        self._asked_at: dict[int, float] = {}
        self._failed: dict[int, ProviderError] = {}
        self._useless: dict[int, str] = {}  # absent or damaged: asking again gives the same

    async def decoded(self) -> list[bytes]:
        """The plaintext of the stripes. Raises `StoreUnavailable`, `StoreCorrupt`."""
        count = self._extent.k
        while True:
            await self._have(count)
            try:
                return self._decoder.decode(self._stripes, self._parts)
            except BadShares as error:
                self._leave_out(sorted(error.bad))
            except Tampered as error:
                if len(self._parts) == len(self._extent.places):
                    raise StoreCorrupt(f"extent {self._extent.id.hex()}: {error}") from error
                count = len(self._parts) + 1  # one more fragment shows which of these was forged

    async def close(self) -> None:
        """Give up what is still asked for."""
        await cancel_and_wait(tuple(self._asked.values()))
        for hedge, late in self._hedged:
            self._hedges.ended(hedge in self._came and late not in self._came[: self._came.index(hedge)])

    # ------------------------------------------------------------ asking

    async def _have(self, count: int) -> None:
        """Return when `count` parts are here."""
        while len(self._parts) < count:
            for _ in range(count - len(self._parts) - len(self._asked)):
                if self._ask_next() is not None:
                    self._hedges.earn()
            if self._asked:
                await self._wait()
            else:
                await self._hope(count)

    def _ask_next(self) -> int | None:
        """Ask the best of those that have not been asked; which it is. None if there is none."""
        index = min(self._candidates(), key=self._rank, default=None)
        if index is None:
            return None
        place = self._extent.places[index]
        self._asked[index] = asyncio.ensure_future(self._get(index, place))
        self._asked_at[index] = self._clock.monotonic()
        self._late_at[index] = self._asked_at[index] + self._late_s(index)
        return index

    def _candidates(self) -> Iterable[int]:
        for index, place in enumerate(self._extent.places):
            tried = any(index in those for those in (self._parts, self._asked, self._failed, self._useless))
            if not tried and self._fleet.available(place):
                yield index

    def _rank(self, index: int) -> tuple[bool, bool, int, float, int]:
        """First what is known to be there, of providers whose month is not used up; then the fastest.

        Who is late is as slow as it is silent.

        Providers within half an octave count as equally fast: then those that were not late, and then the
        fragments that need no decoding, win.
        """
        place = self._extent.places[index]
        missing = bool(self._extent.missing >> index & 1)
        expected = max(1e-6, self._expected_s(index), self._fleet.silent_s(place))
        spent = place in self._fleet.spent
        return missing, spent, round(2 * math.log2(expected)), self._fleet.late_until(place), index

    def _expected_s(self, index: int) -> float:
        return self._fleet[self._extent.places[index]].health.expected_s("get", self._size)

    def _late_s(self, index: int) -> float:
        return self._fleet[self._extent.places[index]].health.late_s("get", self._size)

    async def _get(self, index: int, place: str) -> Buffer:
        return await self._fleet[place].get(fragment_key(self._extent.id, index), self._span)

    async def _wait(self) -> None:
        """Until somebody answers; when somebody is late instead, hedge."""
        soonest = min(self._late_at[index] for index in self._asked)
        timeout = None if soonest == math.inf else max(0.0, soonest - self._clock.monotonic())
        await asyncio.wait(self._asked.values(), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for index in [index for index, task in self._asked.items() if task.done()]:
            self._take(index, self._asked.pop(index))
        now = self._clock.monotonic()
        for index in [index for index in self._asked if self._late_at[index] <= now]:
            self._hedge(index, now)

    def _hedge(self, index: int, now: float) -> None:
        """Ask somebody else too; if that is not possible now, look again after as long a wait."""
        silent_s = now - self._asked_at[index]
        self._fleet.was_late(self._extent.places[index], silent_s)
        best = min(self._candidates(), key=self._rank, default=None)
        helps = best is not None and self._expected_s(best) <= hedge_reach * silent_s
        if helps and self._hedges.spend():
            reached("gather: hedged")
            hedge = self._ask_next()
            assert hedge is not None, "there was somebody in this same turn"
            self._hedged.append((hedge, index))
            self._late_at[index] = math.inf
        else:
            self._late_at[index] = now + self._late_s(index)

    def _take(self, index: int, task: "asyncio.Task[Buffer]") -> None:
        try:
            part = task.result()
        except NotFound:
            reached("gather: a fragment was absent")
            self._notes.lost(self._extent, index)
            self._useless[index] = "absent"
        except ProviderError as error:
            self._failed[index] = error
        else:
            self._fleet.answered(self._extent.places[index])
            self._parts[index] = part
            self._came.append(index)

    def _leave_out(self, bad: Iterable[int]) -> None:
        reached("gather: a fragment was damaged")
        for index in bad:
            del self._parts[index]
            self._useless[index] = "damaged"
            self._notes.lost(self._extent, index)
            self._fleet[self._extent.places[index]].health.report_corrupt()

    # ------------------------------------------------------------ when nobody is left

    async def _hope(self, count: int) -> None:
        """Wait until enough of those that failed can be asked again. Raises if that is of no use."""
        wanting = [
            place
            for index, place in enumerate(self._extent.places)
            if index not in self._parts and index not in self._useless
        ]
        if not wanting:
            raise StoreCorrupt(self._complaint())
        if self._clock.monotonic() - self._began > rounds_s_max:
            raise StoreUnavailable(self._complaint())
        reached("gather: nobody was left to be asked")
        await self._clock.sleep(round_pause_s)
        if not await self._fleet.wait_available(wanting, count - len(self._parts)):
            raise StoreUnavailable(self._complaint())
        self._failed.clear()

    def _complaint(self) -> str:
        """Who did not give what."""
        reasons = [
            self._useless.get(index) or str(self._failed.get(index, "down"))
            for index in range(len(self._extent.places))
            if index not in self._parts
        ]
        places = [place for index, place in enumerate(self._extent.places) if index not in self._parts]
        told = "; ".join(f"{place}: {reason}" for place, reason in zip(places, reasons, strict=True))
        have, want = len(self._parts), self._extent.k
        return f"extent {self._extent.id.hex()}: {have} of the {want} fragments needed; {told}"
