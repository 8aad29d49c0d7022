"""Long readings are announced in the log, so that the data that they need is not collected.

Overwritten or deleted data is kept for a grace period (`maintenance.collect`), which is enough for most
readings. A reading that is older than a part of it is *held*: its process commits the slot at which it began
(`ReadingHeld`), and commits it again as long as the reading lasts. Collectors keep what was deleted after
that slot.

No clock is trusted: the reader measures its own elapsed time, and a hold ends when a collector knows
that a grace period has passed since the record. So the promise needs only that one attempt to renew a hold
succeeds in the time that is left of the default grace period: 40 minutes of an hour. A process that is cut
off from the log, or stopped, for longer than that may lose what it reads; its reading raises `ReadExpired`.

A reading is held for `held_s_max` at most, so that an abandoned one that is never closed does not keep space
from being freed forever.
"""

from typing import NamedTuple

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import StoreUnavailable
from outlast.base.marks import reached
from outlast.catalog.catalog import Catalog
from outlast.catalog.records import ReadingHeld

HOLDER_ID_BYTES = 16
# A reading that lasts longer is held, and each hold is renewed after the same time. Few readings are.
hold_after_s = 900.0
# The interval between checks of how old readings are, and before a retry after a failure. So a hold is
# committed 1,200 s after the reading began, or after the previous hold, unless the log is unavailable.
look_s = 300.0
# 5 TiB in this time are 9 MB/s.
held_s_max = 7 * 24 * 3600.0


class _Begun(NamedTuple):
    """A reading in progress: it began at `slot`, at `at` (monotonic s)."""

    slot: int
    at: float


class Holds:
    """The readings of this process that are in progress."""

    def __init__(self, catalog: Catalog, clock: Clock, entropy: Entropy) -> None:
        self._catalog = catalog
        self._clock = clock
        self._entropy = entropy
        self._in_progress: dict[int, _Begun] = {}  # in the order in which they began
        self._number = 0
        self._holder = b""  # our name in the log, once we need one
        self._held_at = float("-inf")

    def begin(self) -> int:
        """Begin a reading, in the same loop turn as its catalog lookup. Returns the number for `end`."""
        self._number += 1
        self._in_progress[self._number] = _Begun(self._catalog.state.position.slot, self._clock.monotonic())
        return self._number

    def end(self, number: int) -> None:
        """End the reading; does nothing if it has ended already."""
        self._in_progress.pop(number, None)

    async def watch(self) -> None:
        """Hold what readings need, until cancelled."""
        while True:
            await self._clock.sleep(look_s)
            await self._hold()

    async def _hold(self) -> None:
        """Commit the slot of the oldest reading, if it is old and no recent hold covers it.

        A hold covers all readings that began after it, too.
        """
        now = self._clock.monotonic()
        long = [one.slot for one in self._in_progress.values() if hold_after_s <= now - one.at < held_s_max]
        if not long or now - self._held_at < hold_after_s:
            return
        self._holder = self._holder or self._entropy.bytes(HOLDER_ID_BYTES)
        try:
            await self._catalog.commit(ReadingHeld(self._holder, min(long)))
        except StoreUnavailable:
            return  # the next check tries again
        reached("holds: a long reading was held")
        self._held_at = now
