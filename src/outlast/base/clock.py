"""Sources of time.

Every component that needs the time takes a `Clock`. Production uses `SystemClock`. The simulator's clock
advances only when every task waits, so the same code runs under virtual time. Reading the time any other
way is a lint error outside this folder.
"""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A source of time. All values are in seconds."""

    def now(self) -> float:
        """Seconds since the Unix epoch. May jump; for timestamps only."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment. Never decreases; for durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; 0 only lets other tasks run."""
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
    """Milliseconds since the Unix epoch, the unit of the catalog's timestamps."""
    return int(clock.now() * 1000)
