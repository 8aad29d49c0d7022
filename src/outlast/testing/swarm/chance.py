"""A stream of chance with the few questions that a scenario asks of it."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from outlast.base.entropy import Entropy

T = TypeVar("T")


class Chance:
    """Draws from `entropy`; the same stream gives the same answers."""

    def __init__(self, entropy: Entropy) -> None:
        self.entropy = entropy

    def happens(self, chance: float) -> bool:
        """True with this chance (0 to 1)."""
        return self.entropy.uniform(0, 1) < chance

    def between(self, low: float, high: float) -> float:
        """A number in [low, high], rounded so that it can be read."""
        return round(self.entropy.uniform(low, high), 4)

    def scaled(self, low: float, high: float) -> float:
        """A number in [low, high], each order of magnitude as likely as another. `low` is above 0."""
        return round(low * math.exp(self.entropy.uniform(0, math.log(high / low))), 4)

    def whole(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + min(high - low, int(self.entropy.uniform(0, high - low + 1)))

    def pick(self, values: Sequence[T]) -> T:
        """One of them, each as likely as another."""
        return values[self.whole(0, len(values) - 1)]

    def weighted(self, weights: Mapping[T, float]) -> T:
        """One of the keys, as likely as it weighs. At least one weighs more than 0."""
        likely = [(value, weight) for value, weight in weights.items() if weight]
        left = self.entropy.uniform(0, sum(weight for _, weight in likely))
        for value, weight in likely:
            left -= weight
            if left < 0:
                return value
        return likely[-1][0]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """All of them in another order."""
        rest, order = list(values), []
        while rest:
            order.append(rest.pop(self.whole(0, len(rest) - 1)))
        return order
