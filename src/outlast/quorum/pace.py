"""The current round-trip time, and what it paces: back-off after a loss, and the next question.

Both must suit directories on one computer (tenths of a millisecond) and clouds an ocean away, so they are
measured in recent round trips. A contended slot takes several of them, so a back-off based on the last round
would grow without end; it is therefore based on the quickest of the last few rounds.
"""

from collections.abc import Awaitable
from typing import TypeVar

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy

T = TypeVar("T")

# Back-off after losing a slot to another gateway: up to one round trip, doubled at each loss.
BACKOFF_S_MIN = 0.002
BACKOFF_S_MAX = 4.0
BACKOFF_DOUBLINGS_MAX = 4
# After each slower round, the estimate of the quickest grows by at most this factor.
FORGETTING = 1.25
# How many questions may be in flight at once, spread evenly over a round trip: a reader that has just missed
# one waits a quarter of a round trip longer. If that pause is shorter than the minimum, one at a time
# suffices.
QUESTIONS_MAX = 4
QUESTION_PAUSE_S_MIN = 0.002


class Pace:
    """Measures the rounds that pass through `timed`."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self.last_s = BACKOFF_S_MIN
        """The duration of the last round, whether or not a majority answered."""
        self.quickest_s = BACKOFF_S_MAX
        """The quickest of the last few rounds: about a round trip to the nearest majority."""
        self._asked_at = float("-inf")

    async def timed(self, work: Awaitable[T]) -> T:
        """Await `work`, which is one round, and record how long it took."""
        begun = self._clock.monotonic()
        result = await work
        self.last_s = self._clock.monotonic() - begun
        self.quickest_s = min(self.last_s, FORGETTING * self.quickest_s)
        return result

    def backoff_s(self, losses: int) -> float:
        """A random back-off after `losses` losses of one slot."""
        longest = max(
            BACKOFF_S_MIN,
            min(BACKOFF_S_MAX, self.quickest_s * 2.0 ** min(losses - 1, BACKOFF_DOUBLINGS_MAX)),
        )
        return self._entropy.uniform(longest / 4, longest)

    @property
    def questions_max(self) -> int:
        """How many questions may be in flight at once."""
        return QUESTIONS_MAX if self._question_pause_s >= QUESTION_PAUSE_S_MIN else 1

    def asks(self) -> None:
        """A question begins now."""
        self._asked_at = self._clock.monotonic()

    def until_next_question_s(self) -> float:
        """The delay before the next question while the last one is in flight."""
        return max(0.0, self._asked_at + self._question_pause_s - self._clock.monotonic())

    @property
    def _question_pause_s(self) -> float:
        return self.last_s / QUESTIONS_MAX
