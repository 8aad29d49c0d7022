"""What to expect of a store, as far as its causes of failure and their rates are known."""

from dataclasses import dataclass

import numpy as np

from outlast.outages.simulate.causes import StoreShape, causes_of, model_of, writes_are_like_reads
from outlast.outages.simulate.measure import Measure, measure
from outlast.outages.simulate.rates import Rates

not_counted = (
    "loss of the master key",
    "errors in Outlast itself",
    "mistakes and attacks of those who hold the key or all the accounts",
    "the machines of the gateways and the clients, their network and DNS",
    "undetected damage (repair finds it, when it is run)",
    "rates that change, and failures that cause each other in other ways than by a shared cause",
)
"""What the figures leave out. Some of it can be added: as causes of the kind `store`."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """How often and how long reads and writes fail, and how often data are lost."""

    reads: Measure
    writes: Measure
    data: Measure


def forecast(layout: StoreShape, rates: Rates, years: float, seed: int) -> Forecast:
    """Simulate the store for the given years, and for as long as rare events need."""
    causes = causes_of(layout, rates)
    chance = np.random.SeedSequence(seed).spawn(3)
    reads, writes, data = (
        model_of(layout, causes, rates, promise) for promise in ("reads", "writes", "data")
    )

    found = measure(reads.process, reads.structure, years, np.random.default_rng(chance[0]))
    return Forecast(
        reads=found,
        writes=found
        if writes_are_like_reads(layout)
        else measure(writes.process, writes.structure, years, np.random.default_rng(chance[1])),
        data=measure(
            data.process, data.structure, years, np.random.default_rng(chance[2]), until_failure=True
        ),
    )
