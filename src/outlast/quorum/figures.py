"""What the log has done since the process began, counted where it happens. Live: read it, do not keep it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from outlast.base import limits
from outlast.base.histogram import Histogram, latencies

Round: TypeAlias = Literal["fast", "ballot", "announcement", "question"]
"""`Slot.fast`, `Slot.announce`: one round trip; `Slot.attempt`: two; `Slot.ask`: one that changes nothing."""

_records = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
# Above the last are records that alone are larger than a batch.
_bytes = (*(limits.KIB * 4**step for step in range(6)), limits.batch_bytes_max)


@dataclass(slots=True)
class LogFigures:
    """One gateway's log."""

    rounds: Counter[Round] = field(default_factory=Counter)
    fast: int = 0
    """Slots that a fast round of ours decided."""
    slow: int = 0
    """Slots that took us more, whosever value was decided."""
    commit_s: Histogram = field(default_factory=latencies)
    """For each of our records that was decided, the time from `append` to its outcome."""
    batch_records: Histogram = field(default_factory=lambda: Histogram(_records))
    """Of each batch of ours that was decided."""
    batch_bytes: Histogram = field(default_factory=lambda: Histogram(_bytes))
    """Likewise, sealed."""
    reads_rode: int = 0
    """Reads that a commit of ours proved to be current."""
    reads_asked: int = 0
    """Reads that a question to the voters proved to be current."""
    no_majority: int = 0
    """Tries to write or to read for which too few voters answered."""

    def committed(self, size: int, waited_s: Iterable[float], riders: int) -> None:
        """A batch of ours was decided: its size in bytes, how long each writer waited, how many rode."""
        records = 0
        for seconds in waited_s:
            self.commit_s.add(seconds)
            records += 1
        self.batch_records.add(records)
        self.batch_bytes.add(size)
        self.reads_rode += riders
