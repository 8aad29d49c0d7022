"""A write: bytes come in, and a record in the log makes them an object.

    small (<= limits.inline_bytes_max)   the bytes themselves travel in the record
    larger                               extents, each sealed, coded, placed (`extent_writer`), and durable
                                         at every provider that is available (`delivery`)

`Writer.write` ends there: what it returns is safe and has no name yet. `Writer.commit` gives it one: the
record is decided, and meanwhile each place on a network is checked once more (a disk checks as it writes). A
fragment that is missing although its provider is available (it was erased and reattached since) is restored
before the writer gets its answer (`redundancy`).

A body that will never be committed is `discard`ed. A crash before the commit leaves fragments that nothing
refers to: they take space until a sweep (`maintenance.sweep`), and do no harm.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from outlast.base import limits
from outlast.base.errors import ProviderError
from outlast.base.points import point
from outlast.catalog.records import AnyRecord, Body, Extent
from outlast.coding.extent import fragment_key
from outlast.providers.protocol import Buffer
from outlast.store.context import StoreContext
from outlast.store.delivery import Delivery
from outlast.store.digests import Digest
from outlast.store.extent_writer import ExtentWriter, slices
from outlast.store.redundancy import Redundancy

Source: TypeAlias = bytes | AsyncIterable[Buffer]
"""Where an object's bytes come from. An exception in it ends the write and is raised unchanged."""

# A request that was given up may still complete a little later; if deleted before that, its fragment stays.
discard_after_s = 5.0
# A write is as old as the newest slot that its process knew when it began, and one that is a day old is
# refused (`maintenance.sweep`). Gateways learn slots every few seconds; a program that has slept asks.
heard_s_max = 600.0


@dataclass(frozen=True, slots=True)
class Written:
    """What `Writer.write` has made durable, to be committed or discarded, once."""

    body: Body
    deliveries: tuple[Delivery, ...] = ()


class Writer:
    """Writes bodies and commits them. One per store: all writes share its memory budget."""

    def __init__(self, context: StoreContext, redundancy: Redundancy) -> None:
        self._context = context
        self._redundancy = redundancy
        self._discarding: set[asyncio.Task[None]] = set()

    async def write(self, source: Source, digests: Sequence[Digest] = ()) -> Written:
        """Read `source` to its end and make it durable, as the policy requires, with all `digests` complete.

        Raises `StoreUnavailable`, `EntityTooLarge`, and what the source and the digests raise. In that case
        nothing is in flight, and what was written is being deleted.
        """
        if isinstance(source, bytes):
            if len(source) <= limits.inline_bytes_max:
                return _inline(source, digests)
            source = slices(source)
        await self._context.catalog.sync_if_older(heard_s_max)
        extents = ExtentWriter(self._context, digests)
        try:
            async for chunk in source:
                await extents.add(chunk)
            body, deliveries = await extents.finish()
        except BaseException:
            self._discard(await extents.abandon())
            raise
        return Written(body, deliveries)

    async def commit(self, written: Written, record: Callable[[Body], AnyRecord]) -> Any:
        """Commit the record that makes `written` an object or a part; return its outcome.

        Raises what the record's docstring says, and `StoreUnavailable`: then it may be decided anyway.
        """
        await point("write: fragments durable, not committed")
        if not written.deliveries:
            return await self._context.catalog.commit(record(written.body))
        attesting = asyncio.ensure_future(self._redundancy.attest(written.deliveries))
        try:
            outcome = await self._context.catalog.commit(record(written.body))
            await point("write: committed, not attested")
            await self._redundancy.ensure(written.body.extents, await attesting)
        finally:
            attesting.cancel()
        return outcome

    def discard(self, written: Written) -> None:
        """Delete, in the background, the fragments of what will not be committed."""
        self._discard(written.body.extents)

    async def close(self) -> None:
        """Finish discarding: no other process knows what to delete."""
        if self._discarding:
            await asyncio.wait(self._discarding)

    def _discard(self, extents: Sequence[Extent]) -> None:
        if extents:
            task = asyncio.ensure_future(self._delete(extents))
            self._discarding.add(task)
            task.add_done_callback(self._discarding.discard)

    async def _delete(self, extents: Sequence[Extent]) -> None:
        await self._context.clock.sleep(discard_after_s)
        for extent in extents:
            await asyncio.gather(*(self._delete_one(extent, index) for index in range(len(extent.places))))
            self._context.quotas.deleted(extent)

    async def _delete_one(self, extent: Extent, index: int) -> None:
        place = extent.places[index]
        if place not in self._context.fleet:  # not in the settings: nothing was written there
            return
        try:
            await self._context.fleet[place].delete(fragment_key(extent.id, index))
        except ProviderError:
            pass  # nothing refers to it: it takes space until a sweep, and does no harm


def _inline(data: bytes, digests: Sequence[Digest]) -> Written:
    """A small object's body. No task, no thread: this is the hottest path of all."""
    for digest in digests:
        digest.update(data)
    return Written(Body(len(data), hashlib.md5(data, usedforsecurity=False).digest(), data))
