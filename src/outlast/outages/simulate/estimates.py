"""From cycles to figures with their intervals.

A long-run figure a year is a ratio of means over cycles: what happens in a cycle by how long a cycle is
(the renewal-reward theorem). Its standard error is that of a ratio (the delta method). With biased cycles the
numerator comes from them and the length from plain ones, each with its own spread (measure-specific
importance sampling: Goyal, Shahabuddin, Heidelberger, Nicola and Glynn, IEEE Transactions on Computers 41,
1992). Of that length, the part before the first failure is known exactly, and is not left to chance.

Intervals are of 95 %:

- *normal*: the estimate and 1.96 standard errors on either side; with biased cycles these include the spread
  of the likelihood ratios;
- *Wilson*: for rates of few counted events, where the normal one is too sure of itself (Wilson, Journal of
  the American Statistical Association 22, 1927; each cycle is a trial);
- *rule of three*: nothing was seen in N years, so the rate is below 3/N a year (Hanley and Lippman-Hand,
  "If nothing goes wrong, is everything all right?", JAMA 249, 1983). There is no estimate then.
"""

import math
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

import numpy as np

from outlast.outages.simulate.cycles import Cycles
from outlast.outages.simulate.durations import Floats

Method: TypeAlias = Literal["plain", "failure biasing", "not simulated"]
Interval: TypeAlias = Literal["normal", "Wilson", "rule of three", "none"]

z95 = 1.96
# With fewer counted events than this, the normal interval of their rate is too sure of itself.
normal_events_min = 100


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure per year, its 95 % interval, and how both were obtained.

    `value` and `standard_error` are None where nothing was seen; `high` is None where nothing seen bounds
    nothing. `events` is how many system failures were seen, in `cycles` cycles.
    """

    value: float | None
    standard_error: float | None
    low: float
    high: float | None
    events: int
    cycles: int
    method: Method
    interval: Interval

    @property
    def relative_error(self) -> float:
        """The standard error divided by the value; infinite where nothing was seen."""
        return self.standard_error / self.value if self.value and self.standard_error else math.inf


class Sums:
    """Sums over cycles, enough for means, and for their spread and covariances."""

    columns = ("length", "busy", "down", "outages")

    def __init__(self, units: int) -> None:
        self.cycles = 0
        self.events = 0
        self.blame: Floats = np.zeros(units)
        self._sums: Floats = np.zeros(len(self.columns))
        self._products: Floats = np.zeros((len(self.columns), len(self.columns)))

    def add(self, cycles: Cycles) -> Self:
        """Add these cycles, weighted."""
        busy = cycles.length - cycles.idle
        rows = np.stack([cycles.length, busy, cycles.down, cycles.outages]) * cycles.weight
        self.cycles += cycles.weight.size
        self.events += int(cycles.outages.sum())
        self.blame += cycles.blame
        self._sums += rows.sum(axis=1)
        self._products += rows @ rows.T
        return self

    @property
    def years(self) -> float:
        """All cycles together. Of plain ones: how long was watched."""
        return float(self._sums[0])

    def mean(self, column: str) -> float:
        """The mean of a cycle's `length`, `busy` (all but `idle`), `down` (all in years) or `outages`."""
        return float(self._sums[self.columns.index(column)] / self.cycles)

    def covariance(self, one: str, other: str) -> float:
        """The covariance of two means over all cycles (not of single cycles)."""
        i, j = self.columns.index(one), self.columns.index(other)
        product = float(self._products[i, j]) / self.cycles
        return (product - self.mean(one) * self.mean(other)) / self.cycles


def plain_estimate(sums: Sums, what: Literal["down", "outages"]) -> Estimate:
    """The share of time for which the system is `down`, or its `outages` a year, from plain cycles."""
    if not sums.events:
        high = 3 / sums.years if what == "outages" else None
        return Estimate(None, None, 0.0, high, 0, sums.cycles, "plain", "rule of three" if high else "none")
    value = sums.mean(what) / sums.mean("length")
    variance = (
        sums.covariance(what, what)
        - 2 * value * sums.covariance(what, "length")
        + value**2 * sums.covariance("length", "length")
    ) / sums.mean("length") ** 2
    error = math.sqrt(max(0.0, variance))
    if what == "outages" and sums.events < normal_events_min:
        low, high = wilson(sums.events, sums.cycles)
        return Estimate(
            value,
            error,
            low / sums.mean("length"),
            high / sums.mean("length"),
            sums.events,
            sums.cycles,
            "plain",
            "Wilson",
        )
    return _normal(value, error, sums, "plain")


def biased_estimate(biased: Sums, plain: Sums, rate: float, what: Literal["down", "outages"]) -> Estimate:
    """The same from biased cycles; the mean length of a cycle is from plain ones and the units' `rate`."""
    if not biased.events:
        return Estimate(None, None, 0.0, None, 0, biased.cycles, "failure biasing", "none")
    length = 1 / rate + plain.mean("busy")
    value = biased.mean(what) / length
    variance = (biased.covariance(what, what) + value**2 * plain.covariance("busy", "busy")) / length**2
    return _normal(value, math.sqrt(variance), biased, "failure biasing")


def wilson(events: int, trials: int) -> tuple[float, float]:
    """The Wilson score interval of a probability."""
    share = events / trials
    scale = 1 + z95**2 / trials
    middle = (share + z95**2 / (2 * trials)) / scale
    half = z95 / scale * math.sqrt(share * (1 - share) / trials + z95**2 / (4 * trials**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _normal(value: float, error: float, sums: Sums, method: Method) -> Estimate:
    return Estimate(
        value,
        error,
        max(0.0, value - z95 * error),
        value + z95 * error,
        sums.events,
        sums.cycles,
        method,
        "normal",
    )
