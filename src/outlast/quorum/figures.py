"""Counters of the log since the process started, updated where things happen. Live: read them, do not keep
them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from outlast.base import limits
from outlast.base.histogram import Histogram, latencies

Round: TypeAlias = Literal["fast", "ballot", "announcement", "question"]
"""`Slot.fast`, `Slot.announce`: one round trip; `Slot.attempt`: two; `Slot.ask`: one, read-only."""

_records = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
# Above the last bound are single records that are larger than a batch.
_bytes = (*(limits.KIB * 4**step for step in range(6)), limits.batch_bytes_max)


@dataclass(slots=True)
class LogFigures:
    """Counters of one gateway's log."""

    rounds: Counter[Round] = field(default_factory=Counter)
    fast: int = 0
    """Slots that this gateway decided in one fast round."""
    slow: int = 0
    """Slots that took this gateway more than that, whichever gateway's value was decided."""
    commit_s: Histogram = field(default_factory=latencies)
    """For each decided record of this gateway, the time from `append` to its outcome."""
    batch_records: Histogram = field(default_factory=lambda: Histogram(_records))
    """The number of records in each decided batch of this gateway."""
    batch_bytes: Histogram = field(default_factory=lambda: Histogram(_bytes))
    """The sealed size of each of these batches."""
    reads_rode: int = 0
    """Reads that a commit of this gateway proved to be current."""
    reads_asked: int = 0
    """Reads that a question to the voters proved to be current."""
    no_majority: int = 0
    """Attempts to write or read for which too few voters answered."""

    def committed(self, size: int, waited_s: Iterable[float], riders: int) -> None:
        """Count a decided batch of this gateway: its size in bytes, each writer's wait, and its readers."""
        records = 0
        for seconds in waited_s:
            self.commit_s.add(seconds)
            records += 1
        self.batch_records.add(records)
        self.batch_bytes.add(size)
        self.reads_rode += riders
