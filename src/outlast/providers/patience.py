"""How long a provider's calls may take, by their bytes. Sans-IO.

At first the bytes of a call are expected at 1 MiB/s. A provider that answers other calls while a large one
reaches its deadline may be slow: large calls get twice the time from then on, down to the rate of the
slowest link (`limits.link_bytes_per_s_min`), until one shows that the link is faster.

It may as well hang only for large calls, as with a proxy that limits bodies or a link that drops large
packets. So the extra time is limited: after `doublings_max` without a large call that was answered, large
calls get the usual time again, and one that exceeds it is a failure like any other.

A provider that answers nothing at all gets no more time: `providers.health` detects that.
"""

from outlast.base import limits

bytes_per_s_usual = limits.MIB
# The time of smaller calls says nothing about the link.
large_bytes_min = 64 * limits.KIB
# Up to 16 times the usual time. The slowest link takes twice that for 4 MiB, and smaller calls show
# that it is slow.
doublings_max = 4


class Patience:
    """The patience for one provider's reads, or writes. `base_s`: the time of a call without bytes."""

    def __init__(self, base_s: float) -> None:
        self._base_s = base_s
        self._bytes_per_s: float = bytes_per_s_usual
        self._doublings = 0
        """How often the time was doubled since a large call was answered, up to `doublings_max`."""

    def deadline_s(self, size: int) -> float:
        """How long a call that moves `size` bytes may take."""
        return self._base_s + size / self._bytes_per_s

    def extend(self, size: int, deadline_s: float) -> bool:
        """A call of `size` bytes exceeded `deadline_s`; return whether others get more time from now on."""
        if size < large_bytes_min:
            return False
        if self.deadline_s(size) > deadline_s:
            return True  # others have more already
        slower = max(limits.link_bytes_per_s_min, size / (2 * deadline_s - self._base_s))
        if self._doublings >= doublings_max or slower >= self._bytes_per_s:
            self._doublings, self._bytes_per_s = doublings_max, bytes_per_s_usual
            return False
        self._doublings += 1
        self._bytes_per_s = slower
        return True

    def answered(self, size: int, seconds: float) -> None:
        """A call of `size` bytes took `seconds`. Half of that rate is enough for others."""
        if size < large_bytes_min:
            return
        rate = min(bytes_per_s_usual, max(limits.link_bytes_per_s_min, size / max(seconds, 1e-9) / 2))
        hung = self._doublings >= doublings_max
        self._bytes_per_s = rate if hung else max(self._bytes_per_s, rate)
        self._doublings = 0
