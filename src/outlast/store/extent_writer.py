"""One object's bytes on their way out: chunks to stripes, stripes to extents, extents to their providers.

Chunks arrive as the client sends them. They are gathered into stripes of 1 MiB; a full stripe is sealed and
coded at once and hashed concurrently; a full extent (16 MiB) is placed and sent, and the next one fills. An
extent may be ended early at any time, because the memory budget requests it: then it is simply a smaller
extent. Places for its fragments are chosen when they are ready to be sent, when most is known about which
providers are available.

Invariant: bytes are counted in the budget from before they are kept until their extent has been delivered and
hashed. Only the budget bounds how many extents are in flight at once: far providers need many.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from outlast.base import limits
from outlast.base.errors import ConfigError, EntityTooLarge, StoreFull
from outlast.catalog.records import Body, Extent, Fragment
from outlast.coding.extent import ExtentEncoder
from outlast.coding.seal import KEY_BYTES, Box, wrap_key
from outlast.placement.members import Member
from outlast.placement.plan import place, spare_place
from outlast.placement.policy import data_layout
from outlast.providers.protocol import Buffer
from outlast.store.context import StoreContext
from outlast.store.delivery import Delivery
from outlast.store.digests import Digest, Digests

EXTENT_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class _OpenExtent:
    """An extent that is being filled. `key` is its data key, unwrapped."""

    id: bytes
    key: bytes
    k: int
    m: int
    encoder: ExtentEncoder
    full: frozenset[str]
    """Providers whose quota was used up when the extent was begun: they receive no fragment."""


class ExtentWriter:
    """For one task; the budget calls `_flush` between its awaits."""

    def __init__(self, context: StoreContext, digests: Sequence[Digest]) -> None:
        self._context = context
        self._box = Box(context.keyring.extents, context.entropy)
        self._lease = context.budget.open(self._flush)
        self._digests = Digests(digests)
        self._begun = context.catalog.state.position.slot
        self._stripe: list[Buffer] = []
        self._stripe_bytes = 0
        self._size = 0
        self._open: _OpenExtent | None = None
        self._failure: Exception | None = None
        self._deliveries: list[Delivery] = []

    async def add(self, chunk: Buffer) -> None:
        """Take the next bytes, when there is memory. Raises `StoreUnavailable`, `EntityTooLarge`."""
        self._raise_failure()
        rest = _kept(chunk)
        if self._size + len(rest) > limits.put_bytes_max:
            raise EntityTooLarge(f"more than {limits.put_bytes_max} bytes")
        while rest:
            piece = rest[: limits.stripe_bytes - self._stripe_bytes]
            await self._lease.take(len(piece))
            self._stripe.append(piece)
            self._stripe_bytes += len(piece)
            self._size += len(piece)
            rest = rest[len(piece) :]
            if self._stripe_bytes == limits.stripe_bytes:
                await self._end_stripe()

    async def finish(self) -> tuple[Body, tuple[Delivery, ...]]:
        """Return the body after the last `add`, with all its extents delivered. Raises `StoreUnavailable`."""
        self._raise_failure()
        inline = None
        if not self._deliveries and self._open is None and self._size <= limits.inline_bytes_max:
            inline = b"".join(self._stripe)
            self._digests.feed(inline)
        else:
            self._send()
        md5 = await self._digests.finish()
        early = self._context.catalog.state.policy().acknowledge == "early"
        for delivery in self._deliveries:
            await delivery.wait_done(early)
        self._lease.close()
        extents = tuple(delivery.settle() for delivery in self._deliveries)
        return Body(self._size, md5, inline, extents, self._begun), tuple(self._deliveries)

    async def abandon(self) -> tuple[Extent, ...]:
        """Give up and wait until nothing is in flight. Returns the extents that may be partly written."""
        await self._digests.cancel()
        for delivery in self._deliveries:
            await delivery.cancel()
        self._lease.close()
        return tuple(delivery.extent for delivery in self._deliveries)

    # ------------------------------------------------------------ stripes

    async def _end_stripe(self) -> None:
        self._encode_stripe()
        await self._context.clock.sleep(0)  # a source that is always ready must not starve other tasks
        await self._digests.wait_room()
        if self._open is not None and self._open.encoder.size == limits.extent_bytes_max:
            self._send()

    def _encode_stripe(self) -> None:
        stripe = self._stripe[0] if len(self._stripe) == 1 else b"".join(self._stripe)
        self._stripe.clear()
        self._stripe_bytes = 0
        self._digests.feed(stripe)
        if self._open is None:
            self._open = self._begin_extent()
        self._open.encoder.add(stripe)

    # ------------------------------------------------------------ extents

    def _begin_extent(self) -> _OpenExtent:
        """Begin an empty extent in the layout of the current policy. Raises `StoreFull`.

        The layout also depends on which providers have room: with fewer domains it is narrower, provided
        that it satisfies the policy.
        """
        state, full = self._context.catalog.state, self._context.quotas.full()
        try:
            k, m = data_layout(state.policy(), _with_room(state.members(), full))
        except ConfigError as error:
            if not full:
                raise
            raise StoreFull(f"the quotas of {', '.join(sorted(full))} are used up: {error}") from error
        id, key = self._context.entropy.bytes(EXTENT_ID_BYTES), self._context.entropy.bytes(KEY_BYTES)
        assert state.genesis is not None, "no store before slot 0"
        return _OpenExtent(id, key, k, m, ExtentEncoder(state.genesis.store, id, key, k, m), full)

    def _flush(self) -> None:
        """Like `_send`, for the budget. An error belongs to this writer, not to the one that is waiting."""
        try:
            self._send()
        except Exception as error:
            self._failure = error

    def _send(self) -> None:
        """End the extent here and deliver it. Does nothing if there is nothing to send."""
        if self._stripe:
            self._encode_stripe()
        if self._open is None:
            return
        ended, self._open = self._open, None
        extent, full = self._placed(ended), ended.full  # a delivery outlives its data, which `ended` holds
        self._context.quotas.shipped(extent)
        self._lease.shipped(extent.size)
        delivery = Delivery(
            extent,
            ended.encoder.fragments,
            self._context.fleet,
            self._context.clock,
            lambda extent, index, avoid: self._find_place(extent, index, full.union(avoid)),
            self._context.notes.restored,
        )
        self._deliveries.append(delivery)
        delivery.start()
        self._context.background.spawn(self._land(delivery, extent.size, self._digests.fed))

    async def _land(self, delivery: Delivery, size: int, end: int) -> None:
        """Count the extent's bytes until none of it is in flight and all bytes up to `end` are hashed."""
        try:
            await delivery.wait_done()
            await self._digests.wait_hashed(end)
        except Exception as error:
            self._failure = error  # the next `add` or `finish` raises it
        finally:
            self._lease.landed(size)

    def _placed(self, ended: _OpenExtent) -> Extent:
        """Choose a place for each fragment. Providers that are down or slow get none if others suffice."""
        state, fleet = self._context.catalog.state, self._context.fleet
        members, size = _with_room(state.members(), ended.full), ended.encoder.size
        names = [member.name for member in members if member.holds_data]
        avoid = {*fleet.down(names), *fleet.slow(names, size // ended.k)}
        places = place(ended.id, ended.k, ended.m, members, state.policy(), avoid)
        incarnations = state.incarnations()
        return Extent(
            id=ended.id,
            size=size,
            key=wrap_key(self._box, ended.key, ended.id, size, ended.k, ended.m),
            k=ended.k,
            m=ended.m,
            places=places,
            incarnations=tuple(incarnations[name] for name in places),
        )

    def _find_place(self, extent: Extent, index: int, avoid: Collection[str]) -> Fragment | None:
        state, fleet = self._context.catalog.state, self._context.fleet
        names = [member.name for member in state.members()]
        unfit = {*avoid, *fleet.down(names)}
        name = spare_place(extent.id, index, extent.places, state.members(), state.policy(), unfit)
        return None if name is None else Fragment(index, name, state.incarnations()[name])

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def _with_room(members: Sequence[Member], full: Collection[str]) -> list[Member]:
    return [member for member in members if member.name not in full]


def _kept(chunk: Buffer) -> memoryview:
    """Return the chunk, or a copy of it if it could change."""
    if isinstance(chunk, memoryview) and isinstance(chunk.obj, bytes):
        return chunk.cast("B")
    return memoryview(chunk if isinstance(chunk, bytes) else bytes(chunk))


async def slices(data: bytes) -> AsyncIterator[Buffer]:
    """A large `bytes` object as a source of chunks, without copying it."""
    view = memoryview(data)
    for start in range(0, len(view), limits.stripe_bytes):
        yield view[start : start + limits.stripe_bytes]
