"""How much space a provider has left, and whether that is enough to continue.

Only a file system reports how much is free. A cloud does not, and accepts as much as is paid for; where the
figure is not known, nothing is claimed, and a full place shows when it refuses a write (`health`).

A place runs *short* before it is full, so that there is time to act: when less is free than 5 % of it (on
large ones 50 GiB), than one extent, or than what it lost in the hour before. The last follows how fast the
place fills up, regardless of which process fills it; it is known only to a process that has watched it.
"""

from collections import deque
from dataclasses import dataclass

from outlast.base import limits
from outlast.base.clock import Clock

short_share = 0.05
short_bytes_max = 50 * limits.GIB
hour_s = 3600.0
# Interval of the figures from which the last hour's loss is computed.
sample_s = 60.0
# With less than this, or an eighth of a small disk, it is practically full: most fragments do not fit.
full_bytes_max = 4 * limits.MIB


@dataclass(frozen=True, slots=True)
class Space:
    """The free space of a place, in bytes, for this process."""

    free: int
    total: int


class SpaceWatch:
    """The free space of one provider over time. Call `record` as often as is convenient; None: not known."""

    def __init__(self, clock: Clock) -> None:
        self.space: Space | None = None
        """The last figure."""
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque()

    def record(self, space: Space | None) -> None:
        """Record the present figure."""
        self.space = space
        if space is None:
            return
        now = self._clock.monotonic()
        while self._samples and self._samples[0][0] < now - hour_s:
            self._samples.popleft()
        if not self._samples or self._samples[-1][0] <= now - sample_s:
            self._samples.append((now, space.free))

    @property
    def lost_in_hour(self) -> int:
        """How many bytes were lost within the last hour, as far as that was watched."""
        if self.space is None or not self._samples:
            return 0
        return max(0, self._samples[0][1] - self.space.free)


def is_full(space: Space) -> bool:
    """Whether the next large write is likely not to fit."""
    return space.free < min(full_bytes_max, space.total // 8)


def enough_bytes(space: Space, lost_in_hour: int = 0) -> int:
    """What should be free at least."""
    share = min(int(short_share * space.total), short_bytes_max)
    return max(share, min(limits.extent_bytes_max, space.total // 2), lost_in_hour)
