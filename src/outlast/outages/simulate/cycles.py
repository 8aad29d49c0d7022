"""Many histories at once, each from one moment when everything works to the next.

With everything working and constant failure rates, the process forgets its past: it regenerates. The time
between two such moments is a *cycle*; cycles are independent and alike, and long-run averages are ratios of
means over cycles (Crane and Iglehart, "Simulating stable stochastic systems III", Operations Research 23,
1975). So a million years need not be one long history: they are cycles, walked side by side in numpy arrays.

Where nearly every cycle is one failure and its repair, plain sampling sees nothing of what matters. Then the
cycles are walked under *balanced failure biasing* with *forcing*: another failure before the next repair is
made likely, each unit that can fail gets a fair chance of being the one, and repairs take longer, until the
system has failed; after that, nature takes its course. Each path carries the likelihood ratio of what it did
(its weight), which makes the estimate unbiased. Every single step's ratio is bounded, since each change is
mixed with the natural law. For systems whose units fail rarely and are repaired fast, the relative error
stays bounded however rare the system's failure is (Shahabuddin, "Importance sampling for the simulation of
highly reliable Markovian systems", Management Science 40, 1994; for repairs that are not exponential:
Heidelberger, Shahabuddin and Nicola, ACM TOMACS 4, 1994; a survey: Nicola, Shahabuddin and Nakayama, IEEE
Transactions on Reliability 50, 2001). Where units fail often, plain sampling sees enough.

Arrays have a row for each unit and a column for each path; times are in years.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from outlast.outages.simulate.durations import Floats
from outlast.outages.simulate.process import HOURS_PER_YEAR, Process
from outlast.outages.simulate.structure import Bools, Structure

Rows: TypeAlias = NDArray[np.intp]
Columns: TypeAlias = NDArray[np.intp]

# How likely another failure comes before the next repair, under biasing, if it is not likelier by nature.
forced_failure = 0.5
# Share of the choice of what fails that is uniform among working units, rather than by their rates.
balance = 0.5
# Share of the repairs that are drawn by length: it is during long ones that another failure occurs.
lengthened = 0.7


@dataclass(frozen=True, slots=True)
class Cycles:
    """What happened in each cycle, and how often its like must be counted (`weight`; 1 without biasing).

    `length`, `idle` (the part of it before the first failure of a unit) and `down` (that for which the system
    had failed) are in years; `outages` counts how often it failed. `blame` is, for each unit, the weighted
    time for which it and the system had failed together (with `until_failure`: the weighted number of system
    failures at whose moment it had failed).
    """

    weight: Floats
    length: Floats
    idle: Floats
    down: Floats
    outages: Floats
    blame: Floats


def walk(
    process: Process,
    structure: Structure,
    count: int,
    generator: np.random.Generator,
    *,
    biased: bool = False,
    until_failure: bool = False,
) -> Cycles:
    """`count` cycles. With `until_failure` a cycle ends at the system's first failure, if there is one."""
    walkers = _Walkers(process, structure, count, generator, biased, until_failure)
    walkers.begin()
    while walkers.under_way:
        walkers.step()
    return walkers.seen


class _Walkers:
    """The paths in progress, and what was observed in all of them."""

    def __init__(
        self,
        process: Process,
        structure: Structure,
        count: int,
        generator: np.random.Generator,
        biased: bool,
        until_failure: bool,
    ) -> None:
        self._process = process
        self._structure = structure
        self._generator = generator
        self._until_failure = until_failure
        self._rates = np.array([unit.rate for unit in process.units])
        self._heals = np.array([unit.self_healing for unit in process.units])
        self._mean_times = np.array([unit.repair.mean_h for unit in process.units]) / HOURS_PER_YEAR
        self._laws = list(dict.fromkeys(unit.repair for unit in process.units))
        self._law = np.array([self._laws.index(unit.repair) for unit in process.units])
        units = len(process.units)
        length, idle, down, outages = np.zeros((4, count))
        self.seen = Cycles(np.ones(count), length, idle, down, outages, np.zeros(units))
        self._path = np.arange(count)  # which path each column is
        self._biased = np.full(count, biased)
        self._now = np.zeros(count)
        self._down = np.zeros(count, dtype=np.bool_)
        self._failed = np.zeros((units, 0), dtype=np.bool_)
        self._repaired_at = np.zeros((units, 0))
        self._free_at = np.zeros((process.repairers or 0, 0))
        self._failure_is_next = False

    @property
    def under_way(self) -> bool:
        return self._path.size > 0

    def begin(self) -> None:
        """Take every path through its first failure, and complete those in which nothing else fails.

        By nature nearly all are such, and none of them needs a column of its own in the matrices.
        """
        first = self._which_fails_first()
        self._now = self._generator.exponential(1 / self._process.rate, first.size)
        self.seen.idle[:] = self._now
        takes = self._repair_times(first, self._path)
        alone = np.eye(self._rates.size, dtype=np.bool_)
        self._down = self._structure(alone)[first]
        self.seen.outages[:] = self._down
        self._biased &= ~self._down
        goes_on = self._whether_fails(-np.expm1(-(~alone @ self._rates)[first] * takes))
        if self._until_failure:
            goes_on &= ~self._down
            takes[self._down] = 0
        self.seen.length[:] = self._now + takes  # of those that go on, it will be set when they end
        down = np.flatnonzero(self._down & ~goes_on)
        self.seen.down[down] = takes[down]
        share = self.seen.weight[down] * (1 if self._until_failure else takes[down])
        self.seen.blame[:] += np.bincount(first[down], share, self._rates.size)
        self._go_on(np.flatnonzero(goes_on), first[goes_on], takes[goes_on])

    def _which_fails_first(self) -> Rows:
        nature = self._rates / self._process.rate
        lot = balance if self._biased.any() else 0.0  # here all are, or none
        working = self._rates > 0
        chances = (1 - lot) * nature + lot * working / working.sum()
        sums = chances.cumsum()
        draws = self._generator.random(self._path.size) * sums[-1]
        first: Rows = np.searchsorted(sums, draws, side="right")
        self.seen.weight[:] = (nature / np.where(working, chances, 1.0))[first]
        return first

    def _go_on(self, columns: Columns, first: Rows, takes: Floats) -> None:
        """Give each path in which more happens a column in the matrices, as it is after its first failure."""
        units = self._rates.size
        self._path, self._now = self._path[columns], self._now[columns]
        self._down, self._biased = self._down[columns], self._biased[columns]
        self._failed = np.zeros((units, columns.size), dtype=np.bool_)
        self._repaired_at = np.full((units, columns.size), np.inf)
        self._free_at = np.zeros((self._process.repairers or 0, columns.size))
        self._failed[first, np.arange(columns.size)] = True
        self._repaired_at[first, np.arange(columns.size)] = self._now + takes
        if self._free_at.size:
            self._free_at[0] = np.where(self._heals[first], 0, self._now + takes)
        self._failure_is_next = True

    def step(self) -> None:
        """Take every path to its next event, a failure or a repair."""
        columns = np.arange(self._path.size)
        next_repaired = self._repaired_at.argmin(axis=0)
        repair_in = self._repaired_at[next_repaired, columns] - self._now
        rates = np.where(self._failed, 0.0, self._rates[:, np.newaxis])
        rate = rates.sum(axis=0)
        chance = -np.expm1(-rate * repair_in)
        fails = np.ones_like(self._down) if self._failure_is_next else self._whether_fails(chance)
        self._failure_is_next = False
        failing = columns[fails]
        passed = repair_in.copy()
        # The time of a failure, knowing that it comes before the repair: a truncated exponential.
        lot = self._generator.random(failing.size)
        passed[failing] = -np.log1p(-lot * chance[failing]) / rate[failing]
        self._pass(passed)
        self._repair(next_repaired, columns[~fails])
        self._fail(self._which_fails(rates[:, failing], rate[failing], failing), failing)
        self._judge()

    def _whether_fails(self, chance: Floats) -> Bools:
        """Whether a failure comes before the next repair."""
        forced = np.where(self._biased & (chance > 0), np.maximum(chance, forced_failure), chance)
        fails = self._generator.random(chance.size) < forced
        odds = np.ones_like(chance)
        np.divide(chance, forced, out=odds, where=fails)
        np.divide(1 - chance, 1 - forced, out=odds, where=~fails)
        self.seen.weight[self._path] *= odds
        return fails

    def _which_fails(self, rates: Floats, rate: Floats, failing: Columns) -> Rows:
        """The unit that fails in each of the columns `failing`. `rates` are its units', `rate` their sum."""
        nature = rates / rate
        working = rates > 0
        lots = np.where(self._biased[failing], balance, 0.0)
        chances = (1 - lots) * nature + lots * working / working.sum(axis=0)
        sums = chances.cumsum(axis=0)
        chosen: Rows = (sums > self._generator.random(failing.size) * sums[-1]).argmax(axis=0)
        columns = np.arange(failing.size)
        self.seen.weight[self._path[failing]] *= nature[chosen, columns] / chances[chosen, columns]
        return chosen

    def _pass(self, years: Floats) -> None:
        """Let time pass, in which nothing changes."""
        self._now += years
        down = np.flatnonzero(self._down)
        if down.size and not self._until_failure:
            self.seen.down[self._path[down]] += years[down]
            self.seen.blame[:] += self._failed[:, down] @ (years[down] * self.seen.weight[self._path[down]])

    def _repair(self, repaired: Rows, columns: Columns) -> None:
        self._failed[repaired[columns], columns] = False
        self._repaired_at[repaired[columns], columns] = np.inf

    def _fail(self, failing: Rows, columns: Columns) -> None:
        """Break the unit `failing` in each of `columns`, and arrange for its repair."""
        self._failed[failing, columns] = True
        takes = self._repair_times(failing, columns)
        done = self._now[columns] + takes
        if self._process.repairers is not None:
            ours = ~self._heals[failing]
            done[ours] = self._by_a_repairer(columns[ours], takes[ours])
        self._repaired_at[failing, columns] = done

    def _repair_times(self, failing: Rows, columns: Columns) -> Floats:
        """How long the repair of each of the units `failing` takes, in years."""
        takes = np.empty(failing.size)
        long = self._biased[columns] & (self._generator.random(failing.size) < lengthened)
        law = self._law[failing]
        for number, repair in enumerate(self._laws):
            alike = law == number
            for draw, which in ((repair.draw, alike & ~long), (repair.draw_by_length, alike & long)):
                takes[which] = draw(self._generator, int(np.count_nonzero(which))) / HOURS_PER_YEAR
        likelier = (1 - lengthened) + lengthened * takes / self._mean_times[failing]
        self.seen.weight[self._path[columns]] /= np.where(self._biased[columns], likelier, 1.0)
        return takes

    def _by_a_repairer(self, columns: Columns, takes: Floats) -> Floats:
        """When repairs of these lengths end, each done by the repairer who is free first."""
        repairer = self._free_at[:, columns].argmin(axis=0)
        done: Floats = np.maximum(self._free_at[repairer, columns], self._now[columns]) + takes
        self._free_at[repairer, columns] = done
        return done

    def _judge(self) -> None:
        """Record which systems have failed now, and drop the paths whose cycle is complete."""
        down = self._structure(self._failed)
        begun = np.flatnonzero(down & ~self._down)
        self.seen.outages[self._path[begun]] += 1
        self._biased[begun] = False
        self._down = down
        complete: Bools = ~np.logical_or.reduce(self._failed, axis=0)
        if self._until_failure:
            self.seen.blame[:] += self._failed[:, begun] @ self.seen.weight[self._path[begun]]
            complete |= down
        if complete.any():
            self.seen.length[self._path[complete]] = self._now[complete]
            self._keep(~complete)

    def _keep(self, going_on: Bools) -> None:
        self._path = self._path[going_on]
        self._now = self._now[going_on]
        self._failed = self._failed[:, going_on]
        self._repaired_at = self._repaired_at[:, going_on]
        self._free_at = self._free_at[:, going_on]
        self._down = self._down[going_on]
        self._biased = self._biased[going_on]
