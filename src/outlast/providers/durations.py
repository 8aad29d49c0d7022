"""How long the calls of one provider take, by verb and size. Sans-IO.

Durations are kept separately for small, medium, and large transfers: a mean over all would fit none.
"""

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.providers.latency import Latency

# Before anything is known. A guess that makes an untried provider neither first nor last.
expected_s_guess = 0.05
# A call is not late before this, or scheduling noise would trigger hedges; after this it is, whatever
# was usual, or a provider that got slow would never be hedged.
late_s_min = 0.010
late_s_max = 2.0

_size_limits = (64 * limits.KIB, limits.MIB)


class Durations:
    """See the module's docstring. All times are in seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._latencies: dict[tuple[str, int], Latency] = {}

    def add(self, verb: str, seconds: float, size: int = 0) -> None:
        """A call was answered after `seconds`. `size`: bytes moved."""
        self._latency(verb, size).add(seconds, self._clock.monotonic())

    def add_given_up(self, verb: str, seconds: float, size: int = 0) -> None:
        """A call was canceled after `seconds` without an answer."""
        self._latency(verb, size).add_given_up(seconds, self._clock.monotonic())

    @property
    def known(self) -> bool:
        """Whether the provider has answered anything yet."""
        return any(latency.answered for latency in self._latencies.values())

    def verbs(self) -> list[str]:
        """The verbs that have been used, sorted."""
        return sorted({verb for verb, _ in self._latencies})

    def expected_s(self, verb: str, size: int | None = None) -> float:
        """How long a call is expected to take. Without `size`: a large one, if there were any."""
        latency = self._nearest(verb, size)
        return self._guess_s() if latency is None else latency.expected_s(self._clock.monotonic())

    def late_s(self, verb: str, size: int | None = None) -> float:
        """After how long a call is late for this provider. Without `size` as above."""
        latency = self._nearest(verb, size)
        late = self._guess_s() if latency is None else latency.late_s()
        return min(max(late, late_s_min), late_s_max)

    def round_trip_s(self) -> float:
        """When small calls of any verb are late: 95 of 100 are faster. A guess before the first.

        Unlike `expected_s` it does not fade: a distant provider is still distant after a quiet hour.
        """
        small = [
            latency.late_s()
            for (_, size), latency in self._latencies.items()
            if size == 0 and latency.answered
        ]
        return max(small, default=expected_s_guess)

    def _guess_s(self) -> float:
        """For a verb that was not used yet: the provider is no closer for it."""
        return max(expected_s_guess, self.round_trip_s())

    def _latency(self, verb: str, size: int) -> Latency:
        which = (verb, _size_class(size))
        latency = self._latencies.get(which)
        if latency is None:
            latency = self._latencies[which] = Latency()
        return latency

    def _nearest(self, verb: str, size: int | None) -> Latency | None:
        """The durations of calls of that size, or otherwise of the next smaller or larger ones."""
        own = len(_size_limits) if size is None else _size_class(size)
        for size_class in (*range(own, -1, -1), *range(own + 1, len(_size_limits) + 1)):
            latency = self._latencies.get((verb, size_class))
            if latency is not None and latency.known:
                return latency
        return None


def _size_class(size: int) -> int:
    if size < _size_limits[0]:
        return 0
    return 1 if size < _size_limits[1] else 2
