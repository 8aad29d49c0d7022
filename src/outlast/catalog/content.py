"""What an object consists of: a sequence of inline bytes and ranges of extents.

In the database a content is a list of bytes, which stand for themselves, and `Reference`s. A reference stands
for a range of an extent, or for the same range of many extents with consecutive rows: 5 TiB are 327,680
extents, but a few thousand references at most. They are resolved one by one when the bytes are read, so that
every object that shares an extent, and every read in progress, sees at once that a fragment was lost or
moved.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from outlast.base.wire import Struct
from outlast.catalog.blobs import Blob
from outlast.catalog.records import Body, Extent, Version


class Reference(Struct):
    """Bytes [start, start + length) of each of the extents in `count` rows from `extent` on.

    A row number is shorter than an extent's id, and faster to look up.
    """

    extent: int
    start: int
    length: int
    count: int = 1

    @property
    def bytes(self) -> int:
        """How many bytes the reference covers."""
        return self.length * self.count

    def some(self, first: int, stop: int) -> "Reference":
        """The reference to its extents [first, stop) alone."""
        return Reference(self.extent + first, self.start, self.length, stop - first)


Stored: TypeAlias = tuple[bytes | Reference, ...]
"""A content as stored in the database."""


class Run(NamedTuple):
    """`rows` consecutive rows of extents, from `first` on."""

    first: int
    rows: int


class Inline(NamedTuple):
    """Bytes that are stored in the catalog itself."""

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
    """A version with its content, or with the requested part of it.

    `offset` is the object's byte at which that part begins. `extent` returns the extent in a row. It raises
    `StoreUnavailable` if the local catalog was rebuilt since: find the version again.
    """

    version: Version
    stored: Stored
    offset: int
    extent: Callable[[int], Extent]

    def pieces(self) -> Iterator[Inline | Piece]:
        """The object's bytes in order. Each extent is looked up when iteration reaches it."""
        for part in self.stored:
            if isinstance(part, bytes):
                yield Inline(part)
            else:
                for row in range(part.extent, part.extent + part.count):
                    yield Piece(self.extent(row), part.start, part.length)

    def pieces_in(self, start: int, stop: int) -> Iterator[tuple[int, Inline | Piece]]:
        """The pieces that overlap the object's bytes [start, stop), each with its starting byte."""
        first, parts = overlapping(self.stored, start - self.offset, stop - self.offset)
        position = self.offset + first
        for piece in self._replace(stored=parts).pieces():
            yield position, piece
            position += piece.length

    @property
    def content(self) -> Content:
        """All pieces at once, for contents known to be small."""
        return tuple(self.pieces())

    @property
    def inline(self) -> bytes | None:
        """All bytes if they are stored in the catalog; None if providers must be read."""
        inlines = [part for part in self.stored if isinstance(part, bytes)]
        return b"".join(inlines) if len(inlines) == len(self.stored) else None


content_blob: Blob[Stored] = Blob(Stored)


def stored(body: Body, rows: Sequence[int]) -> Stored:
    """The content of a new body: its inline bytes, or its complete extents, which are in these rows."""
    if body.inline is not None:
        return (body.inline,) if body.inline else ()
    return _joined(Reference(row, 0, one.size) for row, one in zip(rows, body.extents, strict=True))


def extent_runs(content: Stored) -> list[Run]:
    """The rows of the extents that a content refers to, once for each reference."""
    return [Run(part.extent, part.count) for part in content if isinstance(part, Reference)]


def extent_rows(content: Stored) -> list[int]:
    """The same, row by row."""
    return [row for first, rows in extent_runs(content) for row in range(first, first + rows)]


def length(content: Stored) -> int:
    """The content's length in bytes."""
    return sum(map(_length, content))


def _length(part: bytes | Reference) -> int:
    return len(part) if isinstance(part, bytes) else part.bytes


def located(content: Stored) -> Iterator[tuple[int, int, bytes | Reference]]:
    """Each part with the bytes at which it starts and stops."""
    position = 0
    for part in content:
        length = _length(part)
        yield position, position + length, part
        position += length


def overlapping(content: Stored, start: int, stop: int) -> tuple[int, Stored]:
    """Where the first part that overlaps [start, stop) starts, and all such parts, in whole extents."""
    offset, parts = 0, list[bytes | Reference]()
    for low, high, part in located(content):
        if max(low, start) >= min(high, stop):
            continue
        first = 0
        if isinstance(part, Reference):
            first = max(start - low, 0) // part.length
            part = part.some(first, -(-min(stop - low, part.bytes) // part.length))
            low += first * part.length
        offset = offset if parts else low
        parts.append(part)
    return offset, tuple(parts)


def cut(content: Stored, start: int, stop: int) -> Stored:
    """Exactly the bytes [start, stop) of the content."""
    parts: list[bytes | Reference] = []
    for low, high, part in located(content):
        first, last = max(start, low) - low, min(stop, high) - low
        if first < last:
            parts.extend([part[first:last]] if isinstance(part, bytes) else _cut_reference(part, first, last))
    return _joined(parts)


def _cut_reference(part: Reference, start: int, stop: int) -> list[Reference]:
    """Its bytes [start, stop), at least one: from the first extent, from those between, and from the last."""
    (first, head), (last, tail) = divmod(start, part.length), divmod(stop - 1, part.length)
    if first == last:
        return [Reference(part.extent + first, part.start + head, stop - start)]
    between = [part.some(first + 1, last)] if first + 1 < last else []
    return [
        Reference(part.extent + first, part.start + head, part.length - head),
        *between,
        Reference(part.extent + last, part.start, tail + 1),
    ]


def joined(contents: Sequence[Stored]) -> Stored:
    """The concatenation of several contents."""
    return _joined(part for content in contents for part in content)


def _joined(parts: Iterable[bytes | Reference]) -> Stored:
    """The parts, with references to consecutive rows merged."""
    together: list[bytes | Reference] = []
    for part in parts:
        last = together[-1] if together else b""
        if isinstance(part, Reference) and isinstance(last, Reference) and _follows(last, part):
            together[-1] = last.some(0, last.count + part.count)
        else:
            together.append(part)
    return tuple(together)


def _follows(last: Reference, part: Reference) -> bool:
    return (last.start, last.length, last.extent + last.count) == (part.start, part.length, part.extent)
