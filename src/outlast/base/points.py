"""Crash points: moments between two steps at which a crash or delay matters.

    await point("store: fragments durable, not committed")

Nothing happens in production. Under `visiting(visit)` each point awaits the visitor: depending on the seed,
the simulator's continues, lets other tasks run first, waits, or crashes the host. A name states the
component, then what is done and what is not done yet. It is a literal and occurs in one place of the code.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Visit: TypeAlias = Callable[[str], Awaitable[None]]
"""Called with the point's name."""

_visit: Visit | None = None


async def point(name: str) -> None:
    """Let the visitor, if any, decide whether and when the caller continues."""
    if _visit is not None:
        await _visit(name)


@contextmanager
def visiting(visit: Visit) -> Iterator[None]:
    """Await `visit` at every point that is reached inside."""
    global _visit
    outer, _visit = _visit, visit
    try:
        yield
    finally:
        _visit = outer
