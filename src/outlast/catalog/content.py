"""What an object consists of: a sequence of inline bytes and of stretches of extents.

In the database a content is a list in which bytes stand for themselves and a `Reference` for a stretch
of an extent. References are resolved when read, so that a fragment that was lost or moved is known at
once to every object that shares its extent.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from outlast.base.wire import Struct
from outlast.catalog.blobs import Blob
from outlast.catalog.records import Body, Extent, Version


class Reference(Struct):
    """Bytes [start, start + length) of the extent in this row: shorter than its id, and quicker."""

    extent: int
    start: int
    length: int


Stored: TypeAlias = tuple[bytes | Reference, ...]
"""A content as the database has it."""


class Inline(NamedTuple):
    """Bytes that lie in the catalog itself."""

    data: bytes

    @property
    def length(self) -> int:
        return len(self.data)


class Piece(NamedTuple):
    """Bytes [start, start + length) of an extent's plaintext."""

    extent: Extent
    start: int
    length: int


Content: TypeAlias = tuple[Inline | Piece, ...]
"""An object's bytes in order. Empty for an empty object."""


class Found(NamedTuple):
    """A version with its content, or with the part of it that was asked for.

    `offset` is the object's byte at which `content` begins: 0 when all was asked for.
    """

    version: Version
    content: Content
    offset: int = 0

    @property
    def inline(self) -> bytes | None:
        """All bytes of `content` if they lie in the catalog; None if a provider has to be asked."""
        if len(self.content) == 1 and isinstance(only := self.content[0], Inline):
            return only.data
        inlines = [piece.data for piece in self.content if isinstance(piece, Inline)]
        return b"".join(inlines) if len(inlines) == len(self.content) else None


content_blob: Blob[Stored] = Blob(Stored)


def stored(body: Body, rows: Sequence[int]) -> Stored:
    """The content of a new body: its bytes, or all of each of its extents, which are in these rows."""
    if body.inline is not None:
        return (body.inline,) if body.inline else ()
    return tuple(Reference(row, 0, one.size) for row, one in zip(rows, body.extents, strict=True))


def extent_rows(content: Stored) -> list[int]:
    """The rows of the extents that a content refers to, one entry for each reference."""
    return [part.extent for part in content if isinstance(part, Reference)]


def length(content: Stored) -> int:
    """How many bytes it has."""
    return sum(len(part) if isinstance(part, bytes) else part.length for part in content)


def located(content: Stored) -> Iterator[tuple[int, int, bytes | Reference]]:
    """Each part with where it starts and stops in the whole, in bytes."""
    position = 0
    for part in content:
        length = len(part) if isinstance(part, bytes) else part.length
        yield position, position + length, part
        position += length


def overlapping(content: Stored, start: int, stop: int) -> tuple[int, Stored]:
    """The parts, whole, that share bytes with [start, stop), and where the first of them starts."""
    parts = [(low, part) for low, high, part in located(content) if low < stop and high > start]
    return (parts[0][0] if parts else 0), tuple(part for _, part in parts)


def cut(content: Stored, start: int, stop: int) -> Stored:
    """Exactly the bytes [start, stop) of the content."""
    parts: list[bytes | Reference] = []
    for low, high, part in located(content):
        first, last = max(start, low) - low, min(stop, high) - low
        if first < last:
            parts.append(
                part[first:last]
                if isinstance(part, bytes)
                else Reference(part.extent, part.start + first, last - first)
            )
    return tuple(parts)


def joined(contents: Sequence[Stored]) -> Stored:
    """Several contents one after another."""
    return tuple(part for content in contents for part in content)
