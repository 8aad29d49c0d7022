"""A read: ask the log what is newest, the catalog where it is stored, and the providers for its bytes.

    sync        everything acknowledged before the call is in the local catalog
    find        the version, and the pieces that its content consists of
    select      the span of it that the caller wants (or its refusal)
    fetch       windows of at most `limits.read_window_bytes`, some ahead of the consumer (`Feed`)

The first window is fetched before `get` returns, so that unreadable content raises an error and does not
break off a body. Sync to find happen in one turn of the loop: a reading shows one version, whatever comes
after it.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import (
    LocalStateCorrupt,
    NoSuchBucket,
    NoSuchKey,
    ReadExpired,
    StoreCorrupt,
    StoreError,
    StoreUnavailable,
    Tampered,
)
from outlast.base.marks import reached
from outlast.catalog.catalog import Catalog
from outlast.catalog.content import Found
from outlast.catalog.records import Extent, Version
from outlast.coding.extent import ExtentDecoder
from outlast.coding.keys import Keyring
from outlast.coding.seal import Box, unwrap_key
from outlast.store.feed import Feed
from outlast.store.fleet import Fleet
from outlast.store.gather import Gathering
from outlast.store.hedge import Hedges
from outlast.store.holds import Holds
from outlast.store.names import check_key
from outlast.store.notes import Notes
from outlast.store.read_memory import ReadMemory
from outlast.store.reading import Reading
from outlast.store.windows import Stretch, Window, stretches

Span: TypeAlias = tuple[int, int]
Select: TypeAlias = Callable[[Version], Span | None]
"""Returns which bytes [start, stop) of a version are wanted (None: all), or raises. Must not wait."""


class Reader:
    """Reads objects. One per store: all reads share its hedges and its memory."""

    def __init__(
        self,
        catalog: Catalog,
        fleet: Fleet,
        keyring: Keyring,
        clock: Clock,
        entropy: Entropy,
        notes: Notes,
        holds: Holds,
    ) -> None:
        self._catalog = catalog
        self._fleet = fleet
        self._box = Box(keyring.extents, entropy)
        self._clock = clock
        self._notes = notes
        self._holds = holds
        self.hedges = Hedges()
        self.memory = ReadMemory(limits.read_ahead_bytes_max, clock)

    async def head(self, bucket: str, key: str) -> Version:
        """Return the newest version. Raises `NoSuchBucket`, `NoSuchKey`, `StoreUnavailable`."""
        check_key(key)
        await self._catalog.sync_to_read()
        return self._version(bucket, key)

    async def get(self, bucket: str, key: str, select: Select) -> Reading:
        """Read the newest version. Raises as `head`, what `select` raises, `StoreCorrupt`, `StoreBusy`."""
        check_key(key)
        await self._catalog.sync_to_read()
        version = self._version(bucket, key)
        start, stop = _clipped(select(version), version.size)
        if start == stop:
            return Reading(version, start, stop, b"")
        found = self._catalog.state.find(bucket, key, version.id, (start, stop))
        assert found is not None, "the version was there in this same turn"
        if (inline := found.inline) is not None:
            return Reading(version, start, stop, inline[start - found.offset : stop - found.offset])
        return await self._open(bucket, key, found, start, stop)

    async def _open(self, bucket: str, key: str, found: Found, start: int, stop: int) -> Reading:
        """Open a reading of [start, stop) of what was found in this same turn, the first window fetched."""
        number = self._holds.begin()
        feed = Feed(
            self._windows(bucket, key, found, start, stop),
            self.fetch,
            self.memory,
            self._clock,
            lambda: self._holds.end(number),
        )
        await feed.begin()
        return Reading(found.version, start, stop, None, feed)

    def _windows(self, bucket: str, key: str, found: Found, start: int, stop: int) -> Iterator[Window]:
        """Yield the bytes [start, stop) of what was found, uncut; each extent is looked up when it is due.

        If the local catalog was rebuilt meanwhile, the version is found again.
        """
        failed_at = -1
        while start < stop:
            try:
                for window in stretches(found, start, stop):
                    yield window
                    start += len(window) if isinstance(window, bytes) else window.size
            except (StoreUnavailable, LocalStateCorrupt) as error:
                again = None if failed_at == start else self._find_again(bucket, key, found, start, stop)
                if again is None:
                    raise StoreUnavailable(
                        f"the version being read cannot be found any more: {error}"
                    ) from error
                found, failed_at = again, start
                reached("read: the version was found again")

    def _find_again(self, bucket: str, key: str, found: Found, start: int, stop: int) -> Found | None:
        try:
            return self._catalog.state.find(bucket, key, found.version.id, (start, stop))
        except (NoSuchBucket, LocalStateCorrupt):
            return None

    async def fetch(self, window: Window) -> list[memoryview]:
        """Return the window's plaintext, in order. Raises `StoreUnavailable`, `StoreCorrupt`."""
        if isinstance(window, bytes):
            return [memoryview(window)]
        extent = self._newest(window.extent)
        while True:
            try:
                return await self._gathered(window._replace(extent=extent))
            except (StoreUnavailable, StoreCorrupt) as error:
                before, extent = extent, self._newest(extent)
                if extent.places == before.places:
                    await self._raise_if_collected(extent, error)
                    raise
                reached("read: the fragments were moved while they were read")

    def _newest(self, extent: Extent) -> Extent:
        """Return the extent from the local catalog: a reading may last for hours, and fragments move."""
        try:
            return self._catalog.state.extent(extent.id) or extent
        except LocalStateCorrupt:
            return extent  # the catalog is being rebuilt, and the old places are a good guess

    async def _raise_if_collected(self, extent: Extent, error: StoreError) -> None:
        if isinstance(error, StoreCorrupt):
            await self._catalog.sync()
            if not self._catalog.state.in_use(extent.id):
                raise ReadExpired(
                    "the version being read was overwritten or deleted, and collected"
                ) from error

    async def _gathered(self, window: Stretch) -> list[memoryview]:
        decoder = self.decoder(window.extent)
        stripes = decoder.stripes_for(window.start, window.stop)
        gathering = Gathering(
            window.extent, decoder, stripes, self._fleet, self.hedges, self._notes, self._clock
        )
        try:
            plain = await gathering.decoded()
        finally:
            await gathering.close()
        return _trimmed(plain, window, stripes.start)

    def decoder(self, extent: Extent) -> ExtentDecoder:
        """Return the extent's decoder. Raises `StoreCorrupt` if its data key does not belong to it."""
        genesis = self._catalog.state.genesis
        assert genesis is not None, "an extent before slot 0"
        try:
            key = unwrap_key(self._box, extent.key, extent.id, extent.size, extent.k, extent.m)
        except Tampered as error:
            raise StoreCorrupt(f"extent {extent.id.hex()}: its key: {error}") from error
        return ExtentDecoder(genesis.store, extent.id, extent.size, key, extent.k, extent.m)

    def _version(self, bucket: str, key: str) -> Version:
        version = self._catalog.state.version(bucket, key)
        if version is None:
            raise NoSuchKey(f"{bucket}/{key}")
        return version


def _clipped(span: Span | None, size: int) -> Span:
    """Return the part of the span that is in the object."""
    if span is None:
        return 0, size
    start = min(max(span[0], 0), size)
    return start, min(max(span[1], start), size)


def _trimmed(plain: list[bytes], window: Stretch, first_stripe: int) -> list[memoryview]:
    """Return the stripes without what is outside of the window."""
    from_start = window.start - first_stripe * limits.stripe_bytes
    chunks = [memoryview(stripe) for stripe in plain]
    surplus = sum(map(len, chunks)) - from_start - window.size
    chunks[-1] = chunks[-1][: len(chunks[-1]) - surplus]
    chunks[0] = chunks[0][from_start:]
    return chunks
