"""What this process has done with the store, collected from where it is counted. For metrics.

Nothing is counted here, and no provider receives a request: the parts keep plain figures of their own, and
this module reads them. Live figures continue to change while they are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from outlast.base.clock import Clock, unix_ms
from outlast.base.errors import LocalStateCorrupt
from outlast.catalog.catalog import Catalog
from outlast.catalog.records import DrillReported
from outlast.catalog.state import Counts, State
from outlast.providers.health import Findings
from outlast.providers.wrap.layers import meter_of
from outlast.providers.wrap.meter import VerbUsage
from outlast.quorum.figures import LogFigures
from outlast.quorum.log import Log
from outlast.store.context import StoreContext
from outlast.store.hedge import Hedges
from outlast.store.read import Reader
from outlast.store.readiness import why_not_ready
from outlast.store.restore import Restorer


@dataclass(frozen=True, slots=True)
class ProviderFigures:
    """One provider."""

    findings: Findings
    """What the store has seen: failed calls, including deadlines and drills."""
    usage: Mapping[str, VerbUsage]
    """Requests sent to the provider, by verb: each attempt, as the provider will charge for it. Live."""
    behind: int
    """How many slots it may lack as a voter, at most."""
    stored_bytes: int | None
    """Bytes of the fragments that the catalog places there; None while the catalog cannot be read."""
    free_bytes: int | None
    """How much more can be stored there, by its disk and its quota; None if unknown."""


@dataclass(frozen=True, slots=True)
class HeldBytes:
    """A memory limit for one purpose, and the bytes in use."""

    purpose: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the catalog says about the store: the same at every gateway that has applied as many slots."""

    counts: Counts
    drilled: tuple[str, ...]
    """Providers on which a drill is running now."""
    last_drill: DrillReported | None


@dataclass(frozen=True, slots=True)
class Figures:
    """See the module's docstring. `slot` is the last one in the local catalog; -1: none."""

    slot: int
    ready: bool
    """Whether the store can be served now, as far as this process knows."""
    facts: StoreFacts | None
    """None while the local catalog is damaged and being rebuilt."""
    restored_at: float
    """When this process last restored a fragment (Unix time in seconds); 0 for never."""
    providers: tuple[ProviderFigures, ...]
    log: LogFigures | None
    hedges: Hedges
    memory: tuple[HeldBytes, ...]
    waiting_writers: int
    noted_lost: int
    noted_restored: int


def figures_of(
    catalog: Catalog, context: StoreContext, log: Log | None, reader: Reader, restorer: Restorer
) -> Figures:
    """Collect the figures."""
    behind = {} if log is None else {name: log.slot + 1 - first for name, first in log.behind.items()}
    facts = _facts(catalog.state, context.clock)
    names = context.fleet.names
    return Figures(
        slot=catalog.state.position.slot,
        ready=facts is not None and not why_not_ready(catalog, context.fleet),
        facts=facts,
        restored_at=restorer.restored_at,
        providers=tuple(_provider(context, name, behind.get(name, 0), facts is not None) for name in names),
        log=None if log is None else log.figures,
        hedges=reader.hedges,
        memory=(
            HeldBytes("write", context.budget.used, context.budget.total),
            HeldBytes("read", reader.memory.used, reader.memory.total),
        ),
        waiting_writers=context.budget.waiting,
        noted_lost=context.notes.noted_lost,
        noted_restored=context.notes.noted_restored,
    )


def _facts(state: State, clock: Clock) -> StoreFacts | None:
    now = unix_ms(clock)
    try:
        drilled = tuple(drill.provider for drill in state.drills() if drill.shape and drill.until > now)
        return StoreFacts(state.counts(), drilled, next(iter(state.drill_reports()), None))
    except LocalStateCorrupt:
        return None


def _provider(context: StoreContext, name: str, behind: int, readable: bool) -> ProviderFigures:
    guard = context.fleet[name]
    meter = meter_of(guard)
    return ProviderFigures(
        findings=guard.health.findings(),
        usage={} if meter is None else meter.usage,
        behind=behind,
        stored_bytes=context.catalog.state.stored(name) if readable else None,
        free_bytes=_free_bytes(context, name) if readable else None,
    )


def _free_bytes(context: StoreContext, name: str) -> int | None:
    space = context.fleet[name].space_watch.space
    known = [] if space is None else [space.free]
    use = context.quotas.use(name)
    if use is not None and use.quota.bytes is not None:
        known.append(max(0, use.quota.bytes - use.bytes))
    return min(known, default=None)
