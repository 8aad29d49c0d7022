"""One figure, beside its limit."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Measurement:
    """`ratio` is the share of the limit that is reached: 1 is as fast as the limit, whatever the unit."""

    name: str
    value: float
    unit: str
    limit: float
    ratio: float
    of: str
    """What the limit is."""
    note: str = ""

    def as_json(self) -> dict[str, object]:
        """As it stands in `build/bench.json`."""
        told = asdict(self)
        return {key: told[key] for key in ("name", "value", "unit", "limit", "ratio")}


def rate(
    name: str, unit: str, values: Sequence[float], limits: Sequence[float], of: str, note: str = ""
) -> Measurement:
    """A figure that is better when it is larger."""
    value, limit = median(values), median(limits)
    return Measurement(name, round(value, 1), unit, round(limit, 1), round(value / limit, 3), of, note)


def duration(
    name: str, seconds: Sequence[float], limits_s: Sequence[float], of: str, note: str = ""
) -> Measurement:
    """A figure that is better when it is smaller, in milliseconds."""
    value, limit = median(seconds) * 1000, median(limits_s) * 1000
    return Measurement(name, round(value, 2), "ms", round(limit, 2), round(limit / value, 3), of, note)


def latency(name: str, seconds: Sequence[float], limits_s: Sequence[float], of: str) -> list[Measurement]:
    """Two figures that are better when they are smaller, the median and the 99th percentile."""
    found = []
    for percent in (50, 99):
        value, limit = (percentile(those, percent) * 1000 for those in (seconds, limits_s))
        note = f"of {len(seconds)}; longest {max(seconds) * 1000:.0f} ms"
        found.append(
            Measurement(
                f"{name}, p{percent}",
                round(value, 2),
                "ms",
                round(limit, 2),
                round(limit / value, 3),
                of,
                note,
            )
        )
    return found


def percentile(seconds: Sequence[float], percent: int) -> float:
    """The smallest that is not below so many of a hundred."""
    return sorted(seconds)[min(len(seconds) - 1, len(seconds) * percent // 100)]


def percentiles(seconds: Sequence[float]) -> str:
    """The median and the 99th percentile, for a note."""
    p50, p99 = percentile(seconds, 50), percentile(seconds, 99)
    return f"p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms"


def table(measurements: Sequence[Measurement]) -> str:
    """All of them, to be read."""
    rows = [("", "value", "", "limit", "ratio", "limit is", "")]
    for m in measurements:
        rows.append((m.name, f"{m.value:,.1f}", m.unit, f"{m.limit:,.1f}", f"{m.ratio:.2f}", m.of, m.note))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = (1, 3, 4)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
