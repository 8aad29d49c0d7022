"""What a blocking caller writes from, as the store wants it: asynchronous, and read ahead of nobody.

The caller's file or generator may block, so each piece is asked for in a worker thread.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import BinaryIO, TypeAlias

from outlast.base.concurrency import offload
from outlast.base.limits import stripe_bytes
from outlast.providers.protocol import Buffer
from outlast.store import Source

SyncSource: TypeAlias = bytes | BinaryIO | Iterable[bytes]
"""The whole content, a file open for reading in binary, or pieces of any size."""


def as_source(content: SyncSource) -> Source:
    """The content as `Store.put` takes it."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, bytearray | memoryview):
        return bytes(content)
    return _asynchronous(_pieces_of(content))


def _pieces_of(content: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    read: Callable[[int], bytes] | None = getattr(content, "read", None)  # iterating over a file gives lines
    return iter(content) if read is None else iter(lambda: read(stripe_bytes), b"")


async def _asynchronous(pieces: Iterator[Buffer]) -> AsyncIterator[Buffer]:
    while (piece := await offload(next, pieces, None)) is not None:
        yield piece
