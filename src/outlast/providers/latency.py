"""How long one kind of call takes at one provider, from recent calls. Sans-IO.

Two questions: how long will the next one take (`expected_s`, an exponentially weighted mean), and when is it
late (`late_s`, the 95th percentile of the last 64)? An abandoned call shows that it would have taken longer
than it was given; before any has ended that is the only evidence. An estimate that nothing has confirmed for
a while fades, so that a provider that is avoided for having been slow is tried again eventually.
"""

# Weight of the newest call. 0.1 follows a change within about twenty calls, and does not jump after one.
newest_weight = 0.1
# Calls that the percentile covers, and after how many new ones it is recomputed.
recent_calls = 64
refresh_calls = 16
# An unconfirmed estimate halves in this time.
half_life_s = 30.0


class Latency:
    """Recent durations, in seconds."""

    def __init__(self) -> None:
        self._mean = 0.0
        self._recent: list[float] = []
        self._next = 0
        self._at = 0.0
        self._late = 0.0
        self._fresh = 0

    @property
    def known(self) -> bool:
        """Whether there has been a call, even if only an abandoned one."""
        return self.answered or self._mean > 0

    @property
    def answered(self) -> bool:
        """Whether a call has ended."""
        return bool(self._recent)

    def add(self, seconds: float, now: float) -> None:
        """A call took `seconds`."""
        self._move(seconds, now)
        if len(self._recent) < recent_calls:
            self._recent.append(seconds)
        else:
            self._recent[self._next] = seconds
            self._next = (self._next + 1) % recent_calls
        self._fresh -= 1

    def add_given_up(self, seconds: float, now: float) -> None:
        """A call would have taken longer than `seconds`."""
        if not self._recent:
            self._mean, self._at = max(self._mean, seconds), now
        elif seconds > self._mean:
            self._move(seconds, now)

    def expected_s(self, now: float) -> float:
        """How long the next call will take."""
        age = now - self._at
        return self._mean if age < 1 else self._mean * 0.5 ** (age / half_life_s)

    def late_s(self) -> float:
        """When the next call is late: 95 of 100 were faster. Recomputed every few calls."""
        if not self._recent:
            return self._mean
        if self._fresh <= 0:
            ordered = sorted(self._recent)
            self._late = ordered[len(ordered) * 95 // 100]
            self._fresh = min(refresh_calls, len(ordered))
        return self._late

    def _move(self, seconds: float, now: float) -> None:
        self._mean = self._mean + newest_weight * (seconds - self._mean) if self._recent else seconds
        self._at = now
