"""What a drill plays: the providers that fail together, and their faults over time.

A provider's data is never touched: where an incident erased something, the drill only takes it out of reach.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from outlast.outages.incidents import ERASED, Incident
from outlast.outages.what_if import Outage
from outlast.providers.wrap.fault import Fault, Shape


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault from `begin_s` to `end_s` after the beginning, in seconds of the drill."""

    begin_s: float
    end_s: float
    fault: Fault


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """`outage` fails as `parts` say. `speed`: how much faster than the real incident."""

    outage: Outage
    parts: tuple[PlannedFault, ...]
    speed: float = 1.0

    @property
    def name(self) -> str:
        """What fails, as shown to people."""
        return self.outage.name

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers that fail. Those that may be hit fail too: a drill plays the worst case."""
        return tuple(sorted(self.outage.providers | self.outage.maybe))

    @property
    def duration_s(self) -> float:
        """When the last part ends."""
        return max(part.end_s for part in self.parts)

    def faults_at(self, at_s: float) -> tuple[Fault, ...]:
        """The faults in force at that time."""
        return tuple(part.fault for part in self.parts if part.begin_s <= at_s < part.end_s)

    def next_change_s(self, at_s: float) -> float:
        """When the next part begins or ends after that time; the end if none does."""
        times = chain.from_iterable((part.begin_s, part.end_s) for part in self.parts)
        return min((time for time in times if time > at_s), default=self.duration_s)


def plan_shape(outage: Outage, shape: Shape, duration_s: float, share: float = 1.0) -> DrillPlan:
    """One shape for the entire drill."""
    return DrillPlan(_reachable(outage), (PlannedFault(0.0, duration_s, Fault(shape, share)),))


def plan_incident(incident: Incident, outage: Outage, duration_s: float) -> DrillPlan:
    """The incident's phases, from the beginning of the first, within `duration_s` in total."""
    begin_s = min(phase.begin_s for phase in incident.phases)
    speed = (max(phase.end_s for phase in incident.phases) - begin_s) / duration_s
    parts = tuple(
        PlannedFault(
            (phase.begin_s - begin_s) / speed,
            (phase.end_s - begin_s) / speed,
            Fault(_shape(phase.shape), phase.share, phase.reads, phase.writes),
        )
        for phase in incident.phases
    )
    return DrillPlan(_reachable(outage), parts, speed)


def span_s(incident: Incident) -> int:
    """How long the incident's phases really took, from the first to the last."""
    phases = incident.phases
    return max(phase.end_s for phase in phases) - min(phase.begin_s for phase in phases)


def played_on(outage: Outage, providers: Sequence[str]) -> Outage:
    """The outage, as if it hit these providers, whichever it would really hit."""
    return replace(outage, providers=frozenset(providers), maybe=frozenset())


def _reachable(outage: Outage) -> Outage:
    return replace(outage, manner="unreachable")


def _shape(shape: str) -> Shape:
    return Shape.REFUSE if shape == ERASED else Shape(shape)
