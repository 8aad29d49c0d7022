"""Where time comes from.

Every component that needs the time is given a `Clock`. Production uses `SystemClock`; the simulator
gives a clock whose seconds pass only when everybody waits, so that the same code runs under virtual
time. Reading the time any other way is a lint error outside this folder.
"""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A source of time. All values are in seconds."""

    def now(self) -> float:
        """Seconds since the Unix epoch. May jump; for time stamps only."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment. Never goes back; for durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; 0 only gives others a turn."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def unix_ms(clock: Clock) -> int:
    """Milliseconds since the Unix epoch, the unit in which the catalog keeps time stamps."""
    return int(clock.now() * 1000)
