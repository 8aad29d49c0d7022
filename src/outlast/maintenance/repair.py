"""Repair: give every provider back what it lost, as far as the others have it.

First the providers themselves: those that lost their marker are reattached (`reattach`), and voters get
the slots that they lack. Then the extents, several at a time, each checked and restored (`store.restore`).

While a provider is reattached, gateways continue to write, and what they write before they learn of it lacks
a fragment as well. So what is degraded at the end is checked again, as long as it can be restored. If
anything was missing, repair ends only after nothing has been missing for as long as a gateway may take to
notice that a provider is back: once it has succeeded, the next provider may be lost.

It can be stopped anywhere and restarted: every step leaves the store as good as before or better, and what
has been restored is found right the next time. Memory is bounded by `extents_at_once` extents with parity.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import ConfigError, ProviderError, QuorumError, StoreCorrupt
from outlast.base.marks import reached
from outlast.catalog.records import Extent
from outlast.maintenance.reattach import reattach
from outlast.store import Store
from outlast.store.restore import Finding

# Enough to keep providers and CPU busy at once; 4 extents with parity are about 100 MiB.
extents_at_once = 4
page_extents = 100
# How often what is degraded is checked again; more would only chase a provider that fails. Each pass begins a
# moment after the previous one: gateways restore as well.
further_looks_max = 10
look_pause_s = 0.5
# A guard probes a provider that is down at least every 5 s.
noticed_s_max = 6.0


@dataclass(slots=True)
class RepairReport:
    """What was found and done so far."""

    extents: int = 0
    """Checked."""
    total: int = 0
    """To check, as counted at the beginning."""
    fragments: int = 0
    """Checked, including those out of reach."""
    missing: int = 0
    bad: int = 0
    restored: int = 0
    unreachable: int = 0
    """Fragments whose provider could not be reached, or did not take what was rebuilt."""
    unreadable: int = 0
    """Extents of which too few fragments are left: their data is lost."""
    bytes: int = 0
    """Written in fragments."""
    degraded: int = 0
    """Extents that still lack a fragment at the end."""
    slots: int = 0
    """Slots of the log given back to voters."""
    reattached: list[str] = field(default_factory=list)
    """Providers reattached."""
    problems: list[str] = field(default_factory=list)
    """What a person has to check."""


Progress = Callable[[RepairReport], None]


async def repair(
    store: Store,
    verify: bool = True,
    only_degraded: bool = False,
    progress: Progress | None = None,
) -> RepairReport:
    """Repair the store. Raises `StoreUnavailable` if the log is unavailable.

    `verify`: read every fragment and every voter's log in full, instead of checking sizes and markers.
    `only_degraded`: check only extents that the catalog lists as lacking something.
    `progress` is called with the report, which is always the same one, after each step.
    """
    work = _Repair(store, verify, progress or (lambda report: None))
    await store.catalog.sync()
    lacking = bool(store.catalog.state.counts().degraded)
    for name in store.fleet.names:
        await work.repair_provider(name)
    await work.repair_extents(only_degraded)
    lacking = lacking or bool(work.report.restored or work.report.reattached)
    looks, whole_since = 0, store.clock.monotonic()
    while True:
        await store.catalog.sync()
        if work.can_go_on():
            if looks == further_looks_max:
                break
            looks += 1
            await work.repair_again()
            whole_since = store.clock.monotonic()
        elif not lacking or store.clock.monotonic() - whole_since >= noticed_s_max:
            break
        await store.clock.sleep(look_pause_s)
    work.report.degraded = store.catalog.state.counts().degraded
    return work.report


class _Repair:
    """One run. An extent whose data is lost is reported once, however often it is checked."""

    def __init__(self, store: Store, verify: bool, progress: Progress) -> None:
        self.report = RepairReport()
        self._store = store
        self._verify = verify
        self._progress = progress
        self._further = False
        self._lost: set[bytes] = set()

    # ------------------------------------------------------------ providers

    async def repair_provider(self, name: str) -> None:
        """Reattach a provider that lost its marker, and give a voter the slots that it lacks."""
        try:
            await self._repair_provider(name)
        except (ConfigError, ProviderError, QuorumError) as error:
            self.report.problems.append(str(error))
        self._progress(self.report)

    async def _repair_provider(self, name: str) -> None:
        store, report = self._store, self.report
        guard = store.fleet[name]
        failure = await guard.check()
        if failure is not None:
            report.problems.append(str(failure))
        elif guard.health.state == "estranged":
            reached("repair: a provider is taken back")
            report.slots += await reattach(store, name)
            report.reattached.append(name)
        elif self._verify and guard.health.available and name in store.catalog.state.voters():
            assert store.log is not None, "upkeep needs the log"
            report.slots += await store.log.refill(name)

    # ------------------------------------------------------------ extents

    def can_go_on(self) -> bool:
        """Whether an extent is degraded that could be restored now and is not lost."""
        state, wanted = self._store.catalog.state, self._store.restorer.can_restore
        found = state.degraded_extents(limit=len(self._lost) + 1, wanted=wanted)
        return any(extent.id not in self._lost for extent in found)

    async def repair_extents(self, only_degraded: bool) -> None:
        """Check the extents, several at a time, and restore what is wrong."""
        counts = self._store.catalog.state.counts()
        if not self._further:
            self.report.total = counts.degraded if only_degraded else counts.extents
        at_work: set[asyncio.Task[None]] = set()
        try:
            async for extent in self._extents(only_degraded):
                if len(at_work) >= extents_at_once:
                    done, at_work = await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
                    _raise_first(done)
                at_work.add(asyncio.ensure_future(self._repair_extent(extent)))
            while at_work:
                done, at_work = await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
                _raise_first(done)
        finally:
            await cancel_and_wait(tuple(at_work))

    async def repair_again(self) -> None:
        """Check what is degraded once more. What is found has been counted, or was written meanwhile."""
        self._further = True
        await self.repair_extents(only_degraded=True)

    async def _extents(self, only_degraded: bool) -> AsyncIterator[Extent]:
        """Yield the extents in the order of their ids, looked up page by page."""
        state = self._store.catalog.state
        look = state.degraded_extents if only_degraded else state.extents
        after = b""
        while page := look(after, page_extents):
            for extent in page:
                now = state.extent(extent.id)  # a page is minutes old by its end
                if now is not None and extent.id not in self._lost:
                    yield now
            after = page[-1].id

    async def _repair_extent(self, extent: Extent) -> None:
        try:
            found = await self._store.restorer.restore(extent, self._verify and not self._further)
        except StoreCorrupt as error:
            self._note_lost(extent, str(error))
        else:
            self._count(extent, found)
            if not found.readable:
                self._note_lost(extent, f"extent {extent.id.hex()}: too few fragments are left")
        self._progress(self.report)

    def _count(self, extent: Extent, found: Finding) -> None:
        report = self.report
        if not self._further:
            report.extents += 1
            report.fragments += len(extent.places)
            report.missing += len(found.missing)
            report.bad += len(found.bad)
            report.unreachable += len(found.unreachable - found.restored)
        report.restored += len(found.restored)
        report.bytes += found.bytes

    def _note_lost(self, extent: Extent, problem: str) -> None:
        self._lost.add(extent.id)
        self.report.unreadable += 1
        self.report.problems.append(problem)


def _raise_first(done: set[asyncio.Task[None]]) -> None:
    for task in done:
        task.result()
