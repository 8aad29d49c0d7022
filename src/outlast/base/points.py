"""Crash points: the moments between two steps at which it matters what happens next.

    await point("store: fragments durable, not committed")

Nothing happens in production. Under `visiting(visit)` the visitor is awaited there: the simulator's goes on,
lets others run first, waits, or has the host crash, by the seed. A name says the part, then what is done and
what is not yet; it is a literal, and in one place of the code.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Visit: TypeAlias = Callable[[str], Awaitable[None]]
"""Is given the point's name."""

_visit: Visit | None = None


async def point(name: str) -> None:
    """Let whoever visits decide whether, and when, the caller goes on."""
    if _visit is not None:
        await _visit(name)


@contextmanager
def visiting(visit: Visit) -> Iterator[None]:
    """Have `visit` awaited at every point that is reached inside."""
    global _visit
    outer, _visit = _visit, visit
    try:
        yield
    finally:
        _visit = outer
