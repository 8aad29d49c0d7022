"""Coverage marks: which of the states that matter a batch of simulated runs has reached.

    reached("gather: a fragment was damaged")

Nothing happens in production: one global is looked at, and it is None. Under `counting()` each call counts. A
batch of seeds fails when a mark on its list was reached by none of them: then the runs do not show what
they are there to show, however green they are. The name says the part, then what has happened there; it is a
literal, so that a search finds its one place.

It is no log and no metric: nobody reads it while a store runs.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_counts: Counter[str] | None = None


def reached(mark: str) -> None:
    """Count that this line was reached, if anybody counts."""
    if _counts is not None:
        _counts[mark] += 1


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count the marks reached inside, by name. Within another `counting`, both count them."""
    global _counts
    outer, _counts = _counts, Counter()
    inner = _counts
    try:
        yield inner
    finally:
        _counts = outer
        if outer is not None:
            outer.update(inner)
