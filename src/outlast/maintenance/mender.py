"""Background repair: a gateway restores degraded extents as soon as there is a place for missing fragments.

Every gateway watches the catalog for extents that lack a fragment and could get it now: the fragment's
provider is available again, or a spare one is. It claims a few through the log, so that gateways divide the
work among themselves, restores them one by one, and rests after each for as long as that took, so that the
repair does not slow down requests.

Of two claims for one extent the first in the log holds, for a period that each gateway measures from when it
learned of the claim, or until the gateway releases it: what one cannot restore, another may. A claim only
divides the work: two gateways that restore the same extent do the same work twice, and no harm.

An extent that could not be restored is left alone for a while, and longer each time; but as soon as a
provider has recovered that was unavailable then, it is retried: restoring begins within seconds of its
return.
"""

import math
from collections import OrderedDict
from typing import NamedTuple

from outlast.base.clock import Clock
from outlast.base.errors import LocalStateCorrupt, StoreCorrupt, StoreUnavailable
from outlast.base.marks import reached
from outlast.base.trace import event
from outlast.catalog.judgement import Outcome
from outlast.catalog.records import AnyRecord, Extent, MendClaimed
from outlast.store import Store

# How often the catalog is checked. That sends no request to a provider.
look_s = 2.0
# How many extents are claimed, and so restored, at once.
batch_extents = 16
# How long a claim holds: a batch is restored in less, unless its gateway died.
claim_s = 60.0
# How long an extent that could not be restored is left alone, doubled with each failure up to the longest.
retry_s_min = 10.0
retry_s_max = 600.0
# How many claims, and failures of our own, are remembered; beyond that the oldest are forgotten.
remembered_max = 10_000


GIVEN_UP = b""
"""In a record, instead of a gateway's id: the claims on these extents are released."""


class _Failure(NamedTuple):
    """A failure to restore an extent."""

    times: int
    """In a row, with the same providers unavailable."""
    retry_at: float
    """Monotonic s."""
    away: tuple[str, ...]
    """Providers that were not available."""


class Mender:
    """One gateway's. `gateway`: an id of this process alone."""

    def __init__(self, store: Store, clock: Clock, gateway: bytes) -> None:
        self._store = store
        self._clock = clock
        self._gateway = gateway
        self._claims: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()
        """Which gateway has claimed an extent, and when (monotonic s) we learned of it."""
        self._failed: OrderedDict[bytes, _Failure] = OrderedDict()
        self.restored = 0
        """Fragments that are no longer missing, rebuilt or found to be correct after all."""

    async def run(self) -> None:
        """Restore what can be restored, until cancelled."""
        end_observing = self._store.catalog.state.on_applied(self._observe, self._store.report)
        try:
            while True:
                await self._clock.sleep(look_s)
                await self._look()
        finally:
            end_observing()

    async def _look(self) -> None:
        """Restore what can be restored now."""
        try:
            while batch := self._next_batch():
                await self._mend_batch(batch)
        except (StoreUnavailable, LocalStateCorrupt):
            return  # nothing can be recorded or looked up now; the next look finds the same

    # ------------------------------------------------------------ choosing

    def _next_batch(self) -> list[Extent]:
        """Return the next extents that could be restored and that no other gateway has claimed."""
        after, batch = b"", list[Extent]()
        while len(batch) < batch_extents:
            page = self._store.catalog.state.degraded_extents(after, 100, self._store.restorer.can_restore)
            if not page:
                return batch
            batch += [extent for extent in page if self._is_free(extent.id)]
            after = page[-1].id
        return batch[:batch_extents]

    def _is_free(self, id: bytes) -> bool:
        return self._is_due(id) and self._claim(id) in (None, self._gateway)

    def _is_due(self, id: bytes) -> bool:
        """Whether it has not failed recently, or a provider that was unavailable then has recovered."""
        failure = self._failed.get(id)
        if failure is None or self._clock.monotonic() >= failure.retry_at:
            return True
        return any(self._store.fleet.available(name) for name in failure.away)

    def _claim(self, id: bytes) -> bytes | None:
        """The gateway whose claim holds now."""
        gateway, heard_at = self._claims.get(id, (None, -math.inf))
        return gateway if self._clock.monotonic() - heard_at < claim_s else None

    def _observe(self, record: AnyRecord, outcome: Outcome) -> None:
        """Note claims, in the order of the log."""
        if isinstance(record, MendClaimed):
            for id in record.extents:
                if record.gateway == GIVEN_UP:
                    self._claims.pop(id, None)
                elif self._claim(id) is None:
                    self._claims[id] = record.gateway, self._clock.monotonic()
                    self._claims.move_to_end(id)
            while len(self._claims) > remembered_max:
                self._claims.popitem(last=False)

    # ------------------------------------------------------------ restoring

    async def _mend_batch(self, batch: list[Extent]) -> None:
        ids = tuple(extent.id for extent in batch)
        await self._store.catalog.commit(MendClaimed(self._gateway, ids))
        failed: list[bytes] = []
        for id in ids:
            extent = self._store.catalog.state.extent(id)
            # Another's claim may have come first, or the extent is restored or dead by now.
            if extent is None or not extent.missing or not self._is_free(id):
                continue
            began = self._clock.monotonic()
            if not await self._mend(extent):
                self._note_failure(id)
                failed.append(id)
            await self._clock.sleep(self._clock.monotonic() - began)
        if failed:
            reached("mender: a claim was given up")
            await self._store.catalog.commit(MendClaimed(GIVEN_UP, tuple(failed)))

    async def _mend(self, extent: Extent) -> bool:
        """Restore it; return whether that succeeded."""
        try:
            found = await self._store.restorer.restore(extent)
        except LocalStateCorrupt:
            raise  # says nothing about the extent
        except StoreCorrupt as error:
            event("maintenance: an extent cannot be restored", extent=extent.id, error=error)
            return False
        self.restored += len(found.cleared)
        known = self._store.catalog.state.extent(extent.id)
        if known is not None and known.missing:
            return False
        self._failed.pop(extent.id, None)
        reached("mender: an extent was restored")
        event("maintenance: an extent was restored", extent=extent.id, fragments=len(found.cleared))
        return True

    def _note_failure(self, id: bytes) -> None:
        earlier = self._failed.pop(id, None)
        away = self._store.fleet.down(self._store.fleet.names)
        times = earlier.times + 1 if earlier is not None and earlier.away == away else 1
        pause_s = min(retry_s_max, retry_s_min * 2.0 ** min(times - 1, 10))
        self._failed[id] = _Failure(times, self._clock.monotonic() + pause_s, away)
        while len(self._failed) > remembered_max:
            self._failed.popitem(last=False)
