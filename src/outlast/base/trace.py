"""Trace events: what each component does, step by step, for debugging.

    event("quorum: a slot was decided", slot=7, ballot="0/5f3a...")

A name states the component, then what happened there. It is a literal, so that a search finds its place.
Fields are raw values: the listener renders them, so an event without a listener costs nothing.

Without a listener a call only finds that a global is None. A gateway has a flight recorder
(`assembly.flight_recorder`), which keeps the latest events for a dump.

Marks (`base.marks`) count which states a batch of simulated runs reached; events show what happened in one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

Listener: TypeAlias = Callable[[str, dict[str, Any]], None]
"""Called synchronously with an event's name and fields: it must be fast and must not raise."""

_listener: Listener | None = None


def event(name: str, **fields: Any) -> None:
    """Report an event, if there is a listener."""
    if _listener is not None:
        _listener(name, fields)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call `listener` with every event inside, in addition to any listener that is already set."""
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
