"""Makes sure that an acknowledged write has the redundancy that its policy requires.

Two failures may have passed unnoticed while a large object was written: a place was not its provider (a
disk was unmounted for a moment), or a provider was erased and reattached, and what it held of the first
extents is lost. The first shows when marker and fragment are checked after the put, the second in the
catalog, which records each fragment's incarnation. Missing fragments that can be restored at once are
restored before the answer; the rest leaves the object degraded, for the gateways to restore.
"""

import asyncio
from collections.abc import Iterable, Sequence

from outlast.base.concurrency import cancel_and_wait, gather_bounded
from outlast.base.errors import StoreError, WriteLost
from outlast.base.marks import reached
from outlast.catalog.records import Extent, Fragment, FragmentsLost
from outlast.store.context import StoreContext
from outlast.store.delivery import Delivery
from outlast.store.restore import Restorer

# What cannot be restored in this time leaves the object degraded. A client has a timeout, too.
ensure_s_max = 10.0
# How many extents of one write are checked at once: a body of 5 GiB has 320.
proved_at_once = 16
# Doubts that are recorded at once. The log decides records that wait together in one slot.
recorded_at_once = 64

Doubtful = tuple[bytes, Fragment]
"""(extent id, a fragment that may not be where it was put)."""


class Redundancy:
    """See the module's docstring."""

    def __init__(self, context: StoreContext, restorer: Restorer) -> None:
        self._context = context
        self._restorer = restorer

    async def attest(self, deliveries: Sequence[Delivery]) -> list[Doubtful]:
        """Verify that every fragment is at its provider; return those that may not be."""
        found = await gather_bounded(Delivery.attest, deliveries, proved_at_once)
        return [
            (delivery.extent.id, fragment)
            for delivery, fragments in zip(deliveries, found, strict=True)
            for fragment in fragments
        ]

    async def ensure(self, extents: Iterable[Extent], doubtful: Sequence[Doubtful]) -> None:
        """Record the doubtful fragments, and restore what can be restored now of extents just committed.

        Raises `StoreUnavailable` if a doubt could not be recorded, and `WriteLost` if fewer than k
        fragments are left: the write must not be acknowledged then.
        """
        by_extent: dict[bytes, list[Fragment]] = {}
        for id, fragment in doubtful:
            by_extent.setdefault(id, []).append(fragment)
        losses = [FragmentsLost(id, tuple(fragments)) for id, fragments in by_extent.items()]
        await gather_bounded(self._context.catalog.commit, losses, recorded_at_once)
        known = [extent for extent in map(self._known, (one.id for one in extents)) if extent is not None]
        lacking = [
            extent for extent in known if self._restorer.can_restore(extent.k, extent.places, extent.missing)
        ]
        if lacking and self._context.catalog.state.policy().acknowledge == "all":
            reached("redundancy: a fragment was missing when its object was committed")
            await self._restore(lacking)
        for extent in known:
            present = self._known(extent.id)
            if present is not None and len(extent.places) - present.missing.bit_count() < extent.k:
                reached("redundancy: too few fragments were left after the commit")
                raise WriteLost(
                    "providers were lost during the write: the object exists, too damaged to be read"
                )

    def _known(self, id: bytes) -> Extent | None:
        return self._context.catalog.state.extent(id)

    async def _restore(self, extents: Sequence[Extent]) -> None:
        """Restore extents. One that fails stays degraded in the catalog, for the gateways to restore."""
        work = asyncio.ensure_future(self._restore_all(extents))
        try:
            await asyncio.wait((work,), timeout=ensure_s_max)
        finally:
            await cancel_and_wait((work,))

    async def _restore_all(self, extents: Sequence[Extent]) -> None:
        for extent in extents:
            try:
                await self._restorer.restore(extent)
            except StoreError:
                continue
