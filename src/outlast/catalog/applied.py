"""How long ago this process applied each slot, by its own elapsed time.

What died with a slot may be deleted once that slot has been applied here for long enough: every reader of the
extent has then had at least that time. Only the process's own elapsed time decides this, because a clock may
be wrong or be set at any time.

Samples are thinned by age: the gap between two neighbors is at most a sixteenth of the time since. So a few
hundred samples suffice for years. An answer is late by at most that gap, and never early.
"""

from itertools import pairwise
from typing import NamedTuple

THINNING = 16


class Sample(NamedTuple):
    """`slot` was the newest applied slot at `at` (monotonic s)."""

    at: float
    slot: int


class AppliedSlots:
    """The samples of one process, oldest first."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []

    def note(self, slot: int, now: float) -> None:
        """Record that `slot` is the newest applied one at `now` (monotonic s, never decreasing)."""
        newest = Sample(now, slot)
        kept: list[Sample] = []
        for sample, following in pairwise([*self._samples, newest]):
            if not kept or following.at - kept[-1].at > (now - following.at) / THINNING:
                kept.append(sample)
        self._samples = [*kept, newest]

    def slot_applied_for(self, seconds: float, now: float) -> int:
        """The newest slot known to have been applied for `seconds` at `now`; -1 if there is none."""
        return max((sample.slot for sample in self._samples if now - sample.at >= seconds), default=-1)
