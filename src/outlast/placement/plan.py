"""Where the fragments of one extent go.

Rendezvous hashing: each provider has a score for each extent. The best in different domains get the
fragments, and the best of all gets fragment 0. So every provider gets an even share of the fragments of every
index, all gateways compute the same result, and there is no table to keep. The catalog records where the
fragments really went; this module is used once, when an extent is written.

When a provider is down, only its fragment goes elsewhere; the others keep their places.
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

    A provider in `avoid` gets a fragment only if no other can take it: neither another provider of the same
    domain nor one of a spare domain. Raises `ConfigError` if there are fewer than k + m data domains.
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
    """Another provider, not in `avoid`, for fragment `index` of an extent whose fragments are at `places`.

    None if every candidate is in a domain that already has a fragment.
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
    """The groups sorted by the score of their best name, and the names in each by their own, best first."""

    def score(name: str) -> bytes:
        return hashlib.blake2b(name.encode(), key=extent_id, digest_size=16).digest()

    ordered = [sorted(group, key=score, reverse=True) for group in groups]
    return sorted(ordered, key=lambda group: score(group[0]), reverse=True)
