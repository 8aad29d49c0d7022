"""Coverage marks: which important states a batch of simulated runs has reached.

    reached("gather: a fragment was damaged")

In production a call only finds that a global is None. Under `counting()` each call is counted. A batch of
seeds fails when none of them reached a mark on its list: such runs do not test what they are meant to test,
even if they pass. The name states the component, then what happened there. It is a literal, so that a search
finds its one place.

Marks are neither logs nor metrics: nothing reads them while a store runs.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_counts: Counter[str] | None = None


def reached(mark: str) -> None:
    """Count that this line was reached, inside `counting()`."""
    if _counts is not None:
        _counts[mark] += 1


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count the marks reached inside, by name. Nested `counting` blocks both count them."""
    global _counts
    outer, _counts = _counts, Counter()
    inner = _counts
    try:
        yield inner
    finally:
        _counts = outer
        if outer is not None:
            outer.update(inner)
