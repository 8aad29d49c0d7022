"""The last trace events of a process, and what its tasks wait for: a dump on SIGUSR1.

A gateway that behaves oddly was rarely started with `--log-level debug`. So it always keeps its last events,
unrendered, which costs less than a microsecond each, and renders them on request.
"""

import asyncio
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from outlast.base import trace
from outlast.base.clock import Clock

# How many events are kept: the last few seconds of a busy gateway.
EVENTS_MAX = 1000

_log = structlog.get_logger("outlast")


class FlightRecorder:
    """Keeps the last events. `dump` writes them, and all tasks of the running loop, as text."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: deque[tuple[float, str, dict[str, Any]]] = deque(maxlen=EVENTS_MAX)

    def record(self, name: str, fields: dict[str, Any]) -> None:
        """A `trace.Listener`."""
        self._events.append((self._clock.now(), name, fields))

    def lines(self) -> Iterator[str]:
        """Yield one line per event, the oldest first, then a few per task."""
        yield f"the last {len(self._events)} events:"
        for at, name, fields in self._events:
            time = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")
            yield f"  {time} {name}{''.join(f' {key}={shown(value)}' for key, value in fields.items())}"
        tasks = sorted(asyncio.all_tasks(), key=lambda task: task.get_name())
        yield f"{len(tasks)} tasks:"
        for task in tasks:
            yield f"  {task.get_name()}: {getattr(task.get_coro(), '__qualname__', task.get_coro())}"
            yield from _places(task.get_coro())

    def dump(self, to: TextIO) -> None:
        """Write `lines`."""
        for line in self.lines():
            to.write(line + "\n")
        to.flush()


@asynccontextmanager
async def recording(clock: Clock, debug: bool = False) -> AsyncIterator[FlightRecorder]:
    """Record events inside; SIGUSR1 dumps them to standard error. `debug`: log each one, too."""
    recorder = FlightRecorder(clock)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: recorder.dump(sys.stderr))
    try:
        with trace.listening(recorder.record):
            if not debug:
                yield recorder
                return
            with trace.listening(_log_event):
                yield recorder
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


def _places(coroutine: object) -> Iterator[str]:
    """Yield where a suspended coroutine waits, then where what it awaits does, down to the innermost.

    `Task.get_stack` shows only the outermost.
    """
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        code = frame.f_code
        yield f"    {code.co_filename}:{frame.f_lineno} {code.co_name}"
        coroutine = getattr(coroutine, "cr_await", None)


def _log_event(name: str, fields: dict[str, Any]) -> None:
    _log.debug(name, **{key: shown(value) for key, value in fields.items()})


def shown(value: object) -> str:
    """Return a field's value as text; bytes, which are ids, in hexadecimal."""
    return value.hex() if isinstance(value, bytes) else str(value)
