"""From a store to what can fail in it: shared causes as units, and when reads, writes and data are lost.

Each cause is a unit of its own, and takes down all providers that share it: the operator of three buckets is
one unit on which three providers depend. An unknown domain may be any of the others, so a provider whose
domain is unknown depends on each of that kind; otherwise it would be called safer than is known.

When the store fails, with k + m fragments in D data domains and 2f + 1 voters:

    reads    more than m data domains cannot be reached, or a majority of the voters cannot
    writes   fewer than k data domains can be reached (spares take the places of others), or no majority can
    data     more than m data domains are erased before repair, or a majority of the voters is

These hold for a store of many extents, where every combination of places is some extent's; so "reads" is:
some object cannot be read. With several providers in one data domain, one that is down hides what it holds
(reads, data), while the others can still be written to. A majority of the voters erased counts as loss: a
record is only promised to be at a majority.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from outlast.base.errors import ConfigError
from outlast.outages.simulate.process import Process, Unit
from outlast.outages.simulate.rates import CauseRate, Rates
from outlast.outages.simulate.structure import (
    Structure,
    at_least,
    either,
    gathered,
    hanging_on,
    over,
    parallel,
    series,
)
from outlast.placement.domains import UNKNOWN, by_domain, domain_of
from outlast.placement.members import DomainKind, Domains, Member, Policy
from outlast.placement.policy import choose_voters, data_layout, problems
from outlast.quorum.ballot import majority

Promise: TypeAlias = Literal["reads", "writes", "data"]

# A region of one operator has nothing to do with another's of the same name.
_of_one_operator = {"region": "region", "account": "account", "credential": "account"}
# What a domain of a kind contains: members that differ in the first differ in the others, too.
_inside: dict[DomainKind, tuple[DomainKind, ...]] = {
    "operator": ("operator", "region", "account", "software", "location"),
    "region": ("region", "location"),
    "account": ("account",),
    "software": ("software",),
    "location": ("location",),
}


@dataclass(frozen=True, slots=True)
class StoreShape:
    """A store, as far as it matters here: `voters` are members' names."""

    members: tuple[Member, ...]
    policy: Policy
    voters: tuple[str, ...]
    k: int
    m: int


@dataclass(frozen=True, slots=True)
class Model:
    """What can fail, and when the promise is broken."""

    process: Process
    structure: Structure


@dataclass(frozen=True, slots=True)
class SharedCause:
    """One shared cause, and the places (in `StoreShape.members`) of those that depend on it."""

    unit: Unit
    rate: CauseRate
    members: tuple[int, ...]


def layout_of(members: Sequence[Member], policy: Policy, voters: Sequence[str]) -> StoreShape:
    """The layout of a store. Raises `ConfigError` if there are too few data domains."""
    return StoreShape(tuple(members), policy, tuple(voters), *data_layout(policy, members))


def described(providers: int, policy: Policy) -> StoreShape:
    """A store of N providers that differ in the policy's domain, and in what that contains.

    They share everything else: for the domain `region`, one operator, one account and one software. Raises
    `ConfigError` if they are too few, or cannot tolerate as many losses as given.
    """
    kinds = _inside["operator"]
    members: list[Member] = []
    for number in range(1, providers + 1):
        name = f"p{number}"
        values = {kind: name if kind in _inside[policy.domain] else "shared" for kind in kinds}
        members.append(Member(name, Domains(**values), votes=True, holds_data=True, incarnation=b""))
    for problem in problems(policy, members):
        raise ConfigError(problem.what, problem.remedy)
    return layout_of(members, policy, choose_voters(policy, members))


def causes_of(layout: StoreShape, rates: Rates) -> list[SharedCause]:
    """Every cause in the table on which a member depends, each with a unique name."""
    causes: list[SharedCause] = []
    for cause in rates.causes:
        for value, members in _groups(layout, cause):
            unit = _unit(cause, value, rates)
            before = sum(other.rate.name == cause.name and other.members == members for other in causes)
            name = f"{unit.name} ({before + 1})" if before else unit.name
            causes.append(SharedCause(replace(unit, name=name), cause, members))
    return causes


def unknown_domains(layout: StoreShape, rates: Rates) -> dict[str, list[str]]:
    """By domain kind of a cause: the members whose domain of that kind is unknown."""
    unknown: dict[str, list[str]] = {}
    for cause in rates.causes:
        kind = _of_one_operator.get(cause.kind, cause.kind)
        if kind in _inside["operator"]:
            names = [
                layout.members[place].name
                for place in _asked(layout, cause)
                if domain_of(layout.members[place], kind) == UNKNOWN
            ]
            if names:
                unknown[kind] = names
    return unknown


def model_of(layout: StoreShape, causes: Iterable[SharedCause], rates: Rates, promise: Promise) -> Model:
    """The units and the structure of one promise. Data depend only on causes that erase."""
    relevant = [cause for cause in causes if promise != "data" or cause.rate.effect == "loss"]
    hanging = [
        [row for row, cause in enumerate(relevant) if place in cause.members]
        for place in range(len(layout.members))
    ]
    process = Process(tuple(cause.unit for cause in relevant), rates.repair.repairers)
    return Model(process, hanging_on(hanging, _broken(layout, promise)))


def has_spares(layout: StoreShape) -> bool:
    """Whether there are more data domains than an extent has fragments, so that extents differ in places."""
    return len(_data_domains(layout)) > layout.k + layout.m


def writes_are_like_reads(layout: StoreShape) -> bool:
    """Whether writes fail exactly when reads do: there are no spares, nor two providers in one domain."""
    groups = _data_domains(layout)
    return len(groups) == layout.k + layout.m == sum(map(len, groups))


def _broken(layout: StoreShape, promise: Promise) -> Structure:
    """When the promise is broken, over rows that are the members."""
    place = {member.name: number for number, member in enumerate(layout.members)}
    voters = [place[name] for name in layout.voters]
    no_majority = over(voters, at_least(len(voters) - majority(len(voters)) + 1))
    groups = [[place[member.name] for member in group] for group in _data_domains(layout)]
    if promise == "writes":
        too_few = gathered(groups, parallel(), at_least(len(groups) - layout.k + 1))
    else:
        too_few = gathered(groups, series(), at_least(layout.m + 1))
    return either(no_majority, too_few)


def _data_domains(layout: StoreShape) -> list[list[Member]]:
    holders = (member for member in layout.members if member.holds_data)
    return list(by_domain(holders, layout.policy.domain).values())


def _unit(cause: CauseRate, value: str, rates: Rates) -> Unit:
    """An outage ends by itself; we repair what was erased."""
    name = f"{cause.kind} {value}".rstrip() + (" erased" if cause.effect == "loss" else "")
    duration = cause.duration
    if duration is None:
        return Unit(name, cause.rate, rates.repair.duration)
    return Unit(name, cause.rate, duration, self_healing=True)


def _asked(layout: StoreShape, cause: CauseRate) -> list[int]:
    """The places of the members that the cause affects."""
    return [place for place, member in enumerate(layout.members) if _meant(member, cause)]


def _meant(member: Member, cause: CauseRate) -> bool:
    for kind, value in cause.only.items():
        if domain_of(member, kind) not in (value.strip().casefold(), UNKNOWN):
            return False
    return all(domain_of(member, kind) != value.strip().casefold() for kind, value in cause.unless.items())


def _groups(layout: StoreShape, cause: CauseRate) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(name, members' places) of each domain that the cause can hit."""
    places = _asked(layout, cause)
    if not places:
        return
    if cause.kind == "store":
        yield "", tuple(places)
    elif cause.kind == "provider":
        yield from ((layout.members[place].name, (place,)) for place in places)
    elif cause.kind in _of_one_operator:
        for operator, inside in _by_value(layout, places, "operator"):
            kind: DomainKind = _of_one_operator[cause.kind]  # type: ignore[assignment]
            for value, members in _by_value(layout, inside, kind):
                yield value if value == operator else f"{operator} {value}".strip(), members
    else:
        yield from _by_value(layout, places, cause.kind)  # type: ignore[arg-type]


def _by_value(
    layout: StoreShape, places: Sequence[int], kind: DomainKind
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The members of each domain; those whose domain is unknown are in every one."""
    domains = {place: domain_of(layout.members[place], kind) for place in places}
    values = sorted(set(domains.values()) - {UNKNOWN}) or [UNKNOWN]
    for value in values:
        yield value, tuple(place for place in places if domains[place] in (value, UNKNOWN))
