"""Repair: give every provider back what it lost, as far as the others have it.

First the providers themselves: those that lost their marker are taken back (`reattach`), and voters get
the slots that they lack. Then the extents, several at a time, each looked at and restored (`store.restore`).

It can be stopped anywhere and begun again: every step leaves the store as good as before or better, and what
has been mended is found right the next time. Memory is bounded: `extents_at_once` extents with their parity.
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


@dataclass(slots=True)
class RepairReport:
    """What was found and done so far."""

    extents: int = 0
    """Looked at."""
    total: int = 0
    """To look at, as counted in the beginning."""
    fragments: int = 0
    """Looked at, those out of reach included."""
    missing: int = 0
    bad: int = 0
    restored: int = 0
    unreachable: int = 0
    """Fragments whose provider could not be asked, or did not take what was made anew."""
    unreadable: int = 0
    """Extents of which too few fragments are left: their data is lost."""
    bytes: int = 0
    """Written in fragments."""
    slots: int = 0
    """Slots of the log given back to voters."""
    reattached: list[str] = field(default_factory=list)
    """Providers taken back."""
    problems: list[str] = field(default_factory=list)
    """What a person has to look at."""


Progress = Callable[[RepairReport], None]


async def repair(
    store: Store,
    verify: bool = True,
    only_degraded: bool = False,
    progress: Progress | None = None,
) -> RepairReport:
    """Repair the store. Raises `StoreUnavailable` if the log is away.

    `verify`: read every fragment and every voter's log whole, instead of looking at sizes and markers.
    `only_degraded`: look only at extents of which the catalog knows that something is missing.
    `progress` is called with the report, which is always the same one, after each step.
    """
    report = RepairReport()
    told = progress or (lambda report: None)
    await store.catalog.sync()
    counts = store.catalog.state.counts()
    report.total = counts.degraded if only_degraded else counts.extents
    for name in store.fleet.names:
        await _repair_provider(store, name, verify, report)
        told(report)
    await _repair_extents(store, verify, only_degraded, report, told)
    return report


async def _repair_provider(store: Store, name: str, verify: bool, report: RepairReport) -> None:
    guard = store.fleet[name]
    try:
        failure = await guard.check()
        if failure is not None:
            report.problems.append(str(failure))
        elif guard.health.state == "estranged":
            reached("repair: a provider is taken back")
            report.slots += await reattach(store, name)
            report.reattached.append(name)
        elif verify and guard.health.available and name in store.catalog.state.voters():
            assert store.log is not None, "upkeep needs the log"
            report.slots += await store.log.refill(name)
    except (ConfigError, ProviderError, QuorumError) as error:
        report.problems.append(str(error))


async def _repair_extents(
    store: Store, verify: bool, only_degraded: bool, report: RepairReport, told: Progress
) -> None:
    at_work: set[asyncio.Task[None]] = set()

    async def one(extent: Extent) -> None:
        try:
            _count(report, extent, await store.restorer.restore(extent, verify))
        except StoreCorrupt as error:
            report.unreadable += 1
            report.problems.append(str(error))
        told(report)

    try:
        async for extent in _extents(store, only_degraded):
            if len(at_work) >= extents_at_once:
                done, at_work = await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
                _raise_first(done)
            at_work.add(asyncio.ensure_future(one(extent)))
        while at_work:
            done, at_work = await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
            _raise_first(done)
    finally:
        await cancel_and_wait(tuple(at_work))


async def _extents(store: Store, only_degraded: bool) -> AsyncIterator[Extent]:
    """The extents in the order of their ids, looked up page by page."""
    state = store.catalog.state
    look = state.degraded_extents if only_degraded else state.extents
    after = b""
    while page := look(after, page_extents):
        for extent in page:
            now = state.extent(extent.id)  # a page is minutes old by its end
            if now is not None:
                yield now
        after = page[-1].id


def _raise_first(done: set[asyncio.Task[None]]) -> None:
    for task in done:
        task.result()


def _count(report: RepairReport, extent: Extent, found: Finding) -> None:
    report.extents += 1
    report.fragments += len(extent.places)
    report.missing += len(found.missing)
    report.bad += len(found.bad)
    report.restored += len(found.restored)
    report.unreachable += len(found.unreachable)
    report.bytes += found.bytes
    if not found.readable:
        report.unreadable += 1
        report.problems.append(f"extent {extent.id.hex()}: too few fragments are left")
