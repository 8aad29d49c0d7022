"""The result of a drill: what was promised, and what was observed. JSON in the catalog, text for people."""

from array import array
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from outlast.outages.drill.canary import Window

End: TypeAlias = Literal["finished", "broken", "stopped", "overtaken"]
"""It ran to its end; a promise was broken; it was stopped; a provider failed that was not to fail."""

failures_kept_max = 20


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """The canary's reads, or writes, that began in one window.

    Percentiles in ms, of requests that succeeded, and of those in flight at the end.
    """

    done: int
    failed: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None = None


class DrillReport(msgspec.Struct, frozen=True, kw_only=True):
    """A drill. Times are ms since the Unix epoch, durations in seconds; None: it was not observed."""

    what: str
    providers: tuple[str, ...]
    faults: tuple[str, ...]
    speed: float
    began: int
    ended: int
    """When the faults ended."""
    end: End
    verdict: str
    """What-if's, for this outage on the store as it was, with the providers that were already away."""
    promised: tuple[str, ...]
    kept: bool
    broken: str
    """The first broken promise; "" if none was."""
    requests: dict[str, dict[str, Requests]]
    """By window (before, during, after) and by `read` and `write`."""
    failures: tuple[str, ...]
    """The canary's first failures."""
    noticed_s: dict[str, float | None]
    """By provider, how long it took until its failure was detected."""
    back_s: float | None
    """After the end, until all were known to be healthy."""
    whole_s: float | None
    """After the end, until no fragment and no slot of the log was missing, for a while."""
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
    """The latency that a `share` of them stayed below; None if there are none."""
    if not seconds:
        return None
    return round(1000 * sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))], 2)


def encoded(report: DrillReport) -> bytes:
    """JSON."""
    return msgspec.json.encode(report)


def decoded(data: bytes) -> DrillReport:
    """Decode what `encoded` made, also in another version, as far as the fields are known here."""
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
    "overtaken": "ended because a provider failed that was not to fail",
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
