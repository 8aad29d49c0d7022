"""Adapts the content that a blocking caller writes to the store: asynchronous, and never read ahead.

The caller's file or generator may block, so each piece is read in a worker thread.
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
    """Return the content in the form that `Store.put` takes."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, bytearray | memoryview):
        return bytes(content)
    return _asynchronous(_pieces_of(content))


def _pieces_of(content: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    read: Callable[[int], bytes] | None = getattr(content, "read", None)  # iterating over a file yields lines
    return iter(content) if read is None else iter(lambda: read(stripe_bytes), b"")


async def _asynchronous(pieces: Iterator[Buffer]) -> AsyncIterator[Buffer]:
    while (piece := await offload(next, pieces, None)) is not None:
        yield piece
