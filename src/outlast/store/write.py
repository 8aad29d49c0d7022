"""The way of a write: bytes come in, and a `Body` says where they are safe.

    small (<= limits.inline_bytes_max)   the bytes themselves; they will travel in the log
    larger                               extents, each sealed, coded and placed, its fragments durable at
                                         as many providers as the policy wants

A body is not an object yet: that is what the commit in the log makes of it (`objects`, `multipart`). A body
that will never be committed is `discard`ed. What a crash leaves between the two is fragments that
nothing refers to: space, no harm.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterable, Sequence
from typing import TypeAlias

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.concurrency import Background
from outlast.base.errors import ProviderError
from outlast.base.marks import reached
from outlast.base.points import point
from outlast.catalog.records import Body, Extent
from outlast.coding.extent import fragment_key
from outlast.providers.protocol import Buffer
from outlast.store.budget import Budget
from outlast.store.digests import Digest
from outlast.store.fleet import Fleet
from outlast.store.outgoing import Outgoing, slices
from outlast.store.packing import Packer

Source: TypeAlias = bytes | AsyncIterable[Buffer]
"""Where an object's bytes come from. Whatever it raises ends the write and comes out unchanged."""

# A request that was given up may still be done a little later; deleted before that, its fragment would stay.
discard_after_s = 5.0


class Writer:
    """Writes bodies. One for a store: all writes share its memory budget."""

    def __init__(self, packer: Packer, fleet: Fleet, clock: Clock, background: Background) -> None:
        self._packer = packer
        self._fleet = fleet
        self._clock = clock
        self._background = background
        self.budget = Budget(limits.write_buffer_bytes_max)

    async def write(self, source: Source, digests: Sequence[Digest] = ()) -> Body:
        """Read `source` to its end; its body, safe as the policy says, and with all `digests` complete.

        Raises `StoreUnavailable`, `EntityTooLarge`, and what the source and the digests raise. Nothing is
        under way then, and what was written is being deleted.
        """
        if isinstance(source, bytes):
            if len(source) <= limits.inline_bytes_max:
                return _inline(source, digests)
            source = slices(source)
        outgoing = Outgoing(self._packer, self.budget, self._clock, digests)
        try:
            async for chunk in source:
                await outgoing.add(chunk)
            body = await outgoing.finish()
        except BaseException:
            self._discard(await outgoing.abandon())
            raise
        for shipment in outgoing.stragglers():
            self._background.spawn(shipment.finished())
        return body

    def discard(self, body: Body) -> None:
        """Delete, in the background, the fragments of a body that will not be committed."""
        self._discard(body.extents)

    def _discard(self, extents: Sequence[Extent]) -> None:
        if extents:
            self._background.spawn(self._delete(extents))

    async def _delete(self, extents: Sequence[Extent]) -> None:
        await self._clock.sleep(discard_after_s)
        reached("write: a body was discarded")
        await point("write: given up, fragments not deleted")
        for extent in extents:
            await asyncio.gather(*(self._delete_one(extent, index) for index in range(len(extent.places))))
            self._packer.deleted(extent)

    async def _delete_one(self, extent: Extent, index: int) -> None:
        place = extent.places[index]
        if place not in self._fleet:  # the settings do not name it: nothing was written there
            return
        try:
            await self._fleet[place].delete(fragment_key(extent.id, index))
        except ProviderError:
            pass  # nothing refers to it: it takes space until somebody sweeps, and does no harm


def _inline(data: bytes, digests: Sequence[Digest]) -> Body:
    """The body of a small object. No task, no thread: this is the hottest way of all."""
    for digest in digests:
        digest.update(data)
    return Body(len(data), hashlib.md5(data, usedforsecurity=False).digest(), data)
