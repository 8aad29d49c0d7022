"""Trace events: what the parts do, step by step, for a person who looks for the cause of something.

    event("quorum: a slot was decided", slot=7, ballot="0/5f3a...")

A name says the part, then what has happened there; it is a literal, so that a search finds its place. Fields
are values as they are: whoever listens renders them, and nothing is computed for events that nobody hears.

Nothing happens without a listener: one global is looked at, and it is None. A gateway has a flight recorder
(`assembly.flight_recorder`), which keeps the last events for a dump.

Marks (`base.marks`) count which states a batch of simulated runs reached; events say what happened in one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

Listener: TypeAlias = Callable[[str, dict[str, Any]], None]
"""Called with an event's name and fields, in the middle of what happens: it must be quick and not raise."""

_listener: Listener | None = None


def event(name: str, **fields: Any) -> None:
    """Report an event, if there is a listener."""
    if _listener is not None:
        _listener(name, fields)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call `listener` with every event inside, in addition to a listener that is there already."""
    global _listener
    outer = _listener
    if outer is None:
        _listener = listener
    else:
        first = outer

        def both(name: str, fields: dict[str, Any]) -> None:
            first(name, fields)
            listener(name, fields)

        _listener = both
    try:
        yield
    finally:
        _listener = outer
