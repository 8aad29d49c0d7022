"""Availability and time to first failure of a system, by whichever sampling sees enough.

First plain cycles are walked until they make up the years that were asked for: nothing is assumed of what is
rare, and what was counted can be told to anybody. Where they saw too few failures for a good figure, cycles
are walked under failure biasing until the figure is good, or enough was tried.
"""

from dataclasses import dataclass, replace

import numpy as np

from outlast.outages.simulate.cycles import walk
from outlast.outages.simulate.estimates import Estimate, Sums, biased_estimate, plain_estimate
from outlast.outages.simulate.process import Process
from outlast.outages.simulate.structure import Structure

# Cycles that are walked side by side: few enough for the processor's cache, many enough for numpy.
batch_cycles_max = 1 << 15
# Plain cycles are good enough with a standard error of this share of the value.
plain_error_max = 0.1
# From so many plain cycles the mean length of one is known well enough for what biased ones show.
length_cycles_min = 10_000
# Biased cycles are walked until the standard error is this share of the value, or there are so many.
biased_error_max = 0.02
biased_cycles_max = 1 << 20
# The variance that decides when to stop must itself be known somewhat.
biased_cycles_min = 1 << 16


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
    """Walk `process` until the figures are good.

    For a process in which nothing can fail, nothing was seen in `years` years.
    """
    if process.rate == 0:
        return _nothing_fails(years, until_failure)
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
    """The plain cycles, or others if they are too few (the years that were asked for were few)."""
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


def _nothing_fails(years: float, until_failure: bool) -> Measure:
    never = Estimate(None, None, 0.0, 3 / years, 0, 0, "plain", "rule of three")
    share = Estimate(None, None, 0.0, None, 0, 0, "plain", "none")
    return Measure(never, None if until_failure else share, {}, never, years)
