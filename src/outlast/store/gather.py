"""Any k of an extent's fragments, from the providers that answer first.

The k providers expected to be fastest get a request each. One that fails, or is found to be down meanwhile,
is replaced by another at once. When one is later than usual, another gets a request as well (a hedge), and
the first k answers win. Hedges are paid from a budget that all readers share (`Hedges`), but no read waits
for more than twice a provider's usual time while another provider is on time: then the hedge is on credit.
A damaged fragment is discarded, noted, and replaced like a failure. When no provider is left to try, the
failed ones are retried as long as that may help (`Fleet.wait_available`).

Invariant: `decoded` returns what was written, or raises. Nothing that it started keeps running after `close`.
"""

import asyncio
import math
from collections.abc import Collection, Sequence
from enum import Enum, auto

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
from outlast.base.trace import event
from outlast.catalog.records import Extent
from outlast.coding.extent import ExtentDecoder, fragment_key
from outlast.providers.protocol import Buffer
from outlast.store.fleet import Fleet
from outlast.store.hedge import Hedges
from outlast.store.notes import Notes

# No read is tried for longer than this, measured up to the start of the last round; as for writes.
rounds_s_max = 10.0
round_pause_s = 0.1
# A late request is hedged only with a provider that is expected to answer within this many times what the
# late one has taken: one that is ten times as far away does not help yet.
hedge_reach = 4.0
# A read that has waited this many times a provider's usual time (its 95th percentile) is hedged on credit.
credit_factor = 2.0
# A late request is checked again after as long again, and at least this often.
look_s_max = 0.25


class ReadStage(Enum):
    """The state of a fragment in one gathering."""

    UNTRIED = auto()
    ASKED = auto()
    """Requested from its provider, which has not answered."""
    LATE = auto()
    """The same, and another one was requested in its place. Whichever comes first is used."""
    HERE = auto()
    FAILED = auto()
    """Its provider could not return it; that may be temporary."""
    USELESS = auto()
    """Absent or damaged: another request would return the same."""


class FragmentRead:
    """One fragment of the extent: where it is, and its state in this gathering."""

    __slots__ = ("asked_at", "hedges", "index", "late_at", "part", "place", "reason", "stage", "task", "won")

    def __init__(self, index: int, place: str) -> None:
        self.index = index
        self.place = place
        self.stage = ReadStage.UNTRIED
        self.task: asyncio.Task[Buffer] | None = None
        self.asked_at = 0.0
        self.late_at = math.inf
        """When to check it again if it has not been answered by then."""
        self.hedges: FragmentRead | None = None
        """The late fragment that this one hedges."""
        self.won = False
        """Whether it came before the one that it hedges."""
        self.part: Buffer = b""
        self.reason = ""
        """Why it is not here, once known."""

    def ask(self, task: "asyncio.Task[Buffer]", now: float, late_s: float) -> None:
        """Note that `task` requests it."""
        self.stage, self.task, self.asked_at, self.late_at = ReadStage.ASKED, task, now, now + late_s

    def arrive(self, part: Buffer) -> None:
        """Note that it is here."""
        self.stage, self.part = ReadStage.HERE, part
        self.won = self.hedges is not None and self.hedges.stage is not ReadStage.HERE

    def end(self, stage: ReadStage, reason: str) -> None:
        """Note that it cannot be had: `FAILED` or `USELESS`."""
        self.stage, self.part, self.reason = stage, b"", reason


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
        self._fragments = [FragmentRead(index, place) for index, place in enumerate(extent.places)]

    async def decoded(self) -> list[bytes]:
        """Return the plaintext of the stripes. Raises `StoreUnavailable`, `StoreCorrupt`."""
        count = self._extent.k
        while True:
            await self._have(count)
            here = self._in(ReadStage.HERE)
            try:
                return self._decoder.decode(self._stripes, {one.index: one.part for one in here})
            except BadShares as error:
                self._leave_out(error.bad)
            except Tampered as error:
                if len(here) == len(self._fragments):
                    raise StoreCorrupt(f"extent {self._extent.id.hex()}: {error}") from error
                count = len(here) + 1  # one more fragment shows which of these was forged

    async def close(self) -> None:
        """Cancel the requests in flight."""
        await self._give_up(self._pending())
        for one in self._fragments:
            if one.hedges is not None:
                self._hedges.ended(one.won)

    def _in(self, *stages: ReadStage) -> list[FragmentRead]:
        return [one for one in self._fragments if one.stage in stages]

    def _pending(self) -> list[FragmentRead]:
        return self._in(ReadStage.ASKED, ReadStage.LATE)

    async def _give_up(self, pending: Sequence[FragmentRead]) -> None:
        await cancel_and_wait([one.task for one in pending if one.task is not None])

    # ------------------------------------------------------------ requesting

    async def _have(self, count: int) -> None:
        """Return when `count` parts are here."""
        while (lacking := count - len(self._in(ReadStage.HERE))) > 0:
            for _ in range(lacking - len(self._in(ReadStage.ASKED))):
                if (best := self._best()) is not None:
                    self._ask(best)
                    self._hedges.earn()
            pending = self._pending()
            if any(one.stage is ReadStage.ASKED or self._fleet.available(one.place) for one in pending):
                await self._wait(pending)
            else:
                await self._wait_for_retry(lacking)

    def _best(self) -> FragmentRead | None:
        """The best fragment that is not requested yet and may be; None if there is none."""
        untried = [one for one in self._in(ReadStage.UNTRIED) if self._fleet.available(one.place)]
        return min(untried, key=self._rank, default=None)

    def _ask(self, one: FragmentRead) -> None:
        task = asyncio.ensure_future(self._get(one))
        one.ask(task, self._clock.monotonic(), self._late_s(one))
        event("store: a fragment is read", extent=self._extent.id, index=one.index, at=one.place)

    def _rank(self, one: FragmentRead) -> tuple[bool, bool, int, float, int]:
        """Rank first those known to be there, at providers within their monthly quota; then the fastest.

        Providers within half an octave count as equally fast: among these, those that were not late come
        first, and then the fragments that need no decoding.
        """
        missing = bool(self._extent.missing >> one.index & 1)
        spent = one.place in self._fleet.spent
        return (
            missing,
            spent,
            round(2 * math.log2(self._expected_s(one))),
            self._fleet.late_until(one.place),
            one.index,
        )

    def _expected_s(self, one: FragmentRead) -> float:
        """How long its answer is expected to take: for a silent provider, as long again as it was silent."""
        usual_s = self._fleet[one.place].health.durations.expected_s("get", self._size)
        return max(1e-6, usual_s, self._fleet.silent_s(one.place))

    def _late_s(self, one: FragmentRead) -> float:
        return self._fleet[one.place].health.durations.late_s("get", self._size)

    async def _get(self, one: FragmentRead) -> Buffer:
        return await self._fleet[one.place].get(fragment_key(self._extent.id, one.index), self._span)

    async def _wait(self, pending: Sequence[FragmentRead]) -> None:
        """Wait for an answer, or until a late request is due for a check."""
        tasks = {one.task: one for one in pending if one.task is not None}
        soonest = min(one.late_at for one in pending)
        timeout = max(0.0, soonest - self._clock.monotonic())
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        # A late request is older than its hedge, and is checked before it.
        for task, one in sorted(tasks.items(), key=lambda each: each[1].asked_at):
            if task.done():
                self._take(one, task)
        now = self._clock.monotonic()
        for one in self._pending():
            if one.late_at <= now:
                one.late_at = now + min(now - one.asked_at, look_s_max)
                if one.stage is ReadStage.ASKED:
                    self._hedge(one, now - one.asked_at)

    def _hedge(self, late: FragmentRead, silent_s: float) -> None:
        """Send a hedged request, if that helps and the budget allows it."""
        self._fleet.was_late(late.place, silent_s)
        if not self._fleet.available(late.place):
            late.stage = ReadStage.LATE  # it has failed, except for its deadline: `_have` replaces it
            return
        best = self._best()
        if best is None or self._expected_s(best) > hedge_reach * silent_s:
            return
        patient = silent_s >= credit_factor * self._late_s(late)
        if self._hedges.spend(on_credit=patient and not self._fleet.late_until(best.place)):
            reached("gather: hedged")
            event("store: a read is hedged", extent=self._extent.id, late=late.place, silent_s=silent_s)
            late.stage = ReadStage.LATE
            self._ask(best)
            best.hedges = late

    def _take(self, one: FragmentRead, task: "asyncio.Task[Buffer]") -> None:
        try:
            part = task.result()
        except NotFound:
            reached("gather: a fragment was absent")
            event("store: a fragment is absent", extent=self._extent.id, index=one.index, at=one.place)
            self._fleet.answered(one.place)
            self._notes.lost(self._extent, one.index)
            one.end(ReadStage.USELESS, "absent")
        except ProviderError as error:
            event("store: a read failed", extent=self._extent.id, index=one.index, error=error)
            one.end(ReadStage.FAILED, str(error))
        else:
            self._fleet.answered(one.place)
            one.arrive(part)

    def _leave_out(self, bad: Collection[int]) -> None:
        for one in self._fragments:
            if one.index in bad:
                reached("gather: a fragment was damaged")
                event("store: a fragment is damaged", extent=self._extent.id, index=one.index, at=one.place)
                one.end(ReadStage.USELESS, "damaged")
                self._notes.lost(self._extent, one.index)
                self._fleet[one.place].health.report_corrupt()

    # ------------------------------------------------------------ when no provider is left

    async def _wait_for_retry(self, lacking: int) -> None:
        """Wait until enough of the failed ones can be tried again. Raises if that does not help."""
        reached("gather: no provider was left to try")
        hanging = self._in(ReadStage.LATE)
        await self._give_up(hanging)
        for one in hanging:
            one.end(ReadStage.FAILED, "no answer, and it is down")
        wanting = [one.place for one in self._in(ReadStage.UNTRIED, ReadStage.FAILED)]
        if not wanting:
            raise StoreCorrupt(self._reasons())
        if self._clock.monotonic() - self._began > rounds_s_max:
            raise StoreUnavailable(self._reasons())
        await self._clock.sleep(round_pause_s)
        if not await self._fleet.wait_available(wanting, lacking):
            raise StoreUnavailable(self._reasons())
        for one in self._in(ReadStage.FAILED):
            one.stage, one.reason = ReadStage.UNTRIED, ""

    def _reasons(self) -> str:
        """List the providers that did not return their fragment, and why."""
        absent = [one for one in self._fragments if one.stage is not ReadStage.HERE]
        reasons = "; ".join(f"{one.place}: {one.reason or 'down'}" for one in absent)
        have, want = len(self._fragments) - len(absent), self._extent.k
        return f"extent {self._extent.id.hex()}: {have} of the {want} fragments needed; {reasons}"
