"""How long a provider's calls may take, by their bytes. Sans-IO.

At first the bytes of a call are expected at 1 MiB/s. A provider that answers other calls while a large one
comes to its deadline is slow, and does not hang: it is given twice the time from then on, up to the time that
the slowest link takes (`limits.link_bytes_per_s_min`), until a large call shows that it is faster.

Silence is the affair of `providers.health`: a provider that answers nothing gets no more time.
"""

from outlast.base import limits

bytes_per_s_usual = limits.MIB
# The time of smaller calls says nothing about the link.
large_bytes_min = 64 * limits.KIB


class Patience:
    """Of one provider's reads, or writes. `base_s`: the time of a call without bytes."""

    def __init__(self, base_s: float) -> None:
        self._base_s = base_s
        self._bytes_per_s: float = bytes_per_s_usual

    def deadline_s(self, size: int) -> float:
        """How long a call that moves `size` bytes may take."""
        return self._base_s + size / self._bytes_per_s

    def extend(self, size: int, deadline_s: float) -> bool:
        """A call of `size` bytes took longer than `deadline_s`: whether others have more time from now on."""
        if size < large_bytes_min:
            return False
        if self.deadline_s(size) <= deadline_s:
            slower = size / (2 * deadline_s - self._base_s)
            self._bytes_per_s = min(self._bytes_per_s, max(limits.link_bytes_per_s_min, slower))
        return self.deadline_s(size) > deadline_s

    def answered(self, size: int, seconds: float) -> None:
        """A call of `size` bytes took `seconds`. Half of that rate is enough for others."""
        if size >= large_bytes_min and self._bytes_per_s < bytes_per_s_usual:
            self._bytes_per_s = min(bytes_per_s_usual, max(self._bytes_per_s, size / max(seconds, 1e-9) / 2))
