"""Intervals hold what they say, weights are fair, and what was not seen is not made up."""

import numpy as np
import pytest

from outlast.outages.simulate.cycles import walk
from outlast.outages.simulate.durations import Duration, Exponential, LogNormal, Observed
from outlast.outages.simulate.estimates import Sums, biased_estimate, plain_estimate, wilson
from outlast.outages.simulate.measure import measure
from outlast.outages.simulate.process import Process, Unit
from outlast.outages.simulate.structure import at_least, parallel, series

from .closed_forms import at_least_failed, mean_time_to, unit

TWO = Process((unit(0.02),) * 2)


def test_the_same_seed_gives_the_same_figures() -> None:
    def once(seed: int) -> object:
        return measure(TWO, parallel(), 1000, np.random.default_rng(seed))

    assert once(7) == once(7)
    assert once(7) != once(8)


@pytest.mark.parametrize("biased", [False, True])
def test_intervals_hold_the_truth_about_95_times_in_100(biased: bool) -> None:
    truth = at_least_failed(2, 2, 0.02)
    held = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        plain = Sums(2).add(walk(TWO, parallel(), 20_000, generator))
        found = plain_estimate(plain, "down")
        if biased:
            cycles = Sums(2).add(walk(TWO, parallel(), 2_000, generator, biased=True))
            found = biased_estimate(cycles, plain, TWO.rate, "down")
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert 182 <= held <= 198  # 190 +- 2.6 standard deviations


def test_intervals_of_few_events_hold_the_truth_about_95_times_in_100() -> None:
    process = Process((Unit("", 1.0, Exponential(24)),) * 3)
    truth = 1 / mean_time_to(2, 3, 1.0, 365.0, None)  # one in 61 years
    held, intervals = 0, set()
    for seed in range(200):
        cycles = walk(process, at_least(2), 1_000, np.random.default_rng(seed), until_failure=True)
        found = plain_estimate(Sums(3).add(cycles), "outages")
        intervals.add(found.interval)
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert intervals == {"Wilson", "rule of three"}  # in one or two of the 200 nothing was seen
    assert 182 <= held <= 198


def test_wilson_interval_as_published() -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I: 15 of 148, and 0 of 20."""
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@pytest.mark.parametrize("repairers", [None, 1])
@pytest.mark.parametrize("repair", [Exponential(24), LogNormal(10, 1.0), Observed((1.0, 50.0))], ids=str)
def test_weights_are_fair(repair: Duration, repairers: int | None) -> None:
    """Under biasing, what is counted by weight is what happens by nature: all cycles, and their lengths."""
    units = (Unit("a", 1.0, repair), Unit("b", 3.0, repair), Unit("c", 0.2, repair, self_healing=True))
    process = Process(units, repairers)
    generator = np.random.default_rng(3)
    biased = walk(process, at_least(2), 100_000, generator, biased=True)
    plain = walk(process, at_least(2), 100_000, generator)
    assert plain.weight.min() == plain.weight.max() == 1
    for column in (np.ones_like, lambda lengths: lengths):
        by_weight, by_nature = biased.weight * column(biased.length), column(plain.length)
        error = np.hypot(by_weight.std(), by_nature.std()) / np.sqrt(by_weight.size)
        assert abs(by_weight.mean() - by_nature.mean()) <= 4 * error


def test_a_repairer_who_is_busy_keeps_others_waiting() -> None:
    units = (Unit("", 1.0, Exponential(24)),) * 2
    alone, both = (
        walk(Process(units, repairers), parallel(), 200_000, np.random.default_rng(4)).down.mean()
        for repairers in (1, None)
    )
    assert alone / both == pytest.approx(2, rel=0.2)


def test_failure_biasing_is_asked_only_where_plain_sampling_saw_too_little() -> None:
    often = measure(TWO, series(), 1000, np.random.default_rng(1))
    seldom = measure(TWO, parallel(), 1000, np.random.default_rng(1))
    assert often.outages.method == "plain"
    assert seldom.outages.method == "failure biasing"


def test_what_cannot_happen_is_told_as_not_seen() -> None:
    found = measure(TWO, at_least(3), 1000, np.random.default_rng(1))
    assert found.outages.value is None
    assert found.outages.high == pytest.approx(3 / found.years)
    assert found.outages.interval == "rule of three"
    assert found.unavailability is not None
    assert (found.unavailability.value, found.unavailability.high) == (None, None)
    assert found.years == pytest.approx(1000, rel=0.1)


@pytest.mark.parametrize("until_failure", [False, True])
def test_where_nothing_can_fail_nothing_is_simulated(until_failure: bool) -> None:
    found = measure(Process(()), series(), 300, np.random.default_rng(1), until_failure=until_failure)
    assert (found.outages.value, found.outages.method, found.years) == (0, "not simulated", 0)


def test_blame_names_what_had_failed() -> None:
    """a and b, or c: each pair's share of the time of failure."""
    units = (unit(0.02, name="a"), unit(0.02, name="b"), unit(0.0004, name="c"))

    def structure(failed: np.ndarray) -> np.ndarray:
        return (failed[0] & failed[1]) | failed[2]

    found = measure(Process(units), structure, 200_000, np.random.default_rng(1))
    assert found.blame["a"] == pytest.approx(0.5, abs=0.07)
    assert found.blame["b"] == pytest.approx(0.5, abs=0.07)
    assert found.blame["c"] == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("duration", [Exponential(5), LogNormal(3, 0.8), Observed((1.0, 2.0, 9.0))], ids=str)
def test_durations_have_the_mean_that_they_tell(duration: Duration) -> None:
    generator = np.random.default_rng(2)
    drawn, by_length = (draw(generator, 200_000) for draw in (duration.draw, duration.draw_by_length))
    assert drawn.mean() == pytest.approx(duration.mean_h, rel=0.01)
    # Drawn by length, the mean is that of the squares by that of the lengths.
    assert by_length.mean() == pytest.approx((drawn**2).mean() / drawn.mean(), rel=0.03)
    assert drawn.min() > 0
