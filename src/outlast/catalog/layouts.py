"""The layouts: where an extent's fragments are. All extents whose fragments are in the same places share one.

A fragment counts if it is not recorded as missing and was written under its provider's present incarnation:
an erased provider that was reattached has a new incarnation, and nothing of what it held before. So what is
missing from an extent depends only on its layout and the present incarnations. When a provider loses
everything, only the layouts are judged again: hundreds of them for millions of extents. No extent is
rewritten.

Layouts and their counts are also kept in memory, because every extent that is read needs one. The counts are
written once at the end of a batch, and a layout without extents is deleted then.

Invariant: between batches the counts are those of the extents' rows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from outlast.catalog.blobs import Blob
from outlast.catalog.database import Database
from outlast.catalog.records import Extent, Fragment

Where: TypeAlias = tuple[tuple[str, ...], tuple[bytes, ...]]

_blob: Blob[Where] = Blob(Where)


class Layout(NamedTuple):
    """As in `Extent`, with `missing` as it was recorded, and b"" for an unknown incarnation."""

    k: int
    m: int
    places: tuple[str, ...]
    incarnations: tuple[bytes, ...]
    missing: int


@dataclass(slots=True)
class Counted:
    """Totals of a layout's extents. `bytes`: plaintext of those in use; `fragment_bytes`: of all of them."""

    alive: int = 0
    bytes: int = 0
    dead: int = 0
    fragment_bytes: int = 0

    def __bool__(self) -> bool:
        return self.alive > 0 or self.dead > 0


def layout_of(extent: Extent) -> Layout:
    """The layout of an extent as its writer passes it."""
    unknown = (b"",) * len(extent.places)
    incarnations = (extent.incarnations + unknown)[: len(unknown)]
    every = (1 << len(extent.places)) - 1
    return Layout(extent.k, extent.m, extent.places, incarnations, extent.missing & every)


def missing(layout: Layout, present: Mapping[str, bytes]) -> int:
    """The fragments that do not count (one bit each), given the providers' present incarnations."""
    bits = layout.missing
    for index, (place, incarnation) in enumerate(zip(layout.places, layout.incarnations, strict=True)):
        if present.get(place) != incarnation:
            bits |= 1 << index
    return bits


def lost(layout: Layout, fragments: Iterable[Fragment]) -> Layout:
    """The layout without these fragments. One that is elsewhere, or of another incarnation, stays."""
    bits = layout.missing
    there = list(zip(layout.places, layout.incarnations, strict=True))
    for one in fragments:
        if 0 <= one.index < len(there) and there[one.index] == (one.place, one.incarnation):
            bits |= 1 << one.index
    return layout._replace(missing=bits)


def restored(
    layout: Layout,
    fragments: Iterable[Fragment],
    present: Mapping[str, bytes],
    chosen_beside: tuple[str, ...],
) -> Layout:
    """The layout with these fragments at their places.

    Except for fragments whose incarnation is not the present one, and for those in a new place that was
    chosen for a different layout.
    """
    places, incarnations, bits = list(layout.places), list(layout.incarnations), layout.missing
    for one in fragments:
        if not (0 <= one.index < len(places) and present.get(one.place) == one.incarnation):
            continue
        if one.place == layout.places[one.index] or chosen_beside == layout.places:
            places[one.index], incarnations[one.index] = one.place, one.incarnation
            bits &= ~(1 << one.index)
    return layout._replace(places=tuple(places), incarnations=tuple(incarnations), missing=bits)


class Layouts:
    """The table of layouts. The rows of extents refer to a layout by its id.

    `present`: the incarnation that each provider has now.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed: set[int] = set()
        self.reload({})

    def reload(self, present: Mapping[str, bytes]) -> None:
        """Load memory from the table, at the start and after a batch was rolled back."""
        self._changed.clear()
        self._layouts: dict[int, Layout] = {}
        self._counted: dict[int, Counted] = {}
        rows = self._database.rows(
            "SELECT id, k, m, layout, missing, alive, bytes, dead, fragment_bytes FROM layouts"
        )
        for id, k, m, layout, missing, *counts in rows:
            self._layouts[id] = Layout(k, m, *self._database.decoded(_blob, layout), missing)
            self._counted[id] = Counted(*counts)
        self._ids = {layout: id for id, layout in self._layouts.items()}
        self.judge(present)

    def judge(self, present: Mapping[str, bytes]) -> None:
        """Judge all layouts by the incarnations that the providers have now."""
        self.present = present
        self._missing = {id: missing(layout, present) for id, layout in self._layouts.items()}

    # ------------------------------------------------------------ one layout

    def __getitem__(self, id: int) -> Layout:
        """The layout as it was recorded."""
        return self._layouts[id]

    def missing(self, id: int) -> int:
        """The fragments that do not count, one bit each."""
        return self._missing[id]

    def suffices(self, layout: Layout) -> bool:
        """Whether enough fragments count to read an extent with this layout."""
        return len(layout.places) - missing(layout, self.present).bit_count() >= layout.k

    def id_of(self, layout: Layout) -> int:
        """The id of a layout, which is inserted if it is new."""
        id = self._ids.get(layout)
        if id is None:
            id = self._database.run(
                "INSERT INTO layouts (k, m, layout, missing) VALUES (?, ?, ?, ?)",
                layout.k,
                layout.m,
                _blob.encode((layout.places, layout.incarnations)),
                layout.missing,
            )
            self._ids[layout], self._layouts[id] = id, layout
            self._counted[id], self._missing[id] = Counted(), missing(layout, self.present)
        return id

    def changing(self, id: int) -> Counted:
        """The layout's counts, for the caller to change; they are written at the end of the batch."""
        self._changed.add(id)
        return self._counted[id]

    def flush(self) -> None:
        """Write the counts. To be called at the end of each batch."""
        for id in sorted(self._changed):
            counted = self._counted[id]
            if counted:
                self._database.run(
                    "UPDATE layouts SET alive = ?, bytes = ?, dead = ?, fragment_bytes = ? WHERE id = ?",
                    counted.alive,
                    counted.bytes,
                    counted.dead,
                    counted.fragment_bytes,
                    id,
                )
            else:
                self._database.run("DELETE FROM layouts WHERE id = ?", id)
                del self._ids[self._layouts.pop(id)], self._counted[id], self._missing[id]
        self._changed.clear()

    # ------------------------------------------------------------ all of them

    def degraded(self) -> list[int]:
        """The layouts of extents in use that miss a fragment."""
        return [id for id, bits in self._missing.items() if bits and self._counted[id].alive]

    def shown(self, id: int) -> tuple[int, tuple[str, ...], int]:
        """The layout's k and places, and the fragments that do not count, one bit each."""
        layout = self._layouts[id]
        return layout.k, layout.places, self._missing[id]

    def count(self, ids: Iterable[int]) -> int:
        """How many extents in use have these layouts."""
        return sum(self._counted[id].alive for id in ids)

    def alive(self) -> list[tuple[int, Layout, Counted]]:
        """The layouts of extents in use."""
        return [(id, self._layouts[id], counted) for id, counted in self._counted.items() if counted.alive]

    def extents(self) -> tuple[int, int, int]:
        """How many extents are in use, how many of these miss a fragment, and how many are dead."""
        counted = self._counted
        return (
            sum(one.alive for one in counted.values()),
            sum(counted[id].alive for id in self.degraded()),
            sum(one.dead for one in counted.values()),
        )

    def stored(self, provider: str) -> int:
        """The bytes of the fragments placed at this provider, including missing ones, which it will have."""
        return sum(
            counted.fragment_bytes * self._layouts[id].places.count(provider)
            for id, counted in self._counted.items()
        )
