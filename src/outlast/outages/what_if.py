"""Verdicts: what a set of failure domains does to a store when it fails, as far as that can be known.

What is unknown is never assumed to be the best: the outcome is computed twice, in the best case (providers
that may be hit are not, estranged ones return, late fragments are intact) and in the worst. More losses never
improve anything, so the truth is between the two. Where they agree, that is the verdict; otherwise it is
`unknown`, with both cases.

Providers that are down, estranged, or not configured now also count as away, unless `now` says otherwise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias

from outlast.outages.holdings import Holdings
from outlast.outages.incidents import ERASED, Incident
from outlast.outages.model import Domain
from outlast.outages.outcome import SUMMARIES, Effect, Outcome, Summary, outcome
from outlast.placement.members import EARLY, Member
from outlast.providers.wrap.fault import Shape

Manner: TypeAlias = Literal["unreachable", "lost", "lost-perhaps"]
"""`lost`: permanently, with everything stored there; `lost-perhaps`: some came back, and some did not."""

INCIDENT = "incident"
"""The kind of an outage that replays a real incident."""

# Requests to a provider that is slow, or whose listings are empty, are performed anyway.
_harmless = (Shape.SLOW, Shape.EMPTY)


@dataclass(frozen=True, slots=True)
class Outage:
    """What fails together."""

    name: str
    kinds: tuple[str, ...]
    providers: frozenset[str]
    maybe: frozenset[str] = frozenset()
    manner: Manner = "unreachable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an outage does, between `least` and `most`."""

    outage: Outage
    least: Outcome
    most: Outcome
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> Summary:
        return self.least.summary if self.least.summary == self.most.summary else "unknown"

    @property
    def reads(self) -> Effect:
        return self.least.reads if self.least.reads == self.most.reads else "unknown"

    @property
    def writes(self) -> Effect:
        return self.least.writes if self.least.writes == self.most.writes else "unknown"

    @property
    def consistency(self) -> Effect:
        least, most = self.least.consistency, self.most.consistency
        return least if least == most else "unknown"

    @property
    def data(self) -> Effect:
        return self.least.data if self.least.data == self.most.data else "unknown"

    @property
    def bad(self) -> bool:
        """Whether readers or writers notice it, or may."""
        return at_least(self.most.summary, "write-loss")


def at_least(summary: Summary, other: Summary) -> bool:
    """Whether `summary` is as bad as `other` or worse."""
    return SUMMARIES.index(summary) >= SUMMARIES.index(other)


def outage_of(domains: Iterable[Domain], manner: Manner = "unreachable") -> Outage:
    """All of `domains` at once."""
    several = tuple(domains)
    providers = frozenset[str]().union(*(domain.providers for domain in several))
    maybe = frozenset[str]().union(*(domain.maybe for domain in several)) - providers
    name = " + ".join(domain.name for domain in several)
    return Outage(name, tuple(domain.kind for domain in several), providers, maybe, manner)


def outage_from(incident: Incident, members: Sequence[Member]) -> Outage:
    """A real incident, as it would hit these members. One that failed at times, or partly, counts as away."""
    shapes = {phase.shape for phase in incident.phases}
    harmful = any(shape not in _harmless for shape in shapes)
    hits = {member.name: incident.hits(member.domains) if harmful else "no" for member in members}
    return Outage(
        incident.id,
        (INCIDENT,),
        frozenset(name for name in hits if hits[name] == "yes"),
        frozenset(name for name in hits if hits[name] == "unknown"),
        "lost-perhaps" if incident.permanent or ERASED in shapes else "unreachable",
    )


def any_of(domains: Iterable[Domain], count: int, manner: Manner = "unreachable") -> list[Outage]:
    """Every choice of `count` domains that takes more than any one of them does; of equal ones, the first."""
    distinct: dict[tuple[frozenset[str], frozenset[str]], Domain] = {}
    for domain in domains:
        distinct.setdefault((domain.providers, domain.maybe), domain)
    found: dict[tuple[frozenset[str], frozenset[str]], Outage] = {}
    for several in combinations(distinct.values(), count):
        outage = outage_of(several, manner)
        taken = outage.providers, outage.maybe
        if not any(taken == (one.providers, one.maybe) for one in several):
            found.setdefault(taken, outage)
    return list(found.values())


def what_if(store: Holdings, outage: Outage, now: Mapping[str, str]) -> Verdict:
    """The verdict. `now`: state by unhealthy provider (`down`, `estranged`, `unconfigured`)."""
    if "key" in outage.kinds:
        return _without_key(store, outage, now)
    sure = outage.providers | set(now)
    lost: frozenset[str] = outage.providers if outage.manner == "lost" else frozenset()
    at_most = outage.providers | outage.maybe if outage.manner != "unreachable" else frozenset()
    estranged = {name for name, state in now.items() if state == "estranged"}
    least = outcome(store.hopeful, sure, lost, careful=False)
    most = outcome(store, sure | outage.maybe, at_most | estranged, careful=True)
    notes = _notes(store, outage, now)
    if store.late and least.unreadable != most.unreadable:
        notes = (*notes, f"{_late_text(store)}; outlast repair reads them to see whether they are")
    return Verdict(outage, least, most, notes)


def _late_text(store: Holdings) -> str:
    names = {one.place for one in store.late}
    return f"some fragments that count as missing are stored at {_listed(names)}, and may be right"


def _without_key(store: Holdings, outage: Outage, now: Mapping[str, str]) -> Verdict:
    """Without the master key nothing can ever be read; whether there is a copy is not known here.

    A key file that is unreadable now may stay so, so it makes no difference how it fails.
    """
    everyone = {member.name for member in store.members}
    lost = outage.providers if outage.manner == "lost" else frozenset[str]()
    return Verdict(
        outage,
        outcome(store.hopeful, outage.providers | set(now), lost, careful=False),
        outcome(store, everyone, everyone),
        (
            "the store is lost with its last key: whether there is another copy is not known here",
            "running gateways continue; none can be started here until the key file is back",
            *_notes(store, outage, now),
        ),
    )


def _notes(store: Holdings, outage: Outage, now: Mapping[str, str]) -> tuple[str, ...]:
    """What the numbers do not say."""
    notes = [EARLY] if store.policy.acknowledge == "early" else []
    if outage.maybe and INCIDENT in outage.kinds:
        notes.append(f"whether it would hit {_listed(outage.maybe)} is not known")
    elif outage.maybe:
        kinds = " or ".join(dict.fromkeys(kind for kind in outage.kinds if kind != "provider"))
        notes.append(f"whether it takes {_listed(outage.maybe)} is not known: no {kinds} was given")
    if now:
        away = ", ".join(f"{name} ({state})" for name, state in sorted(now.items()))
        notes.append(f"counted as away, as it is now: {away}")
    if store.full:
        notes.append(f"no new data go to {_listed(store.full)}: the quota is used up")
    if "gateway" in outage.kinds:
        notes.append(
            "requests through gateways on this machine fail; a gateway on another one, with outlast.toml"
            " and the key, has everything"
        )
    return tuple(notes)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
