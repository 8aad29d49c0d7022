"""The drill itself: have the providers fail, watch, end it, see the store whole again, and report.

The faults are ordered through the log, so that every gateway has them, and with a short lease: each order
says until when it holds, and only the process that conducts the drill renews it. When that dies, whichever
way, the faults end at every gateway with the lease, by the gateway's own clock.

Where the outage takes the log with it (a forced drill), nothing can be renewed or ended through it. Such an
order holds until the next change of the faults, and never for longer than `silent_s_max`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from outlast.base.clock import Clock, unix_ms
from outlast.base.concurrency import cancel_and_wait
from outlast.base.entropy import Entropy
from outlast.base.errors import StoreUnavailable
from outlast.catalog.records import DrillFault, DrillReported, DrillSet
from outlast.maintenance.repair import repair
from outlast.outages.drill.canary import Canary, Window
from outlast.outages.drill.plan import DrillPlan
from outlast.outages.drill.promise import Deed, Promise, promise_of
from outlast.outages.drill.report import DrillReport, End, encoded, failures_told_max, requests_of
from outlast.outages.holdings import holdings
from outlast.outages.what_if import what_if
from outlast.providers.wrap.fault import Fault
from outlast.store import Store

silent_s_max = 60.0


@dataclass(frozen=True, slots=True)
class DrillPace:
    """How long everything takes, in seconds."""

    before: float = 5.0
    after: float = 5.0
    lease: float = 12.0
    """For how long an order holds: what a killed drill lasts at most. Three renewals may get lost."""
    renew: float = 3.0
    back_max: float = 60.0
    """After this, providers that are not back, and redundancy that is wanting, are reported as such."""
    canary_pause: float = 0.25
    look: float = 0.1
    """How exactly it is known when something was noticed."""


_default = DrillPace()


class Drill:
    """`run` it once. `tell` hears of each step in a few words."""

    def __init__(
        self,
        store: Store,
        plan: DrillPlan,
        clock: Clock,
        entropy: Entropy,
        pace: DrillPace = _default,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._store = store
        self._plan = plan
        self._clock = clock
        self._pace = pace
        self._tell = tell
        self._canary = Canary(store, clock, entropy, pace.canary_pause, self._failed)
        self._stop = asyncio.Event()
        self._promise = Promise("", ("read", "small write", "large write"))  # until something fails
        self._leased_until = 0.0
        self._ordered = False
        self._end: End = "finished"
        self._broken = ""
        self._failures: list[str] = []
        self._notes: list[str] = []
        self._noticed: dict[str, float | None] = dict.fromkeys(plan.providers)
        self._windows = {"before": self._canary.window, "during": Window(), "after": Window()}

    def stop(self) -> None:
        """End it now, with a report."""
        if not self._stop.is_set():
            self._end = "stopped"
            self._stop.set()

    async def run(self) -> DrillReport:
        """The whole drill; its report, which is in the catalog then. Raises `StoreUnavailable` beforehand.

        However it ends, cancelled included, the faults are ended and the canary's objects deleted.
        """
        self._tell("the canary begins to write and read")
        back_s = whole_s = None
        try:
            await self._canary.open()
            self._canary.start()
            await self._wait(self._pace.before)
            self._promise = self._promised()
            began = ended = unix_ms(self._clock)
            if not self._stop.is_set():
                await self._fail_them()
                ended = unix_ms(self._clock)
                self._tell("the faults have ended; waiting until the store is whole")
                back_s, whole_s = await self._recover()
        finally:
            await self._clear_away()
        report = self._report(began, ended, back_s, whole_s)
        try:
            await self._store.catalog.commit(_record(report))
        except StoreUnavailable as error:
            self._notes.append(f"not kept in the history: {error}")
            report = self._report(began, ended, back_s, whole_s)
        return report

    # ------------------------------------------------------------ the faults

    def _promised(self) -> Promise:
        """What what-if says of the store as it is, the canary's own objects included."""
        return promise_of(what_if(holdings(self._store.catalog.state), self._plan.outage, {}))

    async def _fail_them(self) -> None:
        watching = asyncio.ensure_future(self._watch())
        self._canary.window = self._windows["during"]
        try:
            await self._play()
        finally:
            await cancel_and_wait([watching])
            await self._end_faults()
            self._canary.window = self._windows["after"]

    async def _play(self) -> None:
        plan, begin = self._plan, self._clock.monotonic()
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
        """Have all of the providers fail like this from now on; whether that could be agreed on."""
        lease_s = self._pace.lease
        if not self._promise.log:
            lease_s = min(change_s, silent_s_max)
        until = self._clock.now() + lease_s
        self._ordered = False
        try:
            await self._commit(faults, int(1000 * until))
        except StoreUnavailable as error:
            if self._promise.log:
                self._break(f"the drill could not be renewed: {error}")
            return False
        self._leased_until, self._ordered = until, bool(faults)
        return True

    async def _commit(self, faults: tuple[Fault, ...], until_ms: int) -> None:
        told = tuple(DrillFault(fault.shape, fault.share, fault.reads, fault.writes) for fault in faults)
        shape = faults[0].shape if faults else ""
        catalog = self._store.catalog
        await asyncio.gather(
            *(
                catalog.commit(DrillSet(name, shape, until_ms if faults else 0, told))
                for name in self._plan.providers
            )
        )

    async def _end_faults(self) -> None:
        """Order it; where that cannot be agreed on, wait until the lease has run out."""
        while self._clock.now() < self._leased_until:
            try:
                await self._commit((), 0)
            except StoreUnavailable:
                await self._clock.sleep(self._pace.look)
            else:
                return

    async def _watch(self) -> None:
        """Note when each provider is known to fail, and whether somebody else ends the drill."""
        begin, fleet = self._clock.monotonic(), self._store.fleet
        while True:
            for name, noticed in self._noticed.items():
                if noticed is None and name in fleet and not fleet[name].health.available:
                    self._noticed[name] = round(self._clock.monotonic() - begin, 2)
            drilled = {one.provider for one in self._store.catalog.state.drills()}
            if self._ordered and drilled.isdisjoint(self._plan.providers):
                self._notes.append("ended by somebody else")
                self.stop()
                return
            await self._clock.sleep(self._pace.look)

    # ------------------------------------------------------------ afterwards

    async def _recover(self) -> tuple[float | None, float | None]:
        """After how many seconds all providers were well, and all redundancy was there."""
        begin = self._clock.monotonic()
        back_s = await self._seconds_until(self._all_well, begin)
        whole_s = None
        if back_s is not None:
            try:
                whole_s = await self._seconds_until(self._whole, begin)
            except StoreUnavailable as error:
                self._notes.append(f"not repaired: {error}")
        await self._clock.sleep(max(0.0, begin + self._pace.after - self._clock.monotonic()))
        return back_s, whole_s

    async def _seconds_until(self, holds: Callable[[], Awaitable[bool]], begin: float) -> float | None:
        while self._clock.monotonic() - begin < self._pace.back_max:
            if await holds():
                return round(self._clock.monotonic() - begin, 2)
            await self._clock.sleep(self._pace.look)
        return None

    async def _all_well(self) -> bool:
        fleet = self._store.fleet
        return all(fleet[name].health.available for name in self._plan.providers if name in fleet)

    async def _whole(self) -> bool:
        """Whether nothing is missing, after what was known to be missing has been repaired."""
        log = self._store.log
        if self._store.catalog.state.counts().degraded:
            await repair(self._store, verify=False, only_degraded=True)
        return not self._store.catalog.state.counts().degraded and not (log and log.behind)

    async def _clear_away(self) -> None:
        try:
            await self._canary.close()
        except StoreUnavailable as error:
            self._notes.append(f"the canary's objects were not deleted, which the next drill will: {error}")

    # ------------------------------------------------------------ what is seen

    def _failed(self, deed: Deed, wrong: bool, text: str) -> None:
        if len(self._failures) < failures_told_max:
            self._failures.append(text)
        if self._promise.breaks(deed, wrong):
            self._break(text)

    def _break(self, text: str) -> None:
        if not self._broken:
            self._broken, self._end = text, "broken"
            self._tell(f"a promise is broken: {text}")
            self._stop.set()

    async def _wait(self, seconds: float) -> None:
        """Wait, or less if it is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            pass  # nothing made it stop

    def _report(self, began: int, ended: int, back_s: float | None, whole_s: float | None) -> DrillReport:
        plan = self._plan
        return DrillReport(
            what=plan.name,
            providers=plan.providers,
            faults=tuple(
                f"{fault_text(one.fault)} for {one.end_s - one.begin_s:.0f} s" for one in plan.parts
            ),
            speed=round(plan.speed, 2),
            began=began,
            ended=ended,
            end=self._end,
            verdict=self._promise.verdict,
            promised=tuple(self._promise.deeds),
            kept=not self._broken,
            broken=self._broken,
            requests={name: requests_of(window) for name, window in self._windows.items()},
            failures=tuple(self._failures),
            noticed_s=dict(self._noticed),
            back_s=back_s,
            whole_s=whole_s,
            notes=tuple(self._notes),
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
