"""The drill itself: make the providers fail, watch, end it, wait for full recovery, and report.

The faults are set through the log, so that every gateway applies them, and with a short lease: each order
says until when it holds, and only the process that conducts the drill renews it. If that process dies, in any
way, the faults end at every gateway with the lease, by the gateway's own clock.

Where the outage takes the log with it (a forced drill), nothing can be renewed or ended through it. Such an
order holds until the next change of the faults, but never for longer than `silent_s_max`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from outlast.base.clock import Clock, unix_ms
from outlast.base.concurrency import cancel_and_wait
from outlast.base.entropy import Entropy
from outlast.base.errors import StoreUnavailable
from outlast.catalog.records import DrillFault, DrillReported, DrillSet
from outlast.maintenance.repair import repair
from outlast.outages.drill.canary import Canary, Window
from outlast.outages.drill.plan import DrillPlan
from outlast.outages.drill.promise import Deed, Expectation, Promise
from outlast.outages.drill.report import DrillReport, End, encoded, failures_kept_max, requests_of
from outlast.providers.wrap.fault import Fault
from outlast.store import Store

silent_s_max = 60.0


@dataclass(frozen=True, slots=True)
class DrillPace:
    """How long everything takes, in seconds."""

    before: float = 5.0
    after: float = 5.0
    lease: float = 12.0
    """How long an order holds, and so how long a killed drill lasts at most. Three renewals may get lost."""
    renew: float = 3.0
    back_max: float = 60.0
    """After this, providers that are not back and redundancy that is missing are reported as such."""
    settle: float = 6.0
    """How long nothing must be missing: other gateways may take 5 s to notice that a provider is back."""
    canary_pause: float = 0.25
    look: float = 0.1
    """Resolution of the times at which something was noticed."""
    look_whole: float = 0.5
    """Resolution of the time at which the store was whole again; each check sends requests to the voters."""


@dataclass(slots=True)
class _Seen:
    """Observations, for the report."""

    noticed: dict[str, float | None]
    windows: dict[str, Window]
    end: End = "finished"
    broken: str = ""
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


_default = DrillPace()


class Drill:
    """`run` it once. `tell` is called with a few words at each step."""

    def __init__(
        self,
        store: Store,
        plan: DrillPlan,
        clock: Clock,
        entropy: Entropy,
        pace: DrillPace = _default,
        tell: Callable[[str], None] = lambda text: None,
        by: str = "",
    ) -> None:
        """`by`: who ordered it, as every gateway reports it."""
        self._store = store
        self._plan = plan
        self._clock = clock
        self._pace = pace
        self._tell = tell
        self._canary = Canary(store, clock, entropy, pace.canary_pause, self._failed)
        self._stop = asyncio.Event()
        self._by = by
        self._expectation = Expectation(store, plan.outage)
        self._promised: Promise | None = None
        """What was promised when the faults began."""
        self._doubts: deque[tuple[Deed, str]] = deque()
        """Failures that may still turn out to break the promise."""
        self._ends_at = self._leased_until = 0.0
        self._ordered = False
        windows = {"before": self._canary.window, "during": Window(), "after": Window()}
        self._seen = _Seen(dict.fromkeys(plan.providers), windows)

    def stop(self) -> None:
        """End it now, with a report."""
        self._stop_as("stopped")

    async def run(self) -> DrillReport:
        """Return the report, which the catalog then has. Raises `StoreUnavailable` before the faults begin.

        However it ends, even canceled, the faults are ended and the canary's objects deleted.
        """
        self._tell("the canary begins to write and read")
        back_s = whole_s = None
        judging: asyncio.Task[None] | None = None
        try:
            await self._canary.open()
            self._canary.start()
            judging = asyncio.ensure_future(self._judge())
            await self._wait(self._pace.before)
            await self._expectation.ask()
            self._expectation.settle()
            self._promised = self._expectation.promise
            began = ended = unix_ms(self._clock)
            if not self._stop.is_set():
                await self._fail_them()
                ended = unix_ms(self._clock)
                self._tell("the faults have ended; waiting for the store to recover fully")
                back_s, whole_s = await self._recover()
            await self._settle_doubts()
        finally:
            if judging is not None:
                await cancel_and_wait([judging])
            await self._clear_away()
        report = self._report(began, ended, back_s, whole_s)
        try:
            await self._store.catalog.commit(_record(report))
        except StoreUnavailable as error:
            self._seen.notes.append(f"not kept in the history: {error}")
            report = self._report(began, ended, back_s, whole_s)
        return report

    # ------------------------------------------------------------ the faults

    async def _fail_them(self) -> None:
        watching = asyncio.ensure_future(self._watch())
        self._canary.window = self._seen.windows["during"]
        try:
            await self._play()
        finally:
            await cancel_and_wait([watching])
            await self._end_faults()
            self._canary.window = self._seen.windows["after"]

    async def _play(self) -> None:
        plan, begin = self._plan, self._clock.monotonic()
        self._ends_at = self._clock.now() + plan.duration_s
        ordered: tuple[Fault, ...] = ()
        renew_at = 0.0
        while (at := self._clock.monotonic() - begin) < plan.duration_s and not self._stop.is_set():
            faults, change = plan.faults_at(at), plan.next_change_s(at)
            if faults != ordered or (faults and at >= renew_at):
                if faults != ordered:
                    self._tell(f"at {at:.0f} s: {', '.join(map(fault_text, faults)) or 'no fault'}")
                if await self._order(faults, change - at):
                    ordered, renew_at = faults, at + self._pace.renew
            next_at = min(change, renew_at) if ordered else change
            await self._wait(max(self._pace.look, next_at - (self._clock.monotonic() - begin)))

    async def _order(self, faults: tuple[Fault, ...], change_s: float) -> bool:
        """Make all of the providers fail like this from now on; return whether the log accepted it."""
        lease_s, goes_on = self._pace.lease, self._expectation.promise.log
        if not goes_on:
            lease_s = min(change_s, silent_s_max)
        until = self._clock.now() + lease_s
        self._ordered = False
        try:
            await self._commit(faults, int(1000 * until))
        except StoreUnavailable as error:
            if goes_on:
                self._doubts.append(("small write", f"the drill could not be renewed: {error}"))
            return False
        self._leased_until, self._ordered = until, bool(faults)
        return True

    async def _commit(self, faults: tuple[Fault, ...], until_ms: int) -> None:
        records = tuple(DrillFault(fault.shape, fault.share, fault.reads, fault.writes) for fault in faults)
        shape = faults[0].shape if faults else ""
        until_ms, end_ms = (until_ms, int(1000 * self._ends_at)) if faults else (0, 0)
        orders = (
            DrillSet(name, shape, until_ms, records, end_ms, self._by if faults else "")
            for name in self._plan.providers
        )
        await asyncio.gather(*map(self._store.catalog.commit, orders))

    async def _end_faults(self) -> None:
        """Order it; if the log does not accept the order, wait until the lease has expired."""
        while self._clock.now() < self._leased_until:
            try:
                await self._commit((), 0)
            except StoreUnavailable:
                await self._clock.sleep(self._pace.look)
            else:
                return

    async def _watch(self) -> None:
        """Note when each provider is detected as failing, and whether another process ends the drill."""
        begin, fleet = self._clock.monotonic(), self._store.fleet
        while True:
            for name, noticed in self._seen.noticed.items():
                if noticed is None and name in fleet and not fleet[name].health.available:
                    self._seen.noticed[name] = round(self._clock.monotonic() - begin, 2)
            drilled = {one.provider for one in self._store.catalog.state.drills()}
            if self._ordered and drilled.isdisjoint(self._plan.providers):
                self._seen.notes.append("ended by another process")
                self.stop()
                return
            await self._clock.sleep(self._pace.look)

    # ------------------------------------------------------------ afterwards

    async def _recover(self) -> tuple[float | None, float | None]:
        """Seconds until all providers were healthy, and until all redundancy was restored."""
        begin = self._clock.monotonic()
        back_s = await self._seconds_until_well(begin)
        whole_s = None if back_s is None else await self._seconds_until_whole(begin)
        await self._clock.sleep(max(0.0, begin + self._pace.after - self._clock.monotonic()))
        return back_s, whole_s

    async def _seconds_until_well(self, begin: float) -> float | None:
        fleet = self._store.fleet
        while self._clock.monotonic() - begin < self._pace.back_max:
            if all(fleet[name].health.available for name in self._plan.providers if name in fleet):
                return round(self._clock.monotonic() - begin, 2)
            await self._clock.sleep(self._pace.look)
        return None

    async def _seconds_until_whole(self, begin: float) -> float | None:
        """Seconds until nothing was missing and that lasted: writes that began earlier may end later."""
        since, failure = None, ""
        while (at := self._clock.monotonic() - begin) < self._pace.back_max + self._pace.settle:
            try:
                whole = await self._is_whole(begin)
            except StoreUnavailable as error:
                whole, failure = False, f"not repaired: {error}"
            if not whole:
                since = None
            elif since is None:
                since = self._clock.monotonic() - begin
            elif at - since >= self._pace.settle:
                return round(since, 2)
            await self._clock.sleep(self._pace.look_whole)
        if failure:
            self._seen.notes.append(failure)
        return None

    async def _is_whole(self, begin: float) -> bool:
        """Return whether nothing is missing; repair what is known to be missing.

        `begin`: requests that began before must have ended, or they may still leave something missing.
        """
        catalog, log = self._store.catalog, self._store.log
        await catalog.sync()
        if catalog.state.counts().degraded:
            await repair(self._store, verify=False, only_degraded=True)
            return False  # until a check finds nothing
        behind = log is not None and bool(log.behind)
        return not behind and not self._canary.busy_since(begin)

    async def _clear_away(self) -> None:
        try:
            await self._canary.close()
        except StoreUnavailable as error:
            self._seen.notes.append(f"the canary's objects were left to the next drill: {error}")

    # ------------------------------------------------------------ observation

    def _failed(self, deed: Deed, wrong: bool, text: str) -> None:
        if len(self._seen.failures) < failures_kept_max:
            self._seen.failures.append(text)
        if wrong:
            self._break(text)
        elif self._expectation.promise.breaks(deed, wrong):
            self._doubts.append((deed, text))

    async def _judge(self) -> None:
        """Until canceled, follow which other providers are away, and judge failures by the promise."""
        while True:
            if self._expectation.look():
                self._adjust()
            await self._settle_doubts()
            await self._clock.sleep(self._pace.look)

    async def _settle_doubts(self) -> None:
        while self._doubts:
            deed, text = self._doubts[0]
            if await self._expectation.ask():
                self._adjust()
            if self._expectation.promise.breaks(deed, False):
                self._break(text)
            if self._doubts and self._doubts[0] == (deed, text):
                self._doubts.popleft()

    def _adjust(self) -> None:
        """Other providers failed or returned. A promise that no longer holds is not what the drill tests."""
        promise, away = self._expectation.promise, self._expectation.away
        who = " and ".join(f"{name} is {state}" for name, state in sorted(away.items()))
        text = f"{who or 'no other provider is away any more'}: promised is now {promise.verdict}"
        self._seen.notes.append(text)
        self._tell(text)
        if self._promised is not None and not set(self._promised.deeds) <= set(promise.deeds):
            self._stop_as("overtaken")

    def _break(self, text: str) -> None:
        if not self._seen.broken:
            self._seen.broken = text
            self._tell(f"a promise is broken: {text}")
            self._stop_as("broken")

    def _stop_as(self, end: End) -> None:
        if not self._stop.is_set():
            self._seen.end = end
            self._stop.set()

    async def _wait(self, seconds: float) -> None:
        """Wait, or return early if the drill is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            pass  # no request to stop came

    def _report(self, began: int, ended: int, back_s: float | None, whole_s: float | None) -> DrillReport:
        plan, seen = self._plan, self._seen
        promised = self._promised or self._expectation.promise
        return DrillReport(
            what=plan.name,
            providers=plan.providers,
            faults=tuple(
                f"{fault_text(one.fault)} for {one.end_s - one.begin_s:.0f} s" for one in plan.parts
            ),
            speed=round(plan.speed, 2),
            began=began,
            ended=ended,
            end="broken" if seen.broken else seen.end,
            verdict=promised.verdict,
            promised=tuple(promised.deeds),
            kept=not seen.broken,
            broken=seen.broken,
            requests={name: requests_of(window) for name, window in seen.windows.items()},
            failures=tuple(seen.failures),
            noticed_s=dict(seen.noticed),
            back_s=back_s,
            whole_s=whole_s,
            notes=tuple(seen.notes),
        )


def fault_text(fault: Fault) -> str:
    """A fault in words: `err of 20 % of writes`."""
    whom = "" if fault.reads and fault.writes else " of reads" if fault.reads else " of writes"
    share = "" if fault.share >= 1 else f" of {100 * fault.share:.3g} %"
    return f"{fault.shape}{share}{whom}"


def _record(report: DrillReport) -> DrillReported:
    return DrillReported(
        report.what, report.providers, report.began, report.ended, report.kept, encoded(report)
    )
