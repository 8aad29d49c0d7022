"""Drills from the catalog, in the words of a report."""

from datetime import UTC, datetime

import msgspec

from outlast.catalog.records import DrillReported
from outlast.outages.drill.report import DrillReport as Drill
from outlast.outages.drill.report import Requests, decoded
from outlast.outages.report.contents import PastDrill

DURING = "during"


def past_drill(record: DrillReported) -> PastDrill:
    """The result of a drill. If another version wrote it, perhaps only whether the promises were kept."""
    try:
        drill = decoded(record.report)
    except msgspec.DecodeError:
        drill = None
    return PastDrill(
        began=datetime.fromtimestamp(record.began / 1000, UTC),
        what=record.what,
        shape=", then ".join(drill.faults) if drill else "not known",
        duration_s=round((record.ended - record.began) / 1000),
        kept=record.kept,
        observed=_observed(drill) if drill else "written by another version of Outlast",
    )


def _observed(drill: Drill) -> str:
    """What was observed, in one line: requests during the drill, and the time to recovery."""
    while_it_lasted = drill.requests.get(DURING, {})
    parts = [_requests(kind, one) for kind, one in while_it_lasted.items() if one.done + one.failed]
    noticed = [after for after in drill.noticed_s.values() if after is not None]
    if noticed:
        parts.append(f"noticed after {max(noticed):.1f} s")
    if drill.whole_s is not None:
        parts.append(f"whole again {drill.whole_s:.1f} s after the end")
    return "; ".join([*([drill.broken] if drill.broken else []), *parts])


def _requests(kind: str, one: Requests) -> str:
    p99 = "" if one.p99_ms is None else f", p99 {one.p99_ms:.0f} ms"
    return f"{one.failed} of {one.done + one.failed:,} {kind}s failed{p99}"
