"""Availability and time to first failure of a system, by whichever sampling sees enough.

First, plain cycles are walked until they make up the requested years: this assumes nothing about rare events,
and the counts are easy to explain. If they saw too few failures for a good figure, cycles are walked under
failure biasing until the figure is good, or enough was tried.
"""

from dataclasses import dataclass, replace

import numpy as np

from outlast.base.errors import ConfigError
from outlast.outages.simulate.cycles import walk
from outlast.outages.simulate.estimates import Estimate, Sums, biased_estimate, plain_estimate
from outlast.outages.simulate.process import HOURS_PER_YEAR, Process, Unit
from outlast.outages.simulate.structure import Structure

# Cycles that are walked side by side: few enough for the processor's cache, many enough for numpy.
batch_cycles_max = 1 << 15
# Plain cycles are good enough with a standard error of this share of the value.
plain_error_max = 0.1
# With this many plain cycles, the mean length of one is precise enough for what biased ones show.
length_cycles_min = 10_000
# Biased cycles are walked until the standard error is this share of the value, but no more than the maximum.
biased_error_max = 0.02
biased_cycles_max = 1 << 20
# The variance that decides when to stop must itself be known somewhat.
biased_cycles_min = 1 << 16
# If more failures than this overlap on average, moments when everything works are rare: e to this power.
overlap_max = 2.0
# A repairer who is busy for a larger share of the time than this never catches up with the queue.
queue_max = 0.9
failures_max = 2e9


@dataclass(frozen=True, slots=True)
class Measure:
    """How often and for how long a system fails.

    `unavailability` is the share of time for which it has failed (the chance to find it so at any one
    moment); `outages` how often a year it fails. For a system that is watched `until_failure`, `outages` is
    the rate of the first failure, all working at the start (1 / MTTF), and there is no `unavailability`.
    `blame` is, for each unit, the share of the time of system failure (or of the failures) in which it had
    failed, too; since several have, these sum to more than 1. `watched` is what plain sampling alone makes of
    the `outages`, in `years` years.
    """

    outages: Estimate
    unavailability: Estimate | None
    blame: dict[str, float]
    watched: Estimate
    years: float

    @property
    def mttf_years(self) -> float | None:
        """Mean time to the first failure, for a system that is watched until then."""
        return 1 / self.outages.value if self.outages.value else None


def measure(
    process: Process,
    structure: Structure,
    years: float,
    generator: np.random.Generator,
    *,
    until_failure: bool = False,
) -> Measure:
    """Walk `process` until the figures are good. Where nothing can fail, nothing is walked.

    Raises `ConfigError` if what overlaps would never end, or there is too much to walk.
    """
    if process.rate == 0:
        return _nothing_fails(until_failure)
    _check_ends(process, years)
    plain = _plain(process, structure, years, generator, until_failure)
    found = _measured(process, plain, plain, until_failure)
    if _error(found) <= plain_error_max:
        return found
    lengths = _enough_for_lengths(plain, process, structure, generator, until_failure)
    biased = _biased(process, structure, lengths, generator, until_failure)
    better = replace(
        _measured(process, biased, lengths, until_failure), watched=found.watched, years=found.years
    )
    return better if _error(better) < _error(found) else found


def _plain(
    process: Process, structure: Structure, years: float, generator: np.random.Generator, until_failure: bool
) -> Sums:
    sums = Sums(len(process.units))
    while (left := years - sums.years) > 0:
        count = min(batch_cycles_max, int(left * process.rate) + 1)
        sums.add(walk(process, structure, count, generator, until_failure=until_failure))
    return sums


def _enough_for_lengths(
    plain: Sums, process: Process, structure: Structure, generator: np.random.Generator, until_failure: bool
) -> Sums:
    """The plain cycles, or another set if they are too few (few years were requested)."""
    if plain.cycles >= length_cycles_min:
        return plain
    cycles = walk(process, structure, length_cycles_min, generator, until_failure=until_failure)
    return Sums(len(process.units)).add(cycles)


def _biased(
    process: Process, structure: Structure, lengths: Sums, generator: np.random.Generator, until_failure: bool
) -> Sums:
    sums = Sums(len(process.units))
    while sums.cycles < biased_cycles_max:
        cycles = walk(
            process, structure, batch_cycles_max, generator, biased=True, until_failure=until_failure
        )
        sums.add(cycles)
        if sums.cycles >= biased_cycles_min:
            error = _error(_measured(process, sums, lengths, until_failure))
            if error <= biased_error_max:
                break
    return sums


def _measured(process: Process, sums: Sums, plain: Sums, until_failure: bool) -> Measure:
    """The figures from `sums`, which are either the plain cycles themselves or biased ones."""
    if sums is plain:
        outages, down = plain_estimate(plain, "outages"), plain_estimate(plain, "down")
    else:
        outages = biased_estimate(sums, plain, process.rate, "outages")
        down = biased_estimate(sums, plain, process.rate, "down")
    whole = sums.cycles * sums.mean("outages" if until_failure else "down")
    names = [unit.name for unit in process.units]
    blame = {name: float(share) / whole for name, share in zip(names, sums.blame, strict=True) if whole}
    watched = plain_estimate(plain, "outages")
    return Measure(outages, None if until_failure else down, blame, watched, plain.years)


def _error(found: Measure) -> float:
    """The larger of the relative errors."""
    estimates = [found.outages] if found.unavailability is None else [found.outages, found.unavailability]
    return max(estimate.relative_error for estimate in estimates)


def _check_ends(process: Process, years: float) -> None:
    """Check that cycles can end (all works again), and that there are not too many."""
    own = sum(_load(unit) for unit in process.units if process.repairers is None or unit.self_healing)
    ours = sum(map(_load, process.units)) - own
    if own > overlap_max or ours > queue_max * (process.repairers or 1):
        raise ConfigError(
            "by this table something has nearly always failed, so a simulation would not end",
            "lower the rates, or how long outages and repairs last",
        )
    if years * process.rate > failures_max:
        raise ConfigError(
            f"that is {years * process.rate:.0e} failures to simulate, and {failures_max:.0e} take an hour",
            "ask for fewer --years: failure biasing finds rare events anyway",
        )


def _load(unit: Unit) -> float:
    """How many failures of a unit overlap on average, if there are enough repairers."""
    return unit.rate * unit.repair.mean_h / HOURS_PER_YEAR


def _nothing_fails(until_failure: bool) -> Measure:
    """By the table it cannot happen. That is not an observation, so no interval is given."""
    never = Estimate(0.0, 0.0, 0.0, 0.0, 0, 0, "not simulated", "none")
    return Measure(never, None if until_failure else never, {}, never, 0.0)
