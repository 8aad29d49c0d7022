"""Structure functions: from which units have failed to whether the system has.

A structure takes a matrix of booleans, a row for each unit and a column for each path, True where the unit
has failed; it returns for each column whether the system has failed. Every structure here is monotone: one
more failure never repairs the system. They compose, so that a fault tree is written as it is drawn.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Bools: TypeAlias = NDArray[np.bool_]
Structure: TypeAlias = Callable[[Bools], Bools]


def at_least(failures: int) -> Structure:
    """The system has failed when this many rows have: n - k + 1 for a k-out-of-n system."""
    return lambda failed: np.count_nonzero(failed, axis=0) >= failures


def series() -> Structure:
    """Everything is needed."""
    return lambda failed: np.logical_or.reduce(failed, axis=0)


def parallel() -> Structure:
    """Anything is enough."""
    return lambda failed: np.logical_and.reduce(failed, axis=0)


def cut_sets(cuts: Sequence[Sequence[int]]) -> Structure:
    """The system has failed when all rows of any (minimal) cut set have."""
    return either(*(over(cut, parallel()) for cut in cuts))


def over(rows: Sequence[int], structure: Structure) -> Structure:
    """The structure over these rows only."""
    chosen = list(rows)
    return lambda failed: structure(failed[chosen])


def either(*structures: Structure) -> Structure:
    """The system has failed when any of these has (an OR gate)."""
    return lambda failed: np.logical_or.reduce([structure(failed) for structure in structures])


def gathered(groups: Sequence[Sequence[int]], gate: Structure, structure: Structure) -> Structure:
    """The structure over groups of rows, each failed when `gate` says so of its rows."""
    gates = [over(rows, gate) for rows in groups]
    return lambda failed: structure(np.stack([failing(failed) for failing in gates]))


def hanging_on(causes: Sequence[Sequence[int]], structure: Structure) -> Structure:
    """The structure over components, each failed when any of its `causes` (rows) has."""
    return gathered(causes, series(), structure)
