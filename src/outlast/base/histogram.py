"""A histogram with fixed bounds, for metrics."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

# Upper bounds in seconds, from a disk's latency to a deadline. Each is about 2.5 times the one before.
latency_bounds_s = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Histogram:
    """Counts by upper bound."""

    bounds: Sequence[float]
    """Ascending; a value equal to a bound counts below it."""
    counts: list[int] = field(init=False)
    """How many values each bucket holds, one bucket per bound (not cumulative), and last those above all."""
    total: float = 0.0
    """The sum of all values."""

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count a value."""
        self.total += value
        self.counts[bisect_left(self.bounds, value)] += 1


def latencies() -> Histogram:
    """An empty histogram of seconds."""
    return Histogram(latency_bounds_s)
