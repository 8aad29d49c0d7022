"""Mending: a gateway restores degraded extents by itself, as soon as there is a place for what is missing.

Every gateway watches the catalog for extents that miss a fragment and could get it now: the fragment's
provider is available again, or a spare one is. It claims a few through the log, so that gateways divide the
work among themselves, restores them one by one, and rests after each for as long as that took, so that
mending is polite to those who use the store.

A claim only divides the work, and lasts for a while of each gateway's own time since it heard of it. Two
gateways that restore the same extent do the same work twice, and no harm.
"""

import math
from collections import OrderedDict

from outlast.base.clock import Clock
from outlast.base.errors import StoreCorrupt, StoreUnavailable
from outlast.base.marks import reached
from outlast.catalog.judgement import Outcome
from outlast.catalog.records import AnyRecord, Extent, MendClaimed
from outlast.placement.plan import spare_place
from outlast.store import Store

# How often the catalog is looked at. That asks no provider for anything.
look_s = 2.0
# Extents that are claimed, and so restored, at once.
batch_extents = 16
# How long others leave alone what a gateway has claimed: it restores a batch in less, unless it died.
claim_s = 60.0
# How long an extent is left alone that could not be restored, doubled with each failure up to the longest.
retry_s_min = 10.0
retry_s_max = 600.0
# Claims of others and failures of our own that are remembered; of more, the oldest are forgotten.
remembered_max = 10_000


class Mender:
    """One gateway's. `gateway`: an id of this process only."""

    def __init__(self, store: Store, clock: Clock, gateway: bytes) -> None:
        self._store = store
        self._clock = clock
        self._gateway = gateway
        self._claimed: OrderedDict[bytes, float] = OrderedDict()
        self._failed: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self.restored = 0
        """Fragments made anew or found right after all."""
        store.catalog.state.on_applied(self._observe, store.report)

    async def run(self) -> None:
        """Restore what can be restored, until cancelled."""
        while True:
            await self._clock.sleep(look_s)
            try:
                while batch := self._next_batch():
                    await self._mend_batch(batch)
            except StoreUnavailable:
                continue  # nothing can be recorded now; the next look finds the same

    # ------------------------------------------------------------ choosing

    def _next_batch(self) -> list[Extent]:
        """The next extents that could be restored and that nobody else is at."""
        after, batch = b"", list[Extent]()
        while len(batch) < batch_extents:
            page = self._store.catalog.state.degraded_extents(after, 100, self._can_restore)
            if not page:
                return batch
            batch += [extent for extent in page if self._is_free(extent.id)]
            after = page[-1].id
        return batch[:batch_extents]

    def _can_restore(self, places: tuple[str, ...], missing: int) -> bool:
        """Whether k fragments can be read, and a missing one has a place, as far as is known."""
        fleet, state = self._store.fleet, self._store.catalog.state
        unfit = fleet.down(member.name for member in state.members())
        for index, place in enumerate(places):
            if missing >> index & 1 and (
                place not in unfit
                or spare_place(b"", index, places, state.members(), state.policy(), unfit) is not None
            ):
                return True
        return False

    def _is_free(self, id: bytes) -> bool:
        now = self._clock.monotonic()
        _, retry_at = self._failed.get(id, (0, -math.inf))
        return now >= retry_at and now - self._claimed.get(id, -math.inf) >= claim_s

    def _observe(self, record: AnyRecord, outcome: Outcome) -> None:
        """Hear of what other gateways have claimed."""
        if isinstance(record, MendClaimed) and record.gateway != self._gateway:
            for id in record.extents:
                self._claimed[id] = self._clock.monotonic()
                self._claimed.move_to_end(id)
            while len(self._claimed) > remembered_max:
                self._claimed.popitem(last=False)

    # ------------------------------------------------------------ restoring

    async def _mend_batch(self, batch: list[Extent]) -> None:
        ids = tuple(extent.id for extent in batch)
        await self._store.catalog.commit(MendClaimed(self._gateway, ids))
        for id in ids:
            extent = self._store.catalog.state.extent(id)
            # Another's claim may have come first, and the extent may be whole or dead by now.
            if extent is None or not extent.missing or not self._is_free(id):
                continue
            began = self._clock.monotonic()
            await self._mend(extent)
            await self._clock.sleep(self._clock.monotonic() - began)

    async def _mend(self, extent: Extent) -> None:
        try:
            found = await self._store.restorer.restore(extent)
        except StoreCorrupt:
            self._note_failure(extent.id)
            return
        known = self._store.catalog.state.extent(extent.id)
        if known is not None and known.missing:
            self._note_failure(extent.id)
        else:
            self._failed.pop(extent.id, None)
        self.restored += len(found.restored | found.right)
        reached("mender: an extent was restored")

    def _note_failure(self, id: bytes) -> None:
        failures, _ = self._failed.pop(id, (0, 0.0))
        pause_s = min(retry_s_max, retry_s_min * 2.0 ** min(failures, 10))
        self._failed[id] = failures + 1, self._clock.monotonic() + pause_s
        while len(self._failed) > remembered_max:
            self._failed.popitem(last=False)
