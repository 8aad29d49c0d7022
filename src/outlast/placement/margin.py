"""How many more losses an extent tolerates.

The margin of an extent is the largest number of failure domains of the policy's kind such that any that many
may be lost and k fragments remain. A complete extent has the policy's tolerance, or more. At 0 it can be read
but tolerates no loss. Below 0 it cannot be read now: at -2, two fragments are missing.

A fragment counts as present if the catalog does not list it as missing and its place is still a member. One
whose domain is unknown is assumed to be lost with the first domain that is lost.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from outlast.placement.domains import UNKNOWN, domain_of
from outlast.placement.members import Member, Policy


def margin(
    extent_places: Sequence[str], missing: int, k: int, members: Sequence[Member], policy: Policy
) -> int:
    """The margin of an extent whose fragment i is at `extent_places[i]`, unless bit i of `missing` is set."""
    domains = {member.name: domain_of(member, policy.domain) for member in members}
    there = Counter(
        domains[name]
        for index, name in enumerate(extent_places)
        if name in domains and not missing >> index & 1
    )
    return losses_borne(there, k)


def losses_borne(there: Mapping[str, int], needed: int) -> int:
    """How many domains may be lost, whichever they are, so that `needed` of those in `there` remain.

    `there` counts by domain (`UNKNOWN` is lost with the first). A negative number is how many are missing.
    """
    left = sum(there.values())
    if left < needed:
        return left - needed
    left -= there.get(UNKNOWN, 0)
    losses = 0
    for count in sorted((count for domain, count in there.items() if domain != UNKNOWN), reverse=True):
        left -= count
        if left < needed:
            break
        losses += 1
    return losses
