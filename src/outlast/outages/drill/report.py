"""What became of a drill: what was promised, what was seen. JSON in the catalog, text for people."""

from array import array
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from outlast.outages.drill.canary import Window

End: TypeAlias = Literal["finished", "broken", "stopped", "overtaken"]
"""It went to its end; a promise was broken; somebody stopped it; a provider failed that was not to."""

failures_told_max = 20


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """The canary's reads, or writes, that began in one window.

    Percentiles in ms, of those that were done well, and of those that were under way in the end.
    """

    done: int
    failed: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None = None


class DrillReport(msgspec.Struct, frozen=True, kw_only=True):
    """A drill. Times are ms since the Unix epoch, durations in seconds; None: it was not seen to happen."""

    what: str
    providers: tuple[str, ...]
    faults: tuple[str, ...]
    speed: float
    began: int
    ended: int
    """When the faults ended."""
    end: End
    verdict: str
    """What-if's, for this outage on this store as it was, with those who were away already."""
    promised: tuple[str, ...]
    kept: bool
    broken: str
    """The first broken promise; "" if none was."""
    requests: dict[str, dict[str, Requests]]
    """By window (before, during, after) and by `read` and `write`."""
    failures: tuple[str, ...]
    """The first few of the canary's."""
    noticed_s: dict[str, float | None]
    """By provider, after how long it was known to fail."""
    back_s: float | None
    """After the end, until all were known to be well."""
    whole_s: float | None
    """After the end, until nothing missed a fragment or a slot of the log, and nothing did for a while."""
    notes: tuple[str, ...] = ()


def requests_of(window: Window) -> dict[str, Requests]:
    """The window's figures."""
    return {
        kind: Requests(
            done=len(seconds),
            failed=window.failed[kind],
            p50_ms=percentile_ms(seconds, 0.5),
            p99_ms=percentile_ms(seconds, 0.99),
            max_ms=percentile_ms(seconds, 1.0),
        )
        for kind, seconds in window.seconds.items()
    }


def percentile_ms(seconds: "array[float]", share: float) -> float | None:
    """The latency that `share` of them kept below; None of none."""
    if not seconds:
        return None
    return round(1000 * sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))], 2)


def encoded(report: DrillReport) -> bytes:
    """JSON."""
    return msgspec.json.encode(report)


def decoded(data: bytes) -> DrillReport:
    """What `encoded` made; also by another version, as far as the fields are known here."""
    return msgspec.json.decode(data, type=DrillReport)


def as_json(report: DrillReport) -> dict[str, Any]:
    """As `--json` prints it."""
    built: dict[str, Any] = msgspec.to_builtins(report)
    return built


def lines(report: DrillReport) -> list[str]:
    """The report for people."""
    windows = [
        f"  {name:8} {_requests_text(kinds)}" for name, kinds in report.requests.items() if _any(kinds)
    ]
    noticed = ", ".join(f"{name} {_seconds(at)}" for name, at in report.noticed_s.items())
    return [
        f"{report.what}: {_ends[report.end]}; {'the promise was kept' if report.kept else report.broken}",
        f"  failed   {', '.join(report.providers)}: {', then '.join(report.faults)}",
        f"  promised {', '.join(f'{deed}s go on' for deed in report.promised) or 'nothing'}"
        f" ({report.verdict})",
        *windows,
        f"  noticed  {noticed}",
        f"  all back {_seconds(report.back_s)} after the end; whole again: {_seconds(report.whole_s)}",
        *(f"  failure  {text}" for text in report.failures),
        *(f"  note     {text}" for text in report.notes),
    ]


_ends: Mapping[End, str] = {
    "finished": "played to its end",
    "broken": "ended at a broken promise",
    "stopped": "stopped before its end",
    "overtaken": "ended because a provider failed that was not to",
}


def _any(kinds: Mapping[str, Requests]) -> bool:
    return any(one.done or one.failed for one in kinds.values())


def _requests_text(kinds: Mapping[str, Requests]) -> str:
    return "; ".join(
        f"{one.done + one.failed} {kind}s, {one.failed} failed"
        + (
            ""
            if one.p50_ms is None or one.p99_ms is None
            else f", p50 {one.p50_ms:.1f} ms, p99 {one.p99_ms:.1f} ms, slowest {one.max_ms or 0:.1f} ms"
        )
        for kind, one in kinds.items()
        if one.p99_ms is not None or one.failed
    )


def _seconds(value: float | None) -> str:
    return "not seen" if value is None else f"{value:.1f} s"
