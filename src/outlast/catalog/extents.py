"""The extents, and how many contents refer to each.

An extent without references is dead: nothing can refer to it again, because every new reference is copied
from an existing one. Its row stays until its fragments have been deleted. The extents of a refused write (a
failed condition, a missing bucket) are also inserted, as dead; otherwise no gateway would know of their
fragments.

Extents are returned with every fragment marked missing that does not count now (`layouts`), whether or not
it is recorded as missing.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from heapq import merge
from itertools import islice
from typing import NamedTuple, TypeAlias

from outlast.base.errors import ReadExpired
from outlast.catalog.content import Run
from outlast.catalog.database import Database, Row
from outlast.catalog.layouts import Layout, Layouts, layout_of, lost, restored
from outlast.catalog.records import Extent, Fragment
from outlast.coding.geometry import Geometry

_COLUMNS = "extent, size, key, layout"

# Seeking to the first row of a layout's extents costs as much as skipping this many rows.
seek_rows = 16


Wanted: TypeAlias = Callable[[int, tuple[str, ...], int], bool]
"""(k, places, missing): whether extents with fragments at these places, without those in this bit mask, are
wanted.
"""


class DeadExtent(NamedTuple):
    """An extent that nothing has referred to since the slot `died` was applied."""

    extent: Extent
    died: int


class Extents:
    """The table of extents."""

    def __init__(self, database: Database, layouts: Layouts) -> None:
        self._database = database
        self._layouts = layouts

    def readable(self, extent: Extent) -> bool:
        """Whether enough of a new extent's fragments count."""
        return self._layouts.suffices(layout_of(extent))

    def all_readable(self, runs: Iterable[Run]) -> bool:
        """Whether enough fragments of each of these known extents count."""
        return all(
            self._layouts.suffices(self._layouts[layout])
            for run in runs
            for (layout,) in self._database.rows(
                "SELECT DISTINCT layout FROM extents WHERE id BETWEEN ? AND ?",
                run.first,
                run.first + run.rows - 1,
            )
        )

    # ------------------------------------------------------------ references

    def add(self, extents: Iterable[Extent], died: int | None = None) -> list[int]:
        """Insert new extents, each with one reference, or as dead. Returns their rows.

        An extent that is already known (a record that came twice) only gets the reference.
        """
        rows: list[int] = []
        for extent in extents:
            known = self._database.row("SELECT id FROM extents WHERE extent = ?", extent.id)
            rows.append(self._enter(extent, died) if known is None else known[0])
            if known is not None and died is None:
                self.hold([Run(known[0], 1)])
        return rows

    def _enter(self, extent: Extent, died: int | None) -> int:
        layout = self._layouts.id_of(layout_of(extent))
        self._count(layout, extent.size, died is None, 1)
        return self._database.run(
            "INSERT INTO extents (extent, refs, died, size, layout, key) VALUES (?, ?, ?, ?, ?, ?)",
            extent.id,
            1 if died is None else 0,
            died,
            extent.size,
            layout,
            extent.key,
        )

    def hold(self, runs: Iterable[Run]) -> None:
        """Add one reference to each row of `runs`."""
        for run in runs:
            if dead := self._alike(run, refs=0):
                self._refer(run, "refs = refs + 1, died = NULL")
            else:
                self._refer(run, "refs = refs + 1")
            for layout, size, number in dead:
                self._count(layout, size, False, -number)
                self._count(layout, size, True, number)

    def release(self, runs: Iterable[Run], died: int) -> None:
        """Remove one reference from each row of `runs`; without any, the extent died at the slot `died`."""
        for run in runs:
            if last := self._alike(run, refs=1):
                self._refer(run, "refs = refs - 1, died = CASE WHEN refs = 1 THEN ? END", died)
            else:
                self._refer(run, "refs = refs - 1")
            for layout, size, number in last:
                self._count(layout, size, True, -number)
                self._count(layout, size, False, number)

    def _alike(self, run: Run, refs: int) -> list[Row]:
        """(layout, size, count) of the extents in the run that have `refs` references."""
        return self._database.rows(
            "SELECT layout, size, count(*) FROM extents WHERE id BETWEEN ? AND ? AND refs = ?"
            " GROUP BY layout, size",
            run.first,
            run.first + run.rows - 1,
            refs,
        )

    def _refer(self, run: Run, change: str, *values: object) -> None:
        """Change all rows of a run. `died` is in two indexes, so not updating it needlessly saves time."""
        changed = self._database.change(
            f"UPDATE extents SET {change} WHERE id BETWEEN ? AND ?",
            *values,
            run.first,
            run.first + run.rows - 1,
        )
        assert changed == run.rows, "a content refers to an extent that is not in the catalog"

    def collected(self, ids: Sequence[bytes]) -> None:
        """Delete the rows of dead extents. One that is alive after all stays."""
        for id in ids:
            row = self._database.row(
                "DELETE FROM extents WHERE extent = ? AND died IS NOT NULL RETURNING size, layout", id
            )
            if row is not None:
                self._count(row[1], row[0], False, -1)

    def _count(self, layout: int, size: int, alive: bool, number: int) -> None:
        """Add `number` (negative to subtract) to the counts of a layout, for extents of this size."""
        counted = self._layouts.changing(layout)
        counted.fragment_bytes += number * Geometry(size, self._layouts[layout].k).fragment_bytes
        if alive:
            counted.alive += number
            counted.bytes += number * size
        else:
            counted.dead += number

    # ------------------------------------------------------------ fragments

    def lost(self, id: bytes, fragments: Sequence[Fragment]) -> bool:
        """Record that fragments are not in their places. Returns whether the extent is known."""
        return self._change(id, lambda layout: lost(layout, fragments))

    def restored(self, id: bytes, fragments: Sequence[Fragment], chosen_beside: tuple[str, ...]) -> bool:
        """Record that fragments are in their places. Returns whether the extent is known."""

        def change(layout: Layout) -> Layout:
            return restored(layout, fragments, self._layouts.present, chosen_beside)

        return self._change(id, change)

    def _change(self, id: bytes, change: Callable[[Layout], Layout]) -> bool:
        row = self._database.row("SELECT layout, size, died IS NULL FROM extents WHERE extent = ?", id)
        if row is None:
            return False
        old, size, alive = row
        layout = change(self._layouts[old])
        if layout != self._layouts[old]:
            new = self._layouts.id_of(layout)
            self._database.run("UPDATE extents SET layout = ? WHERE extent = ?", new, id)
            self._count(old, size, bool(alive), -1)
            self._count(new, size, bool(alive), 1)
        return True

    # ------------------------------------------------------------ reading

    def at(self, row: int) -> Extent:
        """The extent in this row, to which a content refers or did. `ReadExpired`: it was deleted."""
        found = self._database.row(f"SELECT {_COLUMNS} FROM extents WHERE id = ?", row)
        if found is None:
            raise ReadExpired("the object was overwritten or deleted, and its old data has been collected")
        return self._shown(found)

    def find(self, id: bytes) -> Extent | None:
        """The extent with this id, dead or alive."""
        row = self._database.row(f"SELECT {_COLUMNS} FROM extents WHERE extent = ?", id)
        return None if row is None else self._shown(row)

    def in_use(self, id: bytes) -> bool:
        """Whether the extent is known and alive."""
        row = self._database.row("SELECT 1 FROM extents WHERE extent = ? AND died IS NULL", id)
        return row is not None

    def _shown(self, row: Row) -> Extent:
        id, size, key, number = row
        layout = self._layouts[number]
        return Extent(
            id,
            size,
            key,
            layout.k,
            layout.m,
            layout.places,
            self._layouts.missing(number),
            layout.incarnations,
        )

    def alive(self, after: bytes, limit: int) -> list[Extent]:
        """Extents in use, sorted by id."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM extents WHERE extent > ? AND died IS NULL ORDER BY extent LIMIT ?",
            after,
            limit,
        )
        return [self._shown(row) for row in rows]

    def degraded(self, after: bytes, limit: int, wanted: Wanted) -> list[Extent]:
        """Extents in use that miss a fragment and have a wanted layout, sorted by id."""
        layouts = [id for id in self._layouts.degraded() if wanted(*self._layouts.shown(id))]
        alive, _, _ = self._layouts.extents()
        degraded = self._layouts.count(layouts)
        if not degraded:
            return []
        with_all_others = min(limit, degraded) * alive < degraded * len(layouts) * seek_rows
        look = self._pick if with_all_others else self._gather
        return [self._shown(row) for row in look(frozenset(layouts), after, limit)]

    def _pick(self, layouts: frozenset[int], after: bytes, limit: int) -> list[Row]:
        """Scan all extents: faster if there are many layouts and a large part of the extents has them."""
        with self._database.scanning() as scan:
            rows = scan(
                f"SELECT {_COLUMNS} FROM extents WHERE extent > ? AND died IS NULL ORDER BY extent", after
            )
            return list(islice((row for row in rows if row[3] in layouts), limit))

    def _gather(self, layouts: frozenset[int], after: bytes, limit: int) -> list[Row]:
        """Merge the sorted extents of each layout."""
        sql = (
            f"SELECT {_COLUMNS} FROM extents WHERE layout = ? AND died IS NULL AND extent > ? ORDER BY extent"
        )
        with ExitStack() as scans:
            rows = [scans.enter_context(self._database.scanning())(sql, id, after) for id in layouts]
            return list(islice(merge(*rows), limit))

    def dead(self, limit: int, died_by: int | None, died_after: int) -> list[DeadExtent]:
        """Extents that nothing refers to, in the order in which they died."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS}, died FROM extents WHERE died IS NOT NULL AND died <= ? AND died > ?"
            " ORDER BY died, id LIMIT ?",
            (1 << 62) if died_by is None else died_by,
            died_after,
            limit,
        )
        return [DeadExtent(self._shown(row[:-1]), row[-1]) for row in rows]
