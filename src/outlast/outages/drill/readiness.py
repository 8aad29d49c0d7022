"""Reasons not to begin a drill. A person may override them."""

from collections.abc import Mapping, Sequence

from outlast.catalog.records import DrillSet
from outlast.outages.what_if import Verdict


def excess(verdict: Verdict) -> list[str]:
    """More would fail than the store tolerates."""
    if not verdict.bad:
        return []
    most = verdict.most
    wanting = f", too few are left by {-most.redundancy}" if most.redundancy < 0 else ""
    return [f"{verdict.outage.name} is more than the store tolerates: {verdict.most.summary}{wanting}"]


def ill(now: Mapping[str, str], degraded: int, drills: Sequence[DrillSet]) -> list[str]:
    """The store is not healthy: `now` has the unhealthy providers, `drills` are those in force."""
    found = [f"{name} is {state}" for name, state in sorted(now.items())]
    if degraded:
        found.append(f"{degraded} extents miss a fragment")
    if drills:
        found.append(f"a drill is in progress at {', '.join(drill.provider for drill in drills)}")
    return found
