"""A whole store's forecast: what it must agree with, and what it costs."""

import math
import time

import msgspec
import numpy as np
import pytest

from outlast.base.errors import ConfigError
from outlast.outages.simulate import Rates, causes_of, default_rates, described, forecast, measure
from outlast.outages.simulate.causes import model_of
from outlast.outages.simulate.process import HOURS_PER_YEAR
from outlast.placement.members import Policy

from .closed_forms import assert_agrees, at_least_failed


@pytest.mark.parametrize(("providers", "tolerate"), [(3, 1), pytest.param(5, 2, marks=pytest.mark.slow)])
def test_availability_of_a_store_agrees_with_its_closed_form(providers: int, tolerate: int) -> None:
    """Providers that share nothing fail independently, each when any of its causes does: a binomial's tail.

    Whatever the distributions are. That losses wait for the one repairer is left out; they are rare.
    """
    rates, layout = default_rates(), described(providers, Policy(tolerate))
    own = [cause.unit for cause in causes_of(layout, rates) if cause.members == (0,)]
    q = 1 - math.prod(1 / (1 + unit.rate * unit.repair.mean_h / HOURS_PER_YEAR) for unit in own)
    found = forecast(layout, rates, 2000, seed=2).reads
    assert_agrees(found.unavailability, at_least_failed(tolerate + 1, providers, q))


def test_durability_of_a_store_agrees_with_its_closed_form() -> None:
    """Three providers of rate r, any two erased at once is loss, one repairer: 2 of 3 in a birth-death chain.

    Each provider is erased by causes of its own at rates that add up to r.
    """
    rates = default_rates()
    r = sum(one.rate for one in rates.causes if one.effect == "loss" and not one.only)
    mu = HOURS_PER_YEAR / rates.repair.mean_h
    mttf = 1 / (3 * r) + (1 + mu / (3 * r)) / (2 * r)
    found = forecast(described(3, Policy(1)), rates, 1000, seed=3).data
    # A provider that is erased already can be hit by its other causes, which is no further loss: r is small.
    assert_agrees(found.outages, 1 / mttf)


def test_plain_and_biased_sampling_agree() -> None:
    rates = default_rates()
    layout = described(3, Policy(1))
    model = model_of(layout, causes_of(layout, rates), rates, "reads")
    plain = measure(model.process, model.structure, 300_000, np.random.default_rng(1))
    biased = measure(model.process, model.structure, 1_000, np.random.default_rng(2))
    assert (plain.outages.method, biased.outages.method) == ("plain", "failure biasing")
    for one, other in ((plain.outages, biased.outages), (plain.unavailability, biased.unavailability)):
        assert one is not None and one.value is not None and one.standard_error is not None
        assert other is not None and other.value is not None and other.standard_error is not None
        error = np.hypot(one.standard_error, other.standard_error)
        assert error < 0.06 * one.value
        assert abs(one.value - other.value) <= 4 * error


def scaled(factor: float) -> Rates:
    """The default table with all rates times `factor`."""
    rates = default_rates()
    causes = tuple(msgspec.structs.replace(one, rate=one.rate * factor) for one in rates.causes)
    return msgspec.structs.replace(rates, causes=causes)


def test_what_nothing_in_the_table_can_cause_is_not_said_to_have_been_simulated() -> None:
    found = forecast(described(3, Policy(1)), scaled(0), 1000, seed=1)
    for one in (found.reads, found.writes, found.data):
        assert (one.outages.method, one.outages.value, one.years) == ("not simulated", 0, 0)


@pytest.mark.parametrize("rates", [scaled(1000), default_rates().repaired_in(800_000)])
def test_what_would_never_end_is_refused(rates: Rates) -> None:
    with pytest.raises(ConfigError, match="nearly always failed"):
        forecast(described(8, Policy(1)), rates, 1000, seed=1)


def test_more_failures_than_anybody_waits_for_are_refused() -> None:
    with pytest.raises(ConfigError, match="failures to simulate"):
        forecast(described(3, Policy(1)), scaled(10), 1e9, seed=1)


@pytest.mark.slow
def test_a_million_years_of_a_store_take_less_than_a_minute() -> None:
    """Of one processor's time, which a busy machine does not lengthen by much. It takes about 4 s."""
    begun = time.process_time()
    found = forecast(described(5, Policy(2)), default_rates(), 1_000_000, seed=1)
    assert time.process_time() - begun < 60
    assert found.reads.years >= 1_000_000
