"""Sources of randomness.

Identifiers, keys, back-off, and jitter all draw from an `Entropy` that is passed in. Production uses the
operating system's generator; the simulator uses a seeded one, so that a failing run can be reproduced.
"""

import os
import random
from typing import Protocol


class Entropy(Protocol):
    """A source of random bytes and numbers."""

    def bytes(self, count: int) -> bytes:
        """`count` random bytes. Suitable for keys only from `SystemEntropy`."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high], uniformly distributed. For jitter, never for secrets."""
        ...


class SystemEntropy:
    """The operating system's generator (`getrandom`)."""

    def __init__(self) -> None:
        self._jitter = random.Random()

    def bytes(self, count: int) -> bytes:
        return os.urandom(count)

    def uniform(self, low: float, high: float) -> float:
        return self._jitter.uniform(low, high)


class SeededEntropy:
    """The same sequence for the same seed. For simulation and tests only: its output is predictable."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)
