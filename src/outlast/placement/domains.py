"""Members by failure domain: members that can be lost together count once.

An unknown domain may be the same as any other. It is never counted as a further one, because that would call
a layout safe without evidence.
"""

from collections.abc import Iterable

from outlast.placement.members import DomainKind, Member

UNKNOWN = ""


def domain_of(member: Member, kind: DomainKind) -> str:
    """The member's domain of that kind in normal form; `UNKNOWN` if it is not known."""
    return one_spelling(getattr(member.domains, kind))


def one_spelling(domain: str) -> str:
    """The normal form by which domains are compared: without surrounding spaces and case."""
    return domain.strip().casefold()


def by_domain(members: Iterable[Member], kind: DomainKind) -> dict[str, list[Member]]:
    """The members of each known domain, in the given order."""
    grouped: dict[str, list[Member]] = {}
    for member in members:
        if (domain := domain_of(member, kind)) != UNKNOWN:
            grouped.setdefault(domain, []).append(member)
    return grouped
