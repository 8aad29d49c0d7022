"""The cheapest fix of a bad verdict: what to do, from what costs nothing to what costs providers.

    bring back      the providers that are already away make the difference
    repair          what is already missing makes the difference, or what may only be called missing
    raise quotas    the quotas that are used up make the difference
    determine       the domain of some providers is unknown, and whether they share it makes the difference
    part            fewer providers in the domain: the loss of the rest is tolerated
    add             a new store with as many providers as it takes to tolerate losing as many domains

Each but the last is tried: it is proposed only if the verdict is good with it. The last is what the policy's
own rules need. Members, their domains, and the policy are fixed when a store is made, so where these would
have to change, the fix is a new store, and says so. How a provider is reached (which host, with which
credential) is a line in `outlast.toml`, and may change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from outlast.outages.holdings import Holdings
from outlast.outages.model import PLACED
from outlast.outages.what_if import INCIDENT, Outage, Verdict, what_if
from outlast.placement.domains import by_domain, domain_of
from outlast.placement.policy import TOLERATE_MAX

# Moving more providers than this amounts to a new store.
parted_max = 3
_elsewhere = {
    "credential": "give {} another credential in outlast.toml",
    "dns": "name an empty place under another DNS zone for {} in outlast.toml, then: outlast repair",
    "gateway": "name an empty place on another machine for {} in outlast.toml, then: outlast repair",
}
_new_store = "a new store (outlast init) with {} in another {kind}"


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do, in one line for people, and the verdict with it; None where it could not be tried."""

    text: str
    after: Verdict | None = None


def cheapest_fix(store: Holdings, verdict: Verdict, now: Mapping[str, str]) -> Fix | None:
    """The first fix that helps; None where there is nothing to fix."""
    if not verdict.bad:
        return None
    outage = verdict.outage
    if "key" in outage.kinds:
        return Fix("copy the key file to another place, from which outlast recover opens the store anywhere")
    if store.late and not what_if(store.hopeful.repaired(), outage, now).bad:
        # The verdict afterwards depends on what the repair reads.
        return Fix("outlast repair: it reads the fragments that count as missing and may be right")
    if what_if(replace(store, full=frozenset()), _only(outage, frozenset()), {}).bad:
        return Fix("none here: some objects are unreadable even with all providers (see outlast repair)")
    return (
        _fix_present(store, outage, now)
        or _determine(store, outage, now)
        or _part(store, outage, now)
        or Fix(_add(store, outage))
    )


def _fix_present(store: Holdings, outage: Outage, now: Mapping[str, str]) -> Fix | None:
    """The smallest set of steps on the store's present state that makes the difference."""
    steps = _steps(store, now)
    for count in range(1, len(steps) + 1):
        for some in combinations(steps, count):
            fixed = _repaired(store, now) if any(step.repairs for step in some) else store
            if any(step.makes_room for step in some):
                fixed = replace(fixed, full=frozenset())
            still = {} if any(step.brings_back for step in some) else now
            if not (after := what_if(fixed, outage, still)).bad:
                return Fix(", then: ".join(step.text for step in some), after)
    return None


def _repaired(store: Holdings, now: Mapping[str, str]) -> Holdings:
    """The store after a repair. An estranged provider may have lost everything."""
    return store.without({name for name in now if now[name] == "estranged"}).repaired()


@dataclass(frozen=True, slots=True)
class _Step:
    """A step that improves the present state, and what it changes."""

    text: str
    brings_back: bool = False
    makes_room: bool = False
    repairs: bool = False


def _steps(store: Holdings, now: Mapping[str, str]) -> list[_Step]:
    """In the order in which to take them."""
    found = []
    down = sorted(name for name in now if now[name] == "down")
    unconfigured = sorted(name for name in now if now[name] == "unconfigured")
    back = [
        *([f"bring back {_listed(down)} (see outlast status)"] if down else []),
        *([f"name {_listed(unconfigured)} in outlast.toml"] if unconfigured else []),
    ]
    if "estranged" in now.values():
        # A repair takes back estranged providers, so both are one step: neither alone would help.
        found.append(_Step(", then: ".join([*back, "outlast repair"]), brings_back=True, repairs=True))
    else:
        if back:
            found.append(_Step(", then: ".join(back), brings_back=True))
        if store.repaired() != store:
            found.append(_Step("outlast repair", repairs=True))
    if store.full:
        found.append(
            _Step(f"raise the quotas of {_listed(sorted(store.full))} in outlast.toml", makes_room=True)
        )
    return found


def _determine(store: Holdings, outage: Outage, now: Mapping[str, str]) -> Fix | None:
    kinds = [kind for kind in dict.fromkeys(outage.kinds) if kind in PLACED]
    if not outage.maybe or not kinds:
        return None
    if (after := what_if(store, _only(outage, outage.providers), now)).bad:
        return None
    names = ", ".join(sorted(outage.maybe))
    text = f"determine the {' and '.join(kinds)} of {names}: if it is not shared, no request fails"
    return Fix(text, after)


def _part(store: Holdings, outage: Outage, now: Mapping[str, str]) -> Fix | None:
    """Fewer providers in one domain."""
    hit = sorted(outage.providers | outage.maybe)
    if len(outage.kinds) > 1 or outage.kinds == (INCIDENT,):
        return None
    for count in range(1, min(parted_max, len(hit) - 1) + 1):
        for parted in combinations(hit, count):
            if not (after := what_if(store, _only(outage, frozenset(hit) - set(parted)), now)).bad:
                kind = outage.kinds[0]
                text = _elsewhere.get(kind, _new_store).format(" and ".join(parted), kind=kind)
                # Two at once that must be refilled could be too many.
                each = ", each in its own" if kind in PLACED else ", one after the other"
                return Fix(text + (each if count > 1 else ""), after)
    return None


def _add(store: Holdings, outage: Outage) -> str:
    """What a store needs to tolerate the loss of all these domains of the policy's kind."""
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
    new = f"a new store that tolerates {count} (outlast init --tolerate {count})"
    if not wanted:
        return f"{new}: there are enough providers for it"
    return f"{new}, with providers of more {kind}s: {' and '.join(wanted)}"


def _only(outage: Outage, providers: frozenset[str]) -> Outage:
    return Outage(outage.name, outage.kinds, providers, frozenset(), outage.manner)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
