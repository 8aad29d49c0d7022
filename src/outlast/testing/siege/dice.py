"""Seeded choices, with a stream of its own for each purpose.

Processes are not deterministic, but what is done to them can be: each loop of a siege draws from its own
stream, so that the same seed makes the same choices in the same order, whatever the other loops do meanwhile.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from outlast.base.entropy import SeededEntropy

T = TypeVar("T")


class Dice:
    """The choices for one purpose. `entropy` is the stream that they are drawn from."""

    def __init__(self, seed: int, purpose: str) -> None:
        digest = hashlib.sha256(f"{seed} {purpose}".encode()).digest()
        self.entropy = SeededEntropy(int.from_bytes(digest[:8]))

    def uniform(self, low: float, high: float) -> float:
        """Return a number in [low, high]."""
        return self.entropy.uniform(low, high)

    def integer(self, low: int, high: int) -> int:
        """Return an integer in [low, high]."""
        return min(high, int(self.uniform(low, high + 1)))

    def chance(self, share: float) -> bool:
        """Return True with this probability."""
        return self.uniform(0, 1) < share

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of them."""
        return choices[self.integer(0, len(choices) - 1)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return all of them, in random order."""
        left = list(items)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in items]
