"""Availability and durability over years, by Monte Carlo over correlated outages.

From inputs to figures:

    rates        how often each cause fails, and for how long: a table with sources (rates.toml)
    history      how long real outages lasted, from the incident library
    causes       a store's members and layout -> units (shared causes) and structure functions
    process      units that fail and are repaired; durations
    structure    from failed units to a failed system
    cycles       many histories side by side, plain or under failure biasing
    estimates    from cycles to figures with intervals
    measure      plain sampling first, failure biasing where that saw too few failures
    forecast     all of it for one store

The modules from `process` to `measure` know nothing of stores: they follow the textbook. Chance is a numpy
generator that is passed in; the same seed gives the same figures. docs/guide/simulate.md has the theory, and
what is not modelled.
"""

from outlast.outages.simulate.causes import (
    SharedCause,
    StoreShape,
    causes_of,
    described,
    has_spares,
    layout_of,
    unknown_domains,
)
from outlast.outages.simulate.estimates import Estimate
from outlast.outages.simulate.forecast import Forecast, forecast, not_counted
from outlast.outages.simulate.measure import Measure, measure
from outlast.outages.simulate.process import Process, Unit
from outlast.outages.simulate.rates import Rates, default_rates, load_rates

__all__ = [
    "Estimate",
    "Forecast",
    "Measure",
    "Process",
    "Rates",
    "SharedCause",
    "StoreShape",
    "Unit",
    "causes_of",
    "default_rates",
    "described",
    "forecast",
    "has_spares",
    "layout_of",
    "load_rates",
    "measure",
    "not_counted",
    "unknown_domains",
]
