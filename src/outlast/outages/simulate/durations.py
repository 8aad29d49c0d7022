"""How long an outage or a repair takes: distributions, in hours.

Outages are skewed: most are short, a few are very long, and the long ones are what meets a second outage. So
a log-normal (given by its median and the standard deviation of its logarithm) is the usual description of an
outage, and of times to repair in general (MIL-HDBK-472; Kline, "Suitability of the lognormal distribution
for corrective maintenance repair times", Reliability Engineering 9, 1984). The exponential is what closed
forms assume.
"""

import math
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


class Duration(Protocol):
    """A distribution of durations."""

    @property
    def mean_h(self) -> float:
        """The mean, in hours."""
        ...

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        """`count` independent durations, in hours, all positive."""
        ...

    def draw_by_length(self, generator: np.random.Generator, count: int) -> Floats:
        """`count` of them, each as likely as it is long: their density is d / mean times that of `draw`.

        These are the outages that an observer meets at a random moment (the inspection paradox).
        """
        ...


@dataclass(frozen=True, slots=True)
class Exponential:
    """The memoryless one, by its mean."""

    mean_h: float

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        return generator.exponential(self.mean_h, count)

    def draw_by_length(self, generator: np.random.Generator, count: int) -> Floats:
        return generator.gamma(2.0, self.mean_h, count)

    def __str__(self) -> str:
        return f"exponential, mean {self.mean_h:.3g} h"


@dataclass(frozen=True, slots=True)
class LogNormal:
    """By its median and the standard deviation `sigma` of its natural logarithm."""

    median_h: float
    sigma: float

    @property
    def mean_h(self) -> float:
        return self.median_h * math.exp(self.sigma**2 / 2)

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        return generator.lognormal(math.log(self.median_h), self.sigma, count)

    def draw_by_length(self, generator: np.random.Generator, count: int) -> Floats:
        return generator.lognormal(math.log(self.median_h) + self.sigma**2, self.sigma, count)

    def __str__(self) -> str:
        return f"log-normal, median {self.median_h:g} h, sigma {self.sigma:g}"


@dataclass(frozen=True, slots=True)
class Observed:
    """One of the observed durations, each as likely as the others (the empirical distribution).

    It never exceeds the longest that was observed.
    """

    hours: tuple[float, ...]

    @property
    def mean_h(self) -> float:
        return math.fsum(self.hours) / len(self.hours)

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        return generator.choice(np.asarray(self.hours, dtype=np.float64), count)

    def draw_by_length(self, generator: np.random.Generator, count: int) -> Floats:
        hours = np.asarray(self.hours, dtype=np.float64)
        return generator.choice(hours, count, p=hours / hours.sum())

    def __str__(self) -> str:
        return f"as {len(self.hours)} seen, mean {self.mean_h:.3g} h"
