"""The providers of one store, as reads and writes see them: which are available, and whether waiting helps.

Intuition: while a provider's breaker is open it receives no requests. If too few are left for an operation,
the shortage may be brief (one provider recovers while another fails), so requests wait a little; but once it
has lasted for `shortage_wait_s_max`, waiting has proved useless, and requests fail at once instead of piling
up.

It holds no data and starts nothing except the guards' watches.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait, run_again
from outlast.providers.wrap.guard import Guard

# A guard probes a provider that is down at least every 5 s; one that has recovered is known after this.
shortage_wait_s_max = 6.0
# How often a waiting request checks again. Short enough that no client notices.
shortage_look_s = 0.05
# A provider whose answer was late counts as late for this time, and then one call shows whether it is quick
# again. If it is not, it counts as late for as long again as it has been silent, but no longer than this: its
# guard knows by then.
late_s_min = 1.0
# A provider is slow compared with the others if it is expected to take this many times their median.
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
        """Providers whose monthly quota is used up (`quotas`): reads use them last."""

    @property
    def names(self) -> tuple[str, ...]:
        """All providers, in the order of the settings."""
        return tuple(self._guards)

    def __contains__(self, name: str) -> bool:
        return name in self._guards

    def __getitem__(self, name: str) -> Guard:
        """Return the provider's guard. `KeyError` for one that is in the catalog but not in the settings."""
        return self._guards[name]

    def available(self, name: str) -> bool:
        """Whether this provider should get requests now."""
        guard = self._guards.get(name)
        if guard is not None and guard.health.available:
            self._down_since.pop(name, None)
            return True
        self._down_since.setdefault(name, -math.inf if guard is None else self._clock.monotonic())
        return False

    def down(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of `names` that are not available."""
        return tuple(name for name in names if not self.available(name))

    def slow(self, names: Sequence[str], size: int) -> tuple[str, ...]:
        """Return those of `names` that take a fragment of `size` bytes much more slowly than most do."""
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
        """Note that a call was later than usual for this provider, or than the others: it took `silent_s`."""
        now = self._clock.monotonic()
        if now - self._late_until.get(name, -math.inf) > late_s_max:
            self._silent_since[name] = now - silent_s
        silence_s = now - self._silent_since[name]
        self._late_until[name] = now + min(max(late_s_min, silence_s), late_s_max)

    def answered(self, name: str) -> None:
        """Note that a call to this provider was answered: it is no longer late."""
        self._late_until.pop(name, None)

    def late_until(self, name: str) -> float:
        """Until when a provider that was late recently ranks last (the latest very last); 0 if it was not."""
        until = self._late_until.get(name, 0.0)
        return until if until > self._clock.monotonic() else 0.0

    def silent_s(self, name: str) -> float:
        """How long a late provider has been silent; 0 for others.

        A call that has waited this long can be expected to take as long again.
        """
        return self._clock.monotonic() - self._silent_since[name] if self.late_until(name) else 0.0

    async def wait_available(self, names: Sequence[str], count: int) -> bool:
        """Return True once `count` of `names` are available; False if too few have been for too long."""
        while (since := self._short_since(names, count)) is not None:
            if self._clock.monotonic() - since >= shortage_wait_s_max:
                return False
            await self._clock.sleep(shortage_look_s)
        return True

    def _short_since(self, names: Sequence[str], count: int) -> float | None:
        """When fewer than `count` of `names` became available; None if enough are."""
        if count > len(names):
            return -math.inf
        down = self.down(names)
        if len(names) - len(down) >= count:
            return None
        return sorted(self._down_since[name] for name in down)[len(names) - count]

    def open(self, report: Callable[[BaseException], None]) -> None:
        """Start the guards' watches. `report` is called with bugs in a watch, which is then restarted.

        Without its watch a provider that is down would never be marked up again.
        """
        self._watches = [
            asyncio.ensure_future(run_again(guard.watch, report, self._clock.sleep))
            for guard in self._guards.values()
        ]

    async def close(self) -> None:
        """End the watches and close the providers."""
        await cancel_and_wait(self._watches)
        for guard in self._guards.values():
            await guard.close()
