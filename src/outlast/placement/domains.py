"""Members by failure domain: what can be lost together counts once.

A domain that is not known may be any of the others. It is never counted as one more, because that would
call safe what nobody has seen.
"""

from collections.abc import Iterable

from outlast.placement.members import DomainKind, Member

UNKNOWN = ""


def domain_of(member: Member, kind: DomainKind) -> str:
    """The member's domain of that kind, in one spelling; `UNKNOWN` if it is not known."""
    return one_spelling(getattr(member.domains, kind))


def one_spelling(domain: str) -> str:
    """Domains are compared by this: case and spaces around do not make another one."""
    return domain.strip().casefold()


def by_domain(members: Iterable[Member], kind: DomainKind) -> dict[str, list[Member]]:
    """The members of each known domain, all in the order given."""
    grouped: dict[str, list[Member]] = {}
    for member in members:
        if (domain := domain_of(member, kind)) != UNKNOWN:
            grouped.setdefault(domain, []).append(member)
    return grouped
