"""Stores as values: what lies where, without any store."""

from outlast.catalog.placements import Alike, Whole
from outlast.outages.holdings import Amount, Holdings
from outlast.placement.members import Domains, Member, Policy
from outlast.placement.policy import choose_voters

MIB = 1 << 20


def member(name: str, *, votes: bool = True, holds_data: bool = True, **domains: str) -> Member:
    """A member that is its own operator when none is given."""
    return Member(name, Domains(**{"operator": f"op-{name}", **domains}), votes, holds_data, bytes(16))


def held(k: int, holders: str, gone: str = "", extents: int = 1, size: int = MIB) -> Alike:
    """Extents with a fragment at each of `holders`."""
    names = holders.split()
    m = len(names) + len(gone.split()) - k
    fragment_bytes = extents * size // k
    return Alike(k, m, tuple(names), tuple(gone.split()), extents, extents * size, fragment_bytes)


def store(
    members: list[Member],
    *entries: Alike,
    tolerate: int = 1,
    inline: int = 0,
    policy: Policy | None = None,
    full: str = "",
) -> Holdings:
    """A store in which each extent is an object of its own, and whose log has nothing but objects."""
    policy = policy or Policy(tolerate)
    wholes = tuple(Whole(1 << number, one.extents, one.bytes) for number, one in enumerate(entries))
    voters = choose_voters(policy, members)
    return Holdings(
        policy,
        tuple(members),
        voters,
        entries,
        wholes,
        Amount(inline, 100 * inline),
        100 * inline,
        full=frozenset(full.split()),
    )
