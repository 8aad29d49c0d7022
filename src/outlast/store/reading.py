"""An object's bytes as a caller takes them. Leaving the block returns the memory:

    async with store.get("bucket", "key") as reading:
        async for piece in reading:
            ...

A caller that keeps a piece keeps its whole stripe in memory, which is not counted: `del piece` before
waiting for the next. `await store.get(...)` returns a reading as well, to be closed by `aclose` or by reading
it to its end. A reading that is neither is given up when it is garbage-collected; until then its memory is
available to readers that need it (`read_memory`).
"""

import asyncio
import weakref
from collections.abc import AsyncIterator, Coroutine, Generator
from types import TracebackType
from typing import Any

from outlast.catalog.records import Version
from outlast.providers.protocol import Buffer
from outlast.store.feed import Feed


class Reading:
    """Bytes [start, stop) of a version. Iterate over it once; `aclose` it unless it was read to its end.

    `data` has all of them if they are stored in the catalog; otherwise it is None.
    """

    def __init__(
        self, version: Version, start: int, stop: int, data: bytes | None = None, feed: Feed | None = None
    ) -> None:
        """`feed` has been begun; None if there is `data`."""
        self.version = version
        self.start = start
        self.stop = stop
        self.data = data
        self._feed = feed
        if feed is not None:
            loop = asyncio.get_running_loop()
            self._forgotten = weakref.finalize(self, _abandon, feed, loop)
            self._forgotten.atexit = False

    def __aiter__(self) -> AsyncIterator[Buffer]:
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[Buffer]:
        if self._feed is None:
            if self.data:
                yield self.data
            return
        try:
            while (piece := await self._feed.next()) is not None:
                yield piece
                del piece  # it pins a whole stripe, and the next may have to be waited for
        finally:
            await self.aclose()

    async def read(self) -> bytes:
        """Return everything, joined."""
        if self.data is not None:
            return self.data
        return b"".join([piece async for piece in self])

    async def aclose(self) -> None:
        """Give up what has not been read, and return all memory."""
        if self._feed is not None:
            self._forgotten.detach()
            await self._feed.close()

    async def __aenter__(self) -> "Reading":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class PendingReading:
    """A reading that is being opened: `await` it, or enter it and have it closed."""

    def __init__(self, work: Coroutine[Any, Any, Reading]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, Any, Reading]:
        return self._work.__await__()

    async def __aenter__(self) -> Reading:
        self._reading = await self._work
        return self._reading

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading.data is None:
            await self._reading.aclose()


def _abandon(feed: Feed, loop: asyncio.AbstractEventLoop) -> None:
    """The reading was garbage-collected, in any thread."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(feed.abandon)
