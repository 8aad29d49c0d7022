"""What textbooks say of simple systems, exactly; and whether an estimate agrees."""

import math

import numpy as np

from outlast.outages.simulate.durations import Exponential
from outlast.outages.simulate.estimates import Estimate
from outlast.outages.simulate.process import HOURS_PER_YEAR, Unit


def unit(unavailability: float, rate: float = 1.0, name: str = "") -> Unit:
    """A unit that is failed for this share of the time: q = rate * mdt / (1 + rate * mdt)."""
    mean_down_years = unavailability / (1 - unavailability) / rate
    return Unit(name, rate, Exponential(mean_down_years * HOURS_PER_YEAR))


def at_least_failed(failures: int, units: int, q: float) -> float:
    """The chance that at least so many of equal, independent units have failed (the binomial's tail)."""
    return math.fsum(math.comb(units, n) * q**n * (1 - q) ** (units - n) for n in range(failures, units + 1))


def _rates(units: int, fail: float, repair: float, repairers: int | None) -> tuple[list[float], list[float]]:
    failing = [(units - failed) * fail for failed in range(units)]
    repairing = [min(failed, repairers or failed) * repair for failed in range(1, units + 1)]
    return failing, repairing


def all_failed_share(units: int, fail: float, repair: float, repairers: int | None) -> float:
    """The share of time in which all have failed, with exponential repairs (a birth-death chain)."""
    failing, repairing = _rates(units, fail, repair, repairers)
    states = np.cumprod([1.0, *(up / down for up, down in zip(failing, repairing, strict=True))])
    return float(states[-1] / states.sum())


def mean_time_to(failures: int, units: int, fail: float, repair: float, repairers: int | None) -> float:
    """Years until so many have failed at once, all working at the start (a birth-death chain).

    From i failed to i + 1 it takes h(i) = (1 + repair(i) * h(i - 1)) / fail(i).
    """
    failing, repairing = _rates(units, fail, repair, repairers)
    total = step = 0.0
    for failed in range(failures):
        back = repairing[failed - 1] if failed else 0.0
        step = (1 + back * step) / failing[failed]
        total += step
    return total


def assert_agrees(estimate: Estimate | None, truth: float, relative_error_max: float = 0.03) -> None:
    """Within 4 standard errors, and these small enough for the agreement to mean something."""
    assert estimate is not None
    assert estimate.value is not None and estimate.standard_error is not None
    assert estimate.relative_error <= relative_error_max
    assert abs(estimate.value - truth) <= 4 * estimate.standard_error, (estimate, truth)
