"""The extents, and how many contents refer to each.

An extent whose last reference goes is dead: nobody can refer to it again, since every new reference is
taken from a content that has one. Its row stays until its fragments have been deleted. The extents of a
write that was refused (a lost condition, no such bucket) are entered as dead too, for otherwise nobody
would know of their fragments.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from outlast.catalog.database import Database
from outlast.catalog.placements import encode_layout
from outlast.catalog.records import Extent, Fragment
from outlast.coding.geometry import Geometry

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Extent] = msgspec.msgpack.Decoder(Extent)


class DeadExtent(NamedTuple):
    """An extent that nothing refers to since the slot `died` was applied."""

    extent: Extent
    died: int


class Extents:
    """The table of extents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, extents: Iterable[Extent], died: int | None = None) -> None:
        """Enter new extents, each with one reference, or as dead."""
        refs = 1 if died is None else 0
        extents = tuple(map(_complete, extents))
        for extent in extents:
            if self.find(extent.id) is None:
                self._count(extent, 1)
        self._database.run_many(
            "INSERT INTO extents (extent, refs, died, missing, size, layout, value)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (extent) DO UPDATE SET refs = refs + excluded.refs,"
            " died = CASE WHEN refs + excluded.refs = 0 THEN died END",
            [
                (
                    extent.id,
                    refs,
                    died,
                    extent.missing,
                    extent.size,
                    encode_layout(extent),
                    _encoder.encode(extent),
                )
                for extent in extents
            ],
        )

    def hold(self, ids: Sequence[bytes]) -> None:
        """Count one more reference for each entry of `ids`."""
        self._database.run_many("UPDATE extents SET refs = refs + 1 WHERE extent = ?", [(id,) for id in ids])

    def release(self, ids: Sequence[bytes], died: int) -> None:
        """Count one reference less for each entry of `ids`; without any, the extent died at `died`."""
        self._database.run_many(
            "UPDATE extents SET refs = refs - 1, died = CASE WHEN refs = 1 THEN ? END WHERE extent = ?",
            [(died, id) for id in ids],
        )

    def find(self, id: bytes) -> Extent | None:
        """The extent with this id, dead or alive."""
        row = self._database.row("SELECT value FROM extents WHERE extent = ?", id)
        return None if row is None else _decoder.decode(row[0])

    def lost(self, id: bytes, fragments: Iterable[Fragment]) -> bool:
        """Note that fragments are not in their places; whether the extent is known."""
        extent = self.find(id)
        if extent is None:
            return False
        missing = extent.missing
        for fragment in fragments:
            if 0 <= fragment.index < len(extent.places) and fragment == extent.fragment(fragment.index):
                missing |= 1 << fragment.index
        return self._change(extent, missing=missing)

    def restored(self, id: bytes, fragments: Iterable[Fragment], present: Mapping[str, bytes]) -> bool:
        """Note that fragments are in their places; whether the extent is known.

        `present`: the incarnation that each provider has now.
        """
        extent = self.find(id)
        if extent is None:
            return False
        places, incarnations, missing = list(extent.places), list(extent.incarnations), extent.missing
        for one in fragments:
            if 0 <= one.index < len(places) and present.get(one.place) == one.incarnation:
                places[one.index], incarnations[one.index] = one.place, one.incarnation
                missing &= ~(1 << one.index)
        return self._change(extent, places=tuple(places), incarnations=tuple(incarnations), missing=missing)

    def _change(self, extent: Extent, **changes: Any) -> bool:
        changed = msgspec.structs.replace(extent, **changes)
        if changed != extent:
            self._count(extent, -1)
            self._count(changed, 1)
            self._database.run(
                "UPDATE extents SET missing = ?, layout = ?, value = ? WHERE extent = ?",
                changed.missing,
                encode_layout(changed),
                _encoder.encode(changed),
                extent.id,
            )
        return True

    def collected(self, ids: Sequence[bytes]) -> None:
        """Forget dead extents. One that is alive after all stays."""
        for id in ids:
            row = self._database.row("SELECT value FROM extents WHERE extent = ? AND died IS NOT NULL", id)
            if row is not None:
                self._count(_decoder.decode(row[0]), -1)
        self._database.run_many(
            "DELETE FROM extents WHERE extent = ? AND died IS NOT NULL", [(id,) for id in ids]
        )

    def _count(self, extent: Extent, sign: int) -> None:
        """Add the extent's fragments to what is stored at their places, or take them off."""
        size = sign * Geometry(extent.size, extent.k).fragment_bytes
        self._database.run_many(
            "INSERT INTO stored VALUES (?, ?) ON CONFLICT (provider) DO UPDATE SET bytes = bytes + ?",
            [(place, size, size) for place in extent.places],
        )

    def stored(self, provider: str) -> int:
        """How many bytes the fragments have that are placed at this provider."""
        row = self._database.row("SELECT bytes FROM stored WHERE provider = ?", provider)
        return 0 if row is None else row[0]

    def alive(self, after: bytes, limit: int) -> list[Extent]:
        """Extents in use, in the order of their ids."""
        rows = self._database.rows(
            "SELECT value FROM extents WHERE extent > ? AND died IS NULL ORDER BY extent LIMIT ?",
            after,
            limit,
        )
        return [_decoder.decode(value) for (value,) in rows]

    def degraded(self, after: bytes, limit: int) -> list[Extent]:
        """Extents in use that miss a fragment, in the order of their ids."""
        rows = self._database.rows(
            "SELECT value FROM extents WHERE missing != 0 AND died IS NULL AND extent > ?"
            " ORDER BY extent LIMIT ?",
            after,
            limit,
        )
        return [_decoder.decode(value) for (value,) in rows]

    def dead(self, limit: int, died_by: int | None, died_after: int) -> list[DeadExtent]:
        """Extents that nothing refers to, the longest dead first."""
        rows = self._database.rows(
            "SELECT value, died FROM extents WHERE died IS NOT NULL AND died <= ? AND died > ?"
            " ORDER BY died, id LIMIT ?",
            (1 << 62) if died_by is None else died_by,
            died_after,
            limit,
        )
        return [DeadExtent(_decoder.decode(value), died) for value, died in rows]

    def counts(self) -> tuple[int, int, int]:
        """How many are in use, how many of these miss a fragment, and how many are dead."""
        row = self._database.row(
            "SELECT (SELECT count(*) FROM extents),"
            " (SELECT count(*) FROM extents WHERE missing != 0 AND died IS NULL),"
            " (SELECT count(*) FROM extents WHERE died IS NOT NULL)"
        )
        assert row is not None
        return row[0] - row[2], row[1], row[2]


def _complete(extent: Extent) -> Extent:
    """With an incarnation for each place: none, where the writer names none."""
    none = tuple(b"" for _ in extent.places)
    return msgspec.structs.replace(extent, incarnations=(extent.incarnations + none)[: len(none)])
