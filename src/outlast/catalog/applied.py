"""Which slot this process had applied how long ago, by its own elapsed time.

What died with a slot may be deleted when that slot has been applied here for long enough: whoever read the
extent before has had as much time at least. The process's own elapsed time is the only time that decides
so: a clock may be wrong, or set, at any time.

Samples are thinned by their age: between two neighbors lies at most a sixteenth of what has passed since, so
that a few hundred samples suffice for years and an answer is at most that late. It is never early.
"""

from itertools import pairwise
from typing import NamedTuple

THINNING = 16


class Sample(NamedTuple):
    """`slot` was the newest that was applied at `at` (monotonic s)."""

    at: float
    slot: int


class AppliedSlots:
    """The samples of one process, oldest first."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []

    def note(self, slot: int, now: float) -> None:
        """`slot` is the newest applied one at `now` (monotonic s; not before an earlier note)."""
        newest = Sample(now, slot)
        kept: list[Sample] = []
        for sample, following in pairwise([*self._samples, newest]):
            if not kept or following.at - kept[-1].at > (now - following.at) / THINNING:
                kept.append(sample)
        self._samples = [*kept, newest]

    def slot_applied_for(self, seconds: float, now: float) -> int:
        """The newest slot that is known to have been applied for `seconds` at `now`; -1 if there is none."""
        return max((sample.slot for sample in self._samples if now - sample.at >= seconds), default=-1)
