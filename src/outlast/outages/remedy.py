"""The cheapest fix of a bad verdict: what to do, from what costs nothing to what costs providers.

    bring back      who is away already makes the difference
    repair          what is missing already makes the difference
    find out        nobody has said whether providers share the domain, and that makes the difference
    part            fewer providers in the domain: what is left of it is borne
    add             more providers, so many that the loss of so many domains can be borne

Each but the last is tried: it is proposed only if the verdict is good with it. The last is what the policy's
own rules need, and is for a store laid out anew: providers and policy are fixed when a store is made.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations

from outlast.outages.holdings import Holdings
from outlast.outages.model import PLACED
from outlast.outages.what_if import INCIDENT, Outage, Verdict, what_if
from outlast.placement.domains import by_domain, domain_of
from outlast.placement.policy import TOLERATE_MAX

# To part more providers than these is to make another store.
parted_max = 3
_elsewhere = {
    "account": "move {} into another account",
    "credential": "give {} another credential",
    "dns": "move {} under another DNS zone",
    "gateway": "move {} to another machine",
    "software": "run {} on other software",
}


def cheapest_fix(store: Holdings, verdict: Verdict, now: Mapping[str, str]) -> str:
    """One line for people; "" where there is nothing to be fixed."""
    if not verdict.bad:
        return ""
    outage = verdict.outage
    if "key" in outage.kinds and outage.manner == "lost":
        return "print the key on paper (outlast init --recovery-sheet), or copy its file to another place"
    if what_if(store, _only(outage, frozenset()), {}).bad:
        return "none here: some objects cannot be read with everybody there (outlast repair tells which)"
    return (
        _mend(store, outage, now)
        or _find_out(store, outage, now)
        or _part(store, outage, now)
        or _add(store, outage)
    )


def _mend(store: Holdings, outage: Outage, now: Mapping[str, str]) -> str:
    """What the store's present state asks for."""
    estranged = sorted(name for name in now if now[name] == "estranged")
    down = sorted(set(now) - set(estranged))
    back = f"bring back {_listed(down)}" if down else f"take back {_listed(estranged)}"
    if now and not what_if(store, outage, {}).bad:
        return f"{back}, then: outlast repair" if estranged else f"{back} (see outlast status)"
    repaired = store.repaired()
    if repaired == store:
        return ""
    if not what_if(repaired, outage, now).bad:
        return "outlast repair: it is what is missing already that makes the difference"
    return f"{back}, then: outlast repair" if now and not what_if(repaired, outage, {}).bad else ""


def _find_out(store: Holdings, outage: Outage, now: Mapping[str, str]) -> str:
    kinds = [kind for kind in dict.fromkeys(outage.kinds) if kind in PLACED]
    if not outage.maybe or not kinds or what_if(store, _only(outage, outage.providers), now).bad:
        return ""
    names = ", ".join(sorted(outage.maybe))
    return f"find out the {' and '.join(kinds)} of {names}: if it is not shared, all is well"


def _part(store: Holdings, outage: Outage, now: Mapping[str, str]) -> str:
    """Fewer providers in one domain."""
    hit = sorted(outage.providers | outage.maybe)
    if len(outage.kinds) > 1 or outage.kinds == (INCIDENT,):
        return ""
    for count in range(1, min(parted_max, len(hit) - 1) + 1):
        for parted in combinations(hit, count):
            if not what_if(store, _only(outage, frozenset(hit) - set(parted)), now).bad:
                text = _elsewhere.get(outage.kinds[0], f"move {{}} to another {outage.kinds[0]}")
                return text.format(" and ".join(parted)) + (", each to its own" if count > 1 else "")
    return ""


def _add(store: Holdings, outage: Outage) -> str:
    """What the loss of so many of the policy's domains would need."""
    kind, hit = store.policy.domain, outage.providers | outage.maybe
    members = [member for member in store.members if member.name in hit]
    count = max(1, len({domain_of(member, kind) or member.name for member in members}))
    if count > TOLERATE_MAX:
        return f"none: a store tolerates at most {TOLERATE_MAX} {kind}s"
    voters = 2 * count + 1 - len(by_domain((m for m in store.members if m.votes), kind))
    holders = count + 1 - len(by_domain((m for m in store.members if m.holds_data), kind))
    wanted = [
        f"{number} that can {what}"
        for number, what in ((voters, "vote"), (holders, "hold data"))
        if number > 0
    ]
    policy = f"a tolerance of {count} {kind}{'s' if count > 1 else ''}"
    if not wanted:
        return f"{policy}: there are providers enough for it"
    return f"{policy}, and for it providers of more {kind}s: {' and '.join(wanted)}"


def _only(outage: Outage, providers: frozenset[str]) -> Outage:
    return Outage(outage.name, outage.kinds, providers, frozenset(), outage.manner)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
