"""A stream of random choices with the few methods that a scenario needs."""

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
        """Return True with this probability (0 to 1)."""
        return self.entropy.uniform(0, 1) < chance

    def between(self, low: float, high: float) -> float:
        """Return a number in [low, high], rounded so that it is readable."""
        return round(self.entropy.uniform(low, high), 4)

    def scaled(self, low: float, high: float) -> float:
        """Return a number in [low, high], each order of magnitude equally likely. `low` is above 0."""
        return round(low * math.exp(self.entropy.uniform(0, math.log(high / low))), 4)

    def whole(self, low: int, high: int) -> int:
        """Return an integer in [low, high]."""
        return low + min(high - low, int(self.entropy.uniform(0, high - low + 1)))

    def pick(self, values: Sequence[T]) -> T:
        """Return one of them, all equally likely."""
        return values[self.whole(0, len(values) - 1)]

    def weighted(self, weights: Mapping[T, float]) -> T:
        """Return one of the keys, as likely as its weight. At least one weight is above 0."""
        likely = [(value, weight) for value, weight in weights.items() if weight]
        left = self.entropy.uniform(0, sum(weight for _, weight in likely))
        for value, weight in likely:
            left -= weight
            if left < 0:
                return value
        return likely[-1][0]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """Return all of them in random order."""
        rest, order = list(values), []
        while rest:
            order.append(rest.pop(self.whole(0, len(rest) - 1)))
        return order
