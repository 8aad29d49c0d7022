"""What lies where, counted: extents that lie alike are one entry, however many there are.

For whoever asks what a loss would do. The rows are grouped by SQLite. Objects are counted by the set of
entries that their extents belong to, since an object is lost with any one of them.

What lies in the log itself (small objects) has no extent and no entry: it is the rest.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple, TypeAlias

import msgspec

from outlast.catalog.content import decode_content, extent_ids
from outlast.catalog.database import Database, Row
from outlast.catalog.records import Extent

Layout: TypeAlias = tuple[int, int, tuple[str, ...], tuple[str, ...]]
"""(k, m, who has a fragment, who lacks one), names in order. Whatever is lost, equal ones are lost alike."""

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Layout] = msgspec.msgpack.Decoder(Layout)

# Contents looked at together: few enough for SQLite's bound on parameters, if most have one extent.
contents_at_once = 500
extents_at_once = 900


class Alike(NamedTuple):
    """Extents in use that need `k` fragments: `holders` have one for each mention, `gone` lack theirs.

    Which fragment is where does not matter to what a loss does.
    """

    k: int
    m: int
    holders: tuple[str, ...]
    gone: tuple[str, ...]
    extents: int
    bytes: int
    """Of plaintext."""


class Whole(NamedTuple):
    """Objects whose extents belong to the same entries of `Placements.alike`: bit j stands for entry j."""

    entries: int
    objects: int
    bytes: int


class Placements(NamedTuple):
    """All extents in use (those of uploads under way too), and all objects that have any."""

    alike: tuple[Alike, ...]
    wholes: tuple[Whole, ...]


def encode_layout(extent: Extent) -> bytes:
    """What extents that lie alike have in common."""
    holders = sorted(place for index, place in enumerate(extent.places) if not extent.missing >> index & 1)
    gone = sorted(place for index, place in enumerate(extent.places) if extent.missing >> index & 1)
    return _encoder.encode((extent.k, extent.m, holders, gone))


def placements(database: Database) -> Placements:
    """Count everything. See `State.placements`."""
    rows = database.rows(
        "SELECT layout, count(*), sum(size) FROM extents WHERE died IS NULL GROUP BY layout ORDER BY layout"
    )
    alike = tuple(Alike(*_decoder.decode(layout), extents, size) for layout, extents, size in rows)
    return Placements(alike, _wholes(database, {layout: number for number, (layout, *_) in enumerate(rows)}))


def _wholes(database: Database, numbers: Mapping[bytes, int]) -> tuple[Whole, ...]:
    objects: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    with database.scanning() as scan:
        contents = scan(
            "SELECT objects.size, contents.content FROM objects"
            " JOIN contents ON contents.id = objects.content WHERE contents.extents > 0"
        )
        while batch := list(islice(contents, contents_at_once)):
            for size, entries in _entries(database, batch, numbers):
                objects[entries] += 1
                sizes[entries] += size
    return tuple(Whole(entries, count, sizes[entries]) for entries, count in objects.items())


def _entries(
    database: Database, contents: Iterable[Row], numbers: Mapping[bytes, int]
) -> Iterator[tuple[int, int]]:
    """(size, bits) of each content."""
    ids = [(size, extent_ids(decode_content(content))) for size, content in contents]
    known = _numbers_of(database, sorted({id for _, several in ids for id in several}), numbers)
    for size, several in ids:
        bits = 0
        for id in several:
            bits |= 1 << known[id]
        yield size, bits


def _numbers_of(database: Database, ids: list[bytes], numbers: Mapping[bytes, int]) -> dict[bytes, int]:
    """Which entry each extent belongs to."""
    known: dict[bytes, int] = {}
    for start in range(0, len(ids), extents_at_once):
        some = ids[start : start + extents_at_once]
        marks = ",".join("?" * len(some))
        rows = database.rows(f"SELECT extent, layout FROM extents WHERE extent IN ({marks})", *some)
        known.update((id, numbers[layout]) for id, layout in rows)
    return known
