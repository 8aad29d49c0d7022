"""How many more losses an extent bears.

The margin of an extent is the largest number of failure domains of the policy's kind that may be lost,
whichever they are, so that k fragments are left. A full extent has the policy's tolerance, or more. 0: it can
be read, and no loss is borne. Below 0: it cannot be read now; -2 says that two fragments are wanting.

A fragment counts as there when the catalog does not call it missing and its place is still a member. One
whose domain is not known is taken to be lost with the first domain that is lost.
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
    """How many domains may go, whichever they are, so that `needed` of what is there are left.

    `there` counts by domain (`UNKNOWN` goes with the first that is lost). Below 0: so many are wanting.
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
