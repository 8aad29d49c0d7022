"""One object's bytes on their way out: chunks into stripes, stripes into extents, extents into shipments.

Intuition: chunks come as the client sends them. They are gathered to stripes of 1 MiB; a full stripe is
hashed beside, sealed and coded at once; a full extent (16 MiB) is shipped, and the next one fills. An extent
may be ended early at any time, because the memory budget asks for it: then it is simply a smaller extent.

Invariant: bytes are counted in the budget from before they are kept until they have both been hashed and
left memory with their shipment. Nothing but the budget bounds how many extents are under way at once: far
providers need many.
"""

from collections import deque
from collections.abc import AsyncIterator, Sequence

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.errors import EntityTooLarge
from outlast.catalog.records import Body, Extent
from outlast.providers.protocol import Buffer
from outlast.store.budget import Budget
from outlast.store.digests import Digest, Digests
from outlast.store.packing import Crate, Packer
from outlast.store.shipment import Shipment


class Outgoing:
    """See the module's docstring. For one task; between its awaits the budget calls `_ship_early`."""

    def __init__(self, packer: Packer, budget: Budget, clock: Clock, digests: Sequence[Digest]) -> None:
        self._packer = packer
        self._begun = packer.slot
        self._clock = clock
        self._share = budget.open(self._ship_early)
        self._failure: Exception | None = None
        self._digests = Digests(digests, self._hashed)
        self._stripe: list[Buffer] = []
        self._stripe_bytes = 0
        self._crate: Crate | None = None
        self._shipments: list[Shipment] = []
        self._under_way: deque[Shipment] = deque()
        self._size = self._shipped_bytes = self._hashed_bytes = self._landed_bytes = self._freed_bytes = 0

    async def add(self, chunk: Buffer) -> None:
        """Take the next bytes, when there is room. Raises `StoreUnavailable`, `EntityTooLarge`."""
        self._raise_failure()
        rest = _kept(chunk)
        if self._size + len(rest) > limits.put_bytes_max:
            raise EntityTooLarge(f"more than {limits.put_bytes_max} bytes")
        while rest:
            piece = rest[: limits.stripe_bytes - self._stripe_bytes]
            await self._share.take(len(piece))
            self._stripe.append(piece)
            self._stripe_bytes += len(piece)
            self._size += len(piece)
            rest = rest[len(piece) :]
            if self._stripe_bytes == limits.stripe_bytes:
                await self._end_stripe()

    async def finish(self) -> Body:
        """Everything has been added: wait until it is hashed and accepted. Raises `StoreUnavailable`."""
        self._raise_failure()
        inline = None
        if not self._shipments and self._crate is None and self._size <= limits.inline_bytes_max:
            inline = b"".join(self._stripe)
            self._digests.feed(inline)
        else:
            self._ship()
        md5 = await self._digests.finish()
        for shipment in self._under_way:
            await shipment.accepted()
        self._share.close()
        extents = tuple(shipment.settle() for shipment in self._shipments)
        return Body(self._size, md5, inline, extents, self._begun)

    async def abandon(self) -> tuple[Extent, ...]:
        """Give up: nothing is under way afterwards. The extents of which something may have been written."""
        await self._digests.cancel()
        for shipment in self._shipments:
            await shipment.cancel()
        self._share.landed(self._shipped_bytes - self._freed_bytes)
        self._freed_bytes = self._shipped_bytes
        self._share.close()
        return tuple(shipment.extent for shipment in self._shipments)

    def stragglers(self) -> list[Shipment]:
        """After `finish`: the shipments of which something is still under way."""
        return [shipment for shipment in self._shipments if not shipment.ended]

    async def _end_stripe(self) -> None:
        self._encode_stripe()
        await self._clock.sleep(0)  # a source that is always ready must not keep everybody else waiting
        await self._digests.room()
        while self._under_way and not self._under_way[0].under_way:
            await self._under_way.popleft().accepted()  # a write that has failed ends here, not at its end
        if self._is_full():
            self._ship()

    def _is_full(self) -> bool:
        return self._crate is not None and self._crate.encoder.size == limits.extent_bytes_max

    def _encode_stripe(self) -> None:
        stripe = self._stripe[0] if len(self._stripe) == 1 else b"".join(self._stripe)
        self._stripe.clear()
        self._stripe_bytes = 0
        self._digests.feed(stripe)
        if self._crate is None:
            self._crate = self._packer.begin()
        self._crate.encoder.add(stripe)

    def _ship_early(self) -> None:
        """As `_ship`, for the budget. What goes wrong is this writer's, not that of whoever waits."""
        try:
            self._ship()
        except Exception as error:
            self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _ship(self) -> None:
        """End the extent here and send it off. Nothing happens if there is nothing to send."""
        if self._stripe:
            self._encode_stripe()
        if self._crate is None:
            return
        crate, self._crate = self._crate, None
        self._share.shipped(crate.encoder.size)
        self._shipped_bytes += crate.encoder.size
        shipment = self._packer.ship(crate, self._landed)
        self._shipments.append(shipment)
        self._under_way.append(shipment)

    def _hashed(self, count: int) -> None:
        self._hashed_bytes += count
        self._free()

    def _landed(self, count: int) -> None:
        self._landed_bytes += count
        self._free()

    def _free(self) -> None:
        count = min(self._hashed_bytes, self._landed_bytes) - self._freed_bytes
        if count > 0:
            self._freed_bytes += count
            self._share.landed(count)


def _kept(chunk: Buffer) -> memoryview:
    """The chunk as something that nobody changes behind our back."""
    if isinstance(chunk, memoryview) and isinstance(chunk.obj, bytes):
        return chunk.cast("B")
    return memoryview(chunk if isinstance(chunk, bytes) else bytes(chunk))


async def slices(data: bytes) -> AsyncIterator[Buffer]:
    """A large `bytes` object as a source of chunks, without copying it."""
    view = memoryview(data)
    for start in range(0, len(view), limits.stripe_bytes):
        yield view[start : start + limits.stripe_bytes]
