"""Counts of what is stored where: all extents with the same placement are one entry.

They answer what a loss would do. Extents are counted by layout (`layouts`). Objects are counted by the set of
entries that their extents belong to, because an object is lost with any one of them.

Small objects, which are in the log itself, have no extents and no entries: they are the rest.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple, TypeAlias

from outlast.catalog.content import content_blob, extent_rows, length
from outlast.catalog.database import Database, Row
from outlast.catalog.layouts import Layout, Layouts
from outlast.coding.geometry import Geometry

Lying: TypeAlias = tuple[int, int, tuple[str, ...], tuple[str, ...]]
"""(k, m, providers with a fragment, providers that lack one), names sorted. Equal ones are lost together."""

# Contents processed together: few enough for SQLite's limit on parameters, if most have one extent.
contents_at_once = 500
extents_at_once = 900


class Alike(NamedTuple):
    """Extents in use that need `k` fragments. `holders` have one per mention; those in `gone` lack theirs.

    Which fragment is where makes no difference to the effect of a loss.
    """

    k: int
    m: int
    holders: tuple[str, ...]
    gone: tuple[str, ...]
    extents: int
    bytes: int
    """Of plaintext."""
    fragment_bytes: int
    """Of all these extents' fragments of one index."""


class Whole(NamedTuple):
    """Objects whose extents belong to the same entries of `Placements.alike`: bit j stands for entry j."""

    entries: int
    objects: int
    bytes: int


class Placements(NamedTuple):
    """All extents in use (also those of uploads in progress), and all objects that have any."""

    alike: tuple[Alike, ...]
    wholes: tuple[Whole, ...]
    dead: Mapping[str, int]
    """Bytes of fragments that await collection, by provider."""


def _lying(layout: Layout, missing: int) -> Lying:
    """The part of a layout that determines the effect of a loss."""
    holders = sorted(place for index, place in enumerate(layout.places) if not missing >> index & 1)
    gone = sorted(place for index, place in enumerate(layout.places) if missing >> index & 1)
    return layout.k, layout.m, tuple(holders), tuple(gone)


def placements(database: Database, layouts: Layouts) -> Placements:
    """Count everything. See `State.placements`."""
    lying = {id: _lying(layout, layouts.missing(id)) for id, layout, _ in layouts.alive()}
    dead = _dead(database, layouts)
    amounts: defaultdict[Lying, list[int]] = defaultdict(lambda: [0, 0, 0])
    for id, _, counted in layouts.alive():
        amounts[lying[id]][0] += counted.alive
        amounts[lying[id]][1] += counted.bytes
        amounts[lying[id]][2] += counted.fragment_bytes - dead[id]
    entries = {one: number for number, one in enumerate(sorted(amounts))}
    alike = tuple(Alike(*one, *amounts[one]) for one in entries)
    wholes = _wholes(database, {id: entries[one] for id, one in lying.items()})
    return Placements(alike, wholes, _dead_by_provider(layouts, dead))


def _dead(database: Database, layouts: Layouts) -> Counter[int]:
    """The bytes of one fragment of each dead extent, by layout."""
    found: Counter[int] = Counter()
    with database.scanning() as scan:
        for layout, size, number in scan(
            "SELECT layout, size, count(*) FROM extents WHERE died IS NOT NULL GROUP BY layout, size"
        ):
            found[layout] += number * Geometry(size, layouts[layout].k).fragment_bytes
    return found


def _dead_by_provider(layouts: Layouts, dead: Mapping[int, int]) -> Mapping[str, int]:
    """Those that are there, as far as is known."""
    found: Counter[str] = Counter()
    for id, size in dead.items():
        for index, place in enumerate(layouts[id].places):
            if not layouts.missing(id) >> index & 1:
                found[place] += size
    return dict(found)


def _wholes(database: Database, numbers: Mapping[int, int]) -> tuple[Whole, ...]:
    objects: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    with database.scanning() as scan:
        # In the order in which they were written, like their extents: in key order, objects would be
        # scattered over the file.
        contents = scan("SELECT content FROM contents WHERE extents > 0")
        while batch := list(islice(contents, contents_at_once)):
            for size, entries in _entries(database, batch, numbers):
                objects[entries] += 1
                sizes[entries] += size
    return tuple(Whole(entries, count, sizes[entries]) for entries, count in objects.items())


def _entries(
    database: Database, rows: Iterable[Row], numbers: Mapping[int, int]
) -> Iterator[tuple[int, int]]:
    """(size, bits) of each content."""
    contents = [database.decoded(content_blob, blob) for (blob,) in rows]
    extents = [extent_rows(content) for content in contents]
    known = _numbers_of(database, sorted({row for several in extents for row in several}), numbers)
    for content, several in zip(contents, extents, strict=True):
        bits = 0
        for row in several:
            bits |= 1 << known[row]
        yield length(content), bits


def _numbers_of(database: Database, rows: list[int], numbers: Mapping[int, int]) -> dict[int, int]:
    """The entry that the extent in each row belongs to."""
    known: dict[int, int] = {}
    for start in range(0, len(rows), extents_at_once):
        some = rows[start : start + extents_at_once]
        marks = ",".join("?" * len(some))
        found = database.rows(f"SELECT id, layout FROM extents WHERE id IN ({marks})", *some)
        known.update((row, numbers[layout]) for row, layout in found)
    return known
