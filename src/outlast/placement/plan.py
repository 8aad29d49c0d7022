"""Where the fragments of one extent go.

Rendezvous hashing: each provider has a score for each extent, and the best in different domains get
the fragments, the best of all fragment 0. So every provider gets its even part of fragments of every index,
any gateway computes the same, and there is no table to keep. Where the fragments really went is written in
the catalog; this is asked once, when an extent is written.

A provider that is down is replaced in its place, and the others keep theirs.
"""

import hashlib
from collections.abc import Collection, Sequence

from outlast.base.errors import ConfigError
from outlast.placement.domains import by_domain
from outlast.placement.members import Member, Policy


def place(
    extent_id: bytes, k: int, m: int, members: Sequence[Member], policy: Policy, avoid: Collection[str] = ()
) -> tuple[str, ...]:
    """The provider's name for each of the k + m fragments, no two in one domain of the policy's kind.

    Those in `avoid` get a fragment only when nobody else is left to take it: another provider of the
    same domain, or one of a spare domain. Raises `ConfigError` if there are fewer than k + m data domains.
    """
    holders = (member for member in members if member.holds_data)
    ranked = _ranked(
        extent_id, [[m.name for m in group] for group in by_domain(holders, policy.domain).values()]
    )
    if len(ranked) < k + m:
        raise ConfigError(
            f"{k}+{m} fragments need {k + m} different {policy.domain}s that hold data, not {len(ranked)}",
            "add providers",
        )
    present = [next((name for name in names if name not in avoid), None) for names in ranked]
    spares = iter([name for name in present[k + m :] if name is not None])
    return tuple(present[i] or next(spares, ranked[i][0]) for i in range(k + m))


def spare_place(
    extent_id: bytes,
    index: int,
    places: Sequence[str],
    members: Sequence[Member],
    policy: Policy,
    avoid: Collection[str],
) -> str | None:
    """Another provider for fragment `index` of an extent whose fragments are at `places`, none in `avoid`.

    None where every other one is in a domain that has a fragment already.
    """
    others = {place for i, place in enumerate(places) if i != index}
    holders = [member for member in members if member.holds_data]
    for group in _ranked(
        extent_id, [[m.name for m in group] for group in by_domain(holders, policy.domain).values()]
    ):
        if not others.intersection(group):
            for name in group:
                if name not in avoid and name != places[index]:
                    return name
    return None


def _ranked(extent_id: bytes, groups: Sequence[Sequence[str]]) -> list[list[str]]:
    """The groups by their best name's score, and the names in each by theirs, best first."""

    def score(name: str) -> bytes:
        return hashlib.blake2b(name.encode(), key=extent_id, digest_size=16).digest()

    ordered = [sorted(group, key=score, reverse=True) for group in groups]
    return sorted(ordered, key=lambda group: score(group[0]), reverse=True)
