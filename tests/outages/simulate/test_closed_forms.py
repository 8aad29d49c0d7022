"""The simulation agrees with closed forms within 4 standard errors (seeded, so it always does or never)."""

import math

import numpy as np
import pytest

from outlast.outages.simulate.durations import Duration, Exponential, LogNormal, Observed
from outlast.outages.simulate.measure import Measure, measure
from outlast.outages.simulate.process import HOURS_PER_YEAR, Process, Unit
from outlast.outages.simulate.structure import (
    Structure,
    at_least,
    cut_sets,
    hanging_on,
    parallel,
    series,
)

from .closed_forms import all_failed_share, assert_agrees, at_least_failed, mean_time_to, unit


def simulate(process: Process, structure: Structure, years: float = 20_000, **options: bool) -> Measure:
    return measure(process, structure, years, np.random.default_rng(20261124), **options)


def alike(count: int, one: Unit) -> tuple[Unit, ...]:
    return (one,) * count


# ---------------------------------------------------------------- structures


@pytest.mark.parametrize(
    ("k", "n", "q"),
    [
        (1, 1, 0.2),
        (2, 3, 0.1),
        (3, 5, 0.01),
        (3, 5, 1e-4),
        pytest.param(5, 9, 0.05, marks=pytest.mark.slow),
    ],
)
def test_k_out_of_n(k: int, n: int, q: float) -> None:
    found = simulate(Process(alike(n, unit(q))), at_least(n - k + 1))
    assert_agrees(found.unavailability, at_least_failed(n - k + 1, n, q))


def test_series() -> None:
    units = tuple(unit(q, rate) for q, rate in ((0.1, 1.0), (0.02, 5.0), (0.001, 0.1)))
    found = simulate(Process(units), series())
    assert_agrees(found.unavailability, 1 - 0.9 * 0.98 * 0.999)


def test_parallel() -> None:
    units = tuple(unit(q, rate) for q, rate in ((0.01, 1.0), (0.002, 5.0), (0.0005, 0.1)))
    found = simulate(Process(units), parallel())
    assert_agrees(found.unavailability, 0.01 * 0.002 * 0.0005)


def test_how_often_a_parallel_system_fails() -> None:
    """Either unit may be the last to fail, the other one having failed: sum of rate(i) * up(i) * q(j)."""
    units = (unit(0.01, 1.0), unit(0.002, 5.0))
    found = simulate(Process(units), parallel(), years=200_000)
    assert_agrees(found.outages, 1.0 * 0.99 * 0.002 + 5.0 * 0.998 * 0.01)


@pytest.mark.slow
def test_bridge_network() -> None:
    """The classical network that is neither series nor parallel: 0.97848 with p = 0.9 each."""
    bridge = cut_sets([(0, 1), (3, 4), (0, 2, 4), (1, 2, 3)])
    found = simulate(Process(alike(5, unit(0.1))), bridge, years=400_000)
    assert_agrees(found.unavailability, 1 - 0.97848, relative_error_max=0.005)


def test_beta_factor() -> None:
    """2-out-of-3 with p = 1e-3, of which the share beta = 0.05 is from a cause common to all: 5.27e-5."""
    p, beta = 1e-3, 0.05
    own = (1 - beta) * p
    process = Process((*alike(3, unit(own)), unit(beta * p)))
    structure = hanging_on([(0, 3), (1, 3), (2, 3)], at_least(2))
    truth = 1 - (1 - beta * p) * (1 - at_least_failed(2, 3, own))
    assert truth == pytest.approx(5.27e-5, rel=1e-3)
    assert_agrees(simulate(process, structure).unavailability, truth)


# ---------------------------------------------------------------- repair


@pytest.mark.parametrize(("repairers", "told"), [(None, 7.47e-6), (1, 1.49e-5)])
def test_two_units_with_their_own_and_with_one_repairer(repairers: int | None, told: float) -> None:
    truth = all_failed_share(2, 1.0, HOURS_PER_YEAR / 24, repairers)
    assert truth == pytest.approx(told, rel=3e-3)
    found = simulate(Process(alike(2, Unit("", 1.0, Exponential(24))), repairers), parallel())
    assert_agrees(found.unavailability, truth)


@pytest.mark.slow
def test_two_repairers_of_four_units() -> None:
    found = simulate(Process(alike(4, Unit("", 1.0, Exponential(100))), 2), parallel())
    assert_agrees(found.unavailability, all_failed_share(4, 1.0, HOURS_PER_YEAR / 100, 2))


def test_what_heals_by_itself_takes_no_repairer() -> None:
    healing = alike(2, Unit("", 1.0, Exponential(24), self_healing=True))
    found = simulate(Process(healing, repairers=1), parallel())
    assert_agrees(found.unavailability, all_failed_share(2, 1.0, HOURS_PER_YEAR / 24, None))


@pytest.mark.parametrize(("repairers", "told"), [(None, 44_836), (1, 22_449)])
def test_three_copies_mean_time_to_data_loss(repairers: int | None, told: float) -> None:
    truth = mean_time_to(3, 3, 1.0, 365.0, repairers)
    assert truth == pytest.approx(told, abs=1)
    process = Process(alike(3, Unit("", 1.0, Exponential(24))), repairers)
    found = simulate(process, parallel(), until_failure=True)
    assert_agrees(found.outages, 1 / truth)
    assert found.unavailability is None
    assert found.mttf_years == pytest.approx(truth, rel=0.1)


def test_three_copies_watched_long_enough_lose_data_by_plain_sampling() -> None:
    process = Process(alike(3, Unit("", 1.0, Exponential(240))))
    found = simulate(process, parallel(), years=500_000, until_failure=True)
    assert found.outages.method == "plain"
    assert_agrees(found.outages, 1 / mean_time_to(3, 3, 1.0, 36.5, None), relative_error_max=0.05)


_drive = Unit("", 0.00405, Exponential(156))  # 0.405 % a year, 156 h until it is replaced and filled


def test_17_of_20_drives() -> None:
    """The rate of the first loss, with nothing simplified: 2.9e-11 a year, which is 10.5 nines."""
    truth = 1 / mean_time_to(4, 20, _drive.rate, HOURS_PER_YEAR / 156, None)
    assert truth == pytest.approx(2.94e-11, rel=0.01)
    found = simulate(Process(alike(20, _drive)), at_least(4), until_failure=True)
    assert_agrees(found.outages, truth)


def test_17_of_20_drives_in_windows_of_a_repair() -> None:
    """Counted as Backblaze does, by windows of 156 h in which 4 must fail: 11 nines.

    A window is independent of the last, so what fails across its edge is left out, and the rate is 4 times
    lower than the true one. The chance to find 4 failed at one moment is what such a window has.
    """
    windows_a_year = HOURS_PER_YEAR / 156
    found = simulate(Process(alike(20, _drive)), at_least(4))
    q = _drive.rate * 156 / HOURS_PER_YEAR / (1 + _drive.rate * 156 / HOURS_PER_YEAR)
    assert_agrees(found.unavailability, at_least_failed(4, 20, q))
    assert found.unavailability is not None and found.unavailability.value is not None
    assert math.floor(-math.log10(found.unavailability.value * windows_a_year)) == 11


@pytest.mark.parametrize(
    "repair", [LogNormal(10, 1.0), Observed((1.0, 2.0, 70.0)), Observed((24.0,))], ids=str
)
def test_unavailability_hangs_on_the_mean_repair_only(repair: Duration) -> None:
    """Of units with their own repairers: the alternating renewal theorem asks for no distribution."""
    q = repair.mean_h / HOURS_PER_YEAR / (1 + repair.mean_h / HOURS_PER_YEAR)
    found = simulate(Process(alike(4, Unit("", 1.0, repair))), at_least(3))
    assert_agrees(found.unavailability, at_least_failed(3, 4, q), relative_error_max=0.1)
