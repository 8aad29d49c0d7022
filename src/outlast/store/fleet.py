"""The providers of one store, as reading and writing see them: who is there, and whether waiting helps.

Intuition: while a provider's breaker is open nobody asks it. If too few are left for what is to be done,
the loss may be a passing one (one provider comes back while another fails), so requests wait a little; but
once it has lasted for `shortage_wait_s_max`, waiting has shown to be of no use, and requests are told so
at once instead of piling up.

It holds no data and starts nothing but the guards' watches.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait, run_again
from outlast.providers.wrap.guard import Guard

# A guard probes a provider that is down at least every 5 s; one that is back is known to be after this.
shortage_wait_s_max = 6.0
# How often a waiting request looks again. Well below anything that a client would notice.
shortage_look_s = 0.05
# A provider whose answer was late is late for so long, and then one call finds out whether it is quick
# again. If it is not, it is late for as long again as it has been silent, but no longer than this: its guard
# knows by then.
late_s_min = 1.0
# A provider is slow beside the others when it is expected to take this many times as long as half of them.
slow_factor = 4.0
late_s_max = 4.0


class Fleet:
    """Guards by provider name."""

    def __init__(self, guards: Mapping[str, Guard], clock: Clock) -> None:
        self._guards = dict(guards)
        self._clock = clock
        self._down_since: dict[str, float] = {}
        self._late_until: dict[str, float] = {}
        self._silent_since: dict[str, float] = {}
        self._watches: list[asyncio.Task[None]] = []
        self.spent: frozenset[str] = frozenset()
        """Providers whose month is used up (`quotas`): they come last in reads."""

    @property
    def names(self) -> tuple[str, ...]:
        """All providers, in the order of the settings."""
        return tuple(self._guards)

    def __contains__(self, name: str) -> bool:
        return name in self._guards

    def __getitem__(self, name: str) -> Guard:
        """The provider's guard. `KeyError` for one that the catalog names and the settings do not."""
        return self._guards[name]

    def available(self, name: str) -> bool:
        """Whether there is a point in asking this provider now."""
        guard = self._guards.get(name)
        if guard is not None and guard.health.available:
            self._down_since.pop(name, None)
            return True
        self._down_since.setdefault(name, -math.inf if guard is None else self._clock.monotonic())
        return False

    def down(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` that are not available."""
        return tuple(name for name in names if not self.available(name))

    def slow(self, names: Sequence[str], size: int) -> tuple[str, ...]:
        """Those of `names` that take a fragment of `size` bytes much more slowly than most do."""
        expected = {
            name: self._guards[name].health.durations.expected_s("put", size)
            for name in names
            if name in self
        }
        if not expected:
            return ()
        usual = sorted(expected.values())[(len(expected) - 1) // 2]
        return tuple(name for name, seconds in expected.items() if seconds > slow_factor * usual)

    def was_late(self, name: str, silent_s: float) -> None:
        """A call to this provider is later than is usual, for it or beside the others: it took `silent_s`."""
        now = self._clock.monotonic()
        if now - self._late_until.get(name, -math.inf) > late_s_max:
            self._silent_since[name] = now - silent_s
        silence_s = now - self._silent_since[name]
        self._late_until[name] = now + min(max(late_s_min, silence_s), late_s_max)

    def answered(self, name: str) -> None:
        """A call to this provider was answered: it is late no more."""
        self._late_until.pop(name, None)

    def late_until(self, name: str) -> float:
        """Until when a provider that was late just now comes last (the latest very last); 0 if it was not."""
        until = self._late_until.get(name, 0.0)
        return until if until > self._clock.monotonic() else 0.0

    def silent_s(self, name: str) -> float:
        """For how long a provider that is late has been silent; 0 for others.

        What has kept one waiting for so long may be expected to do so for as long again.
        """
        return self._clock.monotonic() - self._silent_since[name] if self.late_until(name) else 0.0

    async def wait_available(self, names: Sequence[str], count: int) -> bool:
        """True as soon as `count` of `names` are available; False when too few have been for too long."""
        while (since := self._short_since(names, count)) is not None:
            if self._clock.monotonic() - since >= shortage_wait_s_max:
                return False
            await self._clock.sleep(shortage_look_s)
        return True

    def _short_since(self, names: Sequence[str], count: int) -> float | None:
        """Since when fewer than `count` of `names` have been available; None if enough are."""
        if count > len(names):
            return -math.inf
        down = self.down(names)
        if len(names) - len(down) >= count:
            return None
        return sorted(self._down_since[name] for name in down)[len(names) - count]

    def open(self, report: Callable[[BaseException], None]) -> None:
        """Start the guards' watches. `report` hears of bugs in one, which then begins anew.

        Without its watch a provider that is down would be so for ever.
        """
        self._watches = [
            asyncio.ensure_future(run_again(guard.watch, report, self._clock.sleep))
            for guard in self._guards.values()
        ]

    async def close(self) -> None:
        """End the watches and let go of the providers."""
        await cancel_and_wait(self._watches)
        for guard in self._guards.values():
            await guard.close()
