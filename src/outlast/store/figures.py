"""What this process has done with the store, gathered from where it is counted. For metrics.

Nothing is counted here, and nobody is asked: the parts keep plain figures of their own, and this says where
they are. What is live goes on changing while it is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from outlast.catalog.state import State
from outlast.providers.health import Findings
from outlast.providers.wrap.layers import meter_of
from outlast.providers.wrap.meter import VerbUsage
from outlast.quorum.figures import LogFigures
from outlast.quorum.log import Log
from outlast.store.budget import Budget
from outlast.store.fleet import Fleet
from outlast.store.hedge import Hedges
from outlast.store.notes import Notes
from outlast.store.read import Reader


@dataclass(frozen=True, slots=True)
class ProviderFigures:
    """One provider."""

    findings: Findings
    """What the store has met: calls that failed, deadlines and drills included."""
    usage: Mapping[str, VerbUsage]
    """What was asked of the provider, by verb: each attempt, as it will charge for them. Live."""
    behind: int
    """How many slots it is known to miss as a voter, at most."""


@dataclass(frozen=True, slots=True)
class HeldBytes:
    """Bytes that may be held for one purpose, and are."""

    purpose: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Figures:
    """See the module's docstring. `slot` is how far the local catalog has come; -1 is nowhere."""

    slot: int
    providers: tuple[ProviderFigures, ...]
    log: LogFigures | None
    hedges: Hedges
    memory: tuple[HeldBytes, ...]
    waiting_writers: int
    noted_lost: int
    noted_restored: int


def figures_of(
    state: State, fleet: Fleet, log: Log | None, reader: Reader, budget: Budget, notes: Notes
) -> Figures:
    """The figures now."""
    behind = {} if log is None else {name: log.slot + 1 - first for name, first in log.behind.items()}
    return Figures(
        slot=state.position.slot,
        providers=tuple(_provider(fleet, name, behind.get(name, 0)) for name in fleet.names),
        log=None if log is None else log.figures,
        hedges=reader.hedges,
        memory=(
            HeldBytes("write", budget.used, budget.total),
            HeldBytes("read", reader.memory.used, reader.memory.total),
        ),
        waiting_writers=budget.waiting,
        noted_lost=notes.noted_lost,
        noted_restored=notes.noted_restored,
    )


def _provider(fleet: Fleet, name: str, behind: int) -> ProviderFigures:
    guard = fleet[name]
    meter = meter_of(guard)
    return ProviderFigures(guard.health.findings(), {} if meter is None else meter.usage, behind)
