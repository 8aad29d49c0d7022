"""How quick a voter's answers are, and how long to wait for one before another voter is asked.

Intuition: a voter that is slow always must be waited for; one that is slow now and then need not be, since
another has the same, or the slot is agreed on once more.
"""

from outlast.base import limits

# An answer so much later than the last ones were is not waited for; but never less than this.
PATIENCE_FACTOR = 4.0
PATIENCE_S_MIN = 0.5
# The last answers, as far as they count.
LAST_ANSWERS = 4


class Patience:
    """Of one voter."""

    def __init__(self) -> None:
        self._usual_s = limits.log_operation_s_max
        self.lately_s = 0.0
        """As long as an answer takes; one that did not come in time counts as the longest there is."""

    @property
    def patience_s(self) -> float:
        """How long to wait for the next answer."""
        return min(max(PATIENCE_S_MIN, PATIENCE_FACTOR * self._usual_s), limits.log_operation_s_max)

    def answered(self, seconds: float) -> None:
        """There was an answer."""
        self._usual_s += (seconds - self._usual_s) / LAST_ANSWERS
        self.lately_s += (seconds - self.lately_s) / LAST_ANSWERS

    def missed(self) -> None:
        """There was none in time."""
        self.lately_s += (limits.log_operation_s_max - self.lately_s) / LAST_ANSWERS
