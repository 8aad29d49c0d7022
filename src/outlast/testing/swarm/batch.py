"""Many seeds, one after the other, and the marks that they must have reached together.

A batch fails with the first seed that fails, or, if none does, with the marks on its list that no seed
reached: such a batch proves less than it claims, however green it is.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from outlast.testing.swarm.options import draw
from outlast.testing.swarm.profiles import PROFILES
from outlast.testing.swarm.run import RunOutcome, run


@dataclass(slots=True)
class SeedBatch:
    """The result of a batch's seeds. `seeds`: by mark, how many seeds reached it."""

    failed: list[RunOutcome] = field(default_factory=list)
    seeds: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    count: int = 0

    def add(self, outcome: RunOutcome) -> None:
        """Add one more seed's outcome."""
        self.count += 1
        self.steps += outcome.steps
        self.seeds.update(outcome.marks.keys())
        if outcome.violation:
            self.failed.append(outcome)

    def never_reached(self, marks: Iterable[str]) -> list[str]:
        """Return those of the marks that no seed reached."""
        return [mark for mark in marks if not self.seeds[mark]]


def run_batch(profile: str, seeds: Sequence[int]) -> SeedBatch:
    """Run these seeds of the profile, up to the first that fails."""
    batch = SeedBatch()
    for seed in seeds:
        batch.add(run(draw(seed, PROFILES[profile])))
        if batch.failed:
            break
    return batch


def repeat_command(outcome: RunOutcome) -> str:
    """Return the shell command that repeats a seed."""
    options = outcome.options
    return f'python -m outlast.testing.swarm --profile "{options.profile}" --seed {options.seed}'
