"""What a store depends on: its failure domains, each with the providers that would fail together.

A domain is a cause, not a place: the operator who suspends the accounts, the region that is flooded, the
credential that expires. Two providers are in one domain when their values are equal. A provider whose value
is unknown *may* be in any domain of that kind: it is kept apart (`maybe`). The providers of unknown value
also form a domain of their own, since they may share one.

Regions and accounts belong to an operator: the same name at another operator is a different one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from outlast.outages.reach import Reach
from outlast.placement.domains import UNKNOWN, domain_of, one_spelling
from outlast.placement.members import DomainKind, Member

PLACED: tuple[DomainKind, ...] = ("operator", "region", "account", "software", "location")
"""The kinds that a member states itself, and that placement can count."""
KINDS = ("provider", *PLACED, "credential", "dns", "gateway", "key")
_of_an_operator = ("region", "account")


@dataclass(frozen=True, slots=True)
class Domain:
    """A cause of loss. `value` "": the members whose value of this kind is unknown."""

    kind: str
    value: str
    providers: frozenset[str]
    """Those that fail with it."""
    maybe: frozenset[str] = frozenset()
    """Those that may fail with it."""

    @property
    def name(self) -> str:
        """As it is shown, and may be typed."""
        return self.value if self.kind == "provider" else f"{self.kind}={self.value or '?'}"


@dataclass(frozen=True, slots=True)
class Site:
    """The machine from which the store is analyzed."""

    host: str
    key_file: str
    reaches: Mapping[str, Reach]
    """By provider, for the providers that the settings name."""


def domains(members: Sequence[Member], site: Site) -> list[Domain]:
    """Every failure domain that is known, kind by kind."""
    found = [Domain("provider", member.name, frozenset({member.name})) for member in members]
    for kind in PLACED:
        found += _placed(kind, members)
    found += _shared("credential", {name: reach.credential for name, reach in site.reaches.items()})
    found += _shared("dns", {name: reach.zone for name, reach in site.reaches.items()})
    here = frozenset(name for name, reach in site.reaches.items() if reach.here)
    found.append(Domain("gateway", site.host, here))
    found.append(Domain("key", site.key_file, frozenset()))
    return found


def _shared(kind: str, values: Mapping[str, str]) -> list[Domain]:
    """A domain for each value; "" cannot fail."""
    return [
        Domain(kind, value, frozenset(name for name in values if values[name] == value))
        for value in dict.fromkeys(values.values())
        if value
    ]


def _placed(kind: DomainKind, members: Sequence[Member]) -> list[Domain]:
    known = [member for member in members if domain_of(member, kind) != UNKNOWN]
    groups: dict[tuple[str, ...], list[Member]] = {}
    for member in known:
        groups.setdefault(_key(member, kind), []).append(member)
    spelled = [(group, str(getattr(group[0].domains, kind)).strip()) for group in groups.values()]
    values = [one_spelling(value) for _, value in spelled]
    found = []
    for group, value in spelled:
        if values.count(one_spelling(value)) > 1:
            value += f" ({group[0].domains.operator.strip() or 'operator not known'})"
        found.append(Domain(kind, value, _names(group), _maybe(kind, group, members)))
    unknown = [member for member in members if member not in known]
    together = _names(
        m for m in unknown if any(_may_share(kind, m, other) for other in unknown if other != m)
    )
    return [*found, Domain(kind, "", frozenset(), together)] if together else found


def _maybe(kind: DomainKind, group: Sequence[Member], members: Sequence[Member]) -> frozenset[str]:
    others = (member for member in members if member not in group)
    return _names(other for other in others if any(_may_share(kind, other, member) for member in group))


def _key(member: Member, kind: DomainKind) -> tuple[str, ...]:
    """What must be equal for two members to be in one domain."""
    value = domain_of(member, kind)
    return (domain_of(member, "operator"), value) if kind in _of_an_operator else (value,)


def _may_share(kind: DomainKind, one: Member, other: Member) -> bool:
    pairs = zip(_key(one, kind), _key(other, kind), strict=True)
    return all(mine == theirs or UNKNOWN in (mine, theirs) for mine, theirs in pairs)


def _names(members: Iterable[Member]) -> frozenset[str]:
    return frozenset(member.name for member in members)
