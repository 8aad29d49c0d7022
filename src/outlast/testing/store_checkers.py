"""Checkers of the store: what was acknowledged is really there, as the providers hold it.

- *early*: when a large object is acknowledged, each of its fragments is right at every healthy provider, and
  none of these is recorded as missing.
- *silent*: at a quiet moment, the catalog lists each fragment that is not right.
- *unsafe*: at a quiet moment, every extent can be read without any `tolerate` of its providers.
- *repair*: after a repair that reports nothing missing, every fragment is right; so is what is recorded as
  restored.
- *garbage*: what was deleted long ago is no longer at the providers.

A fragment is *right* if its bytes are those that were first written under its name: our code never
writes other bytes under the same name.
"""

import zlib
from collections.abc import Callable, Container, Iterable, Mapping

from outlast.catalog.content import Piece
from outlast.catalog.records import Extent, Fragment
from outlast.coding.extent import fragment_key
from outlast.testing.memory_store import Gateway
from outlast.testing.places import Change, Place

FRAGMENTS = "x/"


class Fragments:
    """What every fragment must be, and where it is right."""

    def __init__(self, places: Iterable[Place], now: Callable[[], float] = lambda: 0.0) -> None:
        self.places: Mapping[str, Place] = {place.name: place for place in places}
        self._now = now
        self._right: dict[str, int] = {}
        self._changed_at: dict[tuple[str, str], float] = {}
        for place in self.places.values():
            place.watchers.append(self._changed)

    def _changed(self, change: Change) -> None:
        if change.after is not None and change.key.startswith(FRAGMENTS):
            self._right.setdefault(change.key, zlib.crc32(change.after))
        if change.key.startswith(FRAGMENTS):
            self._changed_at[change.place, change.key] = self._now()

    def right(self, extent: Extent, index: int) -> bool:
        """Whether the fragment is in its place and right."""
        key = fragment_key(extent.id, index)
        content = self.places[extent.places[index]].content(key)
        return content is not None and zlib.crc32(content) == self._right.get(key)

    def wrong_for_s(self, id: bytes, fragment: Fragment) -> float:
        """How long this fragment of an extent has been absent or not right at its place; 0: it is right.

        Unknown for one that was never there.
        """
        key = fragment_key(id, fragment.index)
        content = self.places[fragment.place].content(key)
        changed_at = self._changed_at.get((fragment.place, key))
        if changed_at is None or (content is not None and zlib.crc32(content) == self._right.get(key)):
            return 0.0
        return self._now() - changed_at

    def wrong(self, extent: Extent) -> list[str]:
        """Return the places whose fragment of this extent is absent or not right."""
        return [place for index, place in enumerate(extent.places) if not self.right(extent, index)]

    def early(
        self,
        gateway: Gateway,
        bucket: str,
        key: str,
        etag: str,
        harmed: Container[str],
        lately: Container[str],
    ) -> str:
        """Return what was missing when this gateway acknowledged the object; "" if nothing was.

        `harmed`: the places that have a fault; `lately`: those that recently had one, so that they may have
        been unavailable to the writer. What is there now must be right at these, or recorded as missing.
        """
        found = gateway.state.find(bucket, key)
        if found is None or found.version.etag != etag:
            return ""  # overwritten already
        for extent in (piece.extent for piece in found.content if isinstance(piece, Piece)):
            for index, place in enumerate(extent.places):
                if place in harmed or not gateway.guards[place].health.available:
                    continue
                if extent.missing >> index & 1:
                    if place in lately:
                        continue
                    return f"{place} is healthy, and the fragment there is recorded as missing"
                if not self.right(extent, index):
                    return f"{place} is healthy, and the fragment there is not right"
        return ""

    def silent(self, extents: Iterable[Extent], excused: Container[str]) -> list[str]:
        """Return the fragments, except at `excused`, that are not right and not missing in the catalog."""
        return [
            f"{extent.id.hex()[:8]} at {place}"
            for extent in extents
            for index, place in enumerate(extent.places)
            if place not in excused and not extent.missing >> index & 1 and not self.right(extent, index)
        ]

    def unsafe(self, extents: Iterable[Extent], tolerate: int) -> list[str]:
        """Return the extents that could not be read without `tolerate` of their providers."""
        return [
            f"{extent.id.hex()[:8]} is not right at {', '.join(wrong)}"
            for extent in extents
            if len(extent.places) - len(wrong := self.wrong(extent)) - tolerate < extent.k
        ]

    def garbage(self, alive: Iterable[Extent]) -> list[str]:
        """Return the fragments that belong to none of these extents."""
        wanted = {fragment_key(extent.id, index) for extent in alive for index in range(len(extent.places))}
        return [
            f"{name}: {key}"
            for name, place in self.places.items()
            for key in place.contents()
            if key.startswith(FRAGMENTS) and key not in wanted
        ]
