"""The cheapest fix of a bad verdict: what to do, from what costs nothing to what costs providers.

    bring back      who is away already makes the difference
    repair          what is missing already makes the difference
    say             nobody has said whether providers share the domain, and that makes the difference
    add             more providers, so many that the domain's kind can be counted and its loss borne

Each but the last is tried: it is proposed only if the verdict is good with it. The last is what the policy's
own rules need, and is for a store laid out anew: providers and policy are fixed when a store is made.
"""

from collections.abc import Mapping

from outlast.outages.holdings import Holdings
from outlast.outages.model import PLACED
from outlast.outages.what_if import Outage, Verdict, what_if
from outlast.placement.domains import by_domain, domain_of
from outlast.placement.members import DomainKind, Member
from outlast.placement.policy import TOLERATE_MAX


def cheapest_fix(store: Holdings, verdict: Verdict, now: Mapping[str, str]) -> str:
    """One line for people; "" where there is nothing to be fixed."""
    if not verdict.bad:
        return ""
    outage = verdict.outage
    if set(outage.kinds) == {"key"}:
        return "print the key on paper: outlast init --recovery-sheet, or copy its file to another place"
    back = "bring back " + ", ".join(sorted(now))
    if now and not what_if(store, outage, {}).bad:
        return f"{back} (see outlast status)"
    repaired = store.repaired()
    if repaired != store and not what_if(repaired, outage, now).bad:
        return "outlast repair: it is what is missing already that makes the difference"
    if now and repaired != store and not what_if(repaired, outage, {}).bad:
        return f"{back}, then: outlast repair"
    return _say(store, outage) or _add(store, outage)


def _say(store: Holdings, outage: Outage) -> str:
    kinds = [kind for kind in outage.kinds if kind in PLACED]
    if not outage.maybe or not kinds:
        return ""
    sure = Outage(outage.name, outage.kinds, outage.providers, frozenset(), outage.manner)
    if what_if(store, sure, {}).bad:
        return ""
    return (
        f"find out the {' and '.join(kinds)} of {', '.join(sorted(outage.maybe))}: if not shared, all is well"
    )


def _add(store: Holdings, outage: Outage) -> str:
    kind = _kind(store, outage)
    hit = outage.providers | outage.maybe
    count = max(1, len({_domain(member, kind) for member in store.members if member.name in hit}))
    if count > TOLERATE_MAX:
        return f"nothing: a store bears the loss of at most {TOLERATE_MAX} domains"
    voters = 2 * count + 1 - len(by_domain((m for m in store.members if m.votes), kind))
    holders = count + 1 - len(by_domain((m for m in store.members if m.holds_data), kind))
    wanted = []
    if holders > 0:
        wanted.append(f"{holders} that can hold data")
    if voters > 0:
        wanted.append(f"{voters} that can vote")
    policy = f"a tolerance of {count} {kind}{'s' if count > 1 else ''}"
    if not wanted:
        return f"{policy}: the providers are enough for it"
    return f"providers at other {kind}s, {' and '.join(wanted)}, for {policy}"


def _kind(store: Holdings, outage: Outage) -> DomainKind:
    """What would have to be counted so that the outage is borne."""
    placed = [kind for kind in PLACED if kind in outage.kinds]
    return placed[0] if len(set(outage.kinds)) == 1 and placed else store.policy.domain


def _domain(member: Member, kind: DomainKind) -> str:
    return domain_of(member, kind) or member.name
