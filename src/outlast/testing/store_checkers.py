"""Checkers of the store: what was acknowledged is really there, as the providers hold it.

- *early*: when a large object is acknowledged, each of its fragments is right at every provider that nothing
  is wrong with, and none of these is called missing.
- *silent*: at a quiet moment, the catalog knows of each fragment that is not right.
- *unsafe*: at a quiet moment, every extent can be read with any `tolerate` of its providers taken away.
- *repair*: after a repair that says that nothing is missing, every fragment is right; what is recorded as
  restored is.
- *garbage*: what was deleted long ago is gone from the providers.

A fragment is *right* if its bytes are those that were first written under its name: nothing of ours ever
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
    """What every fragment must be, and where it is so."""

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
        """Whether the fragment is in its place, and what it must be."""
        key = fragment_key(extent.id, index)
        content = self.places[extent.places[index]].content(key)
        return content is not None and zlib.crc32(content) == self._right.get(key)

    def wrong_for_s(self, id: bytes, fragment: Fragment) -> float:
        """For how long this fragment of an extent has been absent or not right where it says; 0: it is right.

        Of one that was never there it is not known.
        """
        key = fragment_key(id, fragment.index)
        content = self.places[fragment.place].content(key)
        changed_at = self._changed_at.get((fragment.place, key))
        if changed_at is None or (content is not None and zlib.crc32(content) == self._right.get(key)):
            return 0.0
        return self._now() - changed_at

    def wrong(self, extent: Extent) -> list[str]:
        """The places whose fragment of this extent is absent or not right."""
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
        """What was missing when this gateway acknowledged the object; "" if nothing was.

        `harmed`: the places with which something is wrong; `lately`: with which something was, so that they
        may have been unavailable to the writer. What is there now must be right at these, or called missing.
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
                    return f"nothing is wrong with {place}, and the fragment there is called missing"
                if not self.right(extent, index):
                    return f"nothing is wrong with {place}, and the fragment there is not right"
        return ""

    def silent(self, extents: Iterable[Extent], excused: Container[str]) -> list[str]:
        """The fragments that the catalog takes for present and that are not right, at all but `excused`."""
        return [
            f"{extent.id.hex()[:8]} at {place}"
            for extent in extents
            for index, place in enumerate(extent.places)
            if place not in excused and not extent.missing >> index & 1 and not self.right(extent, index)
        ]

    def unsafe(self, extents: Iterable[Extent], tolerate: int) -> list[str]:
        """The extents that could not be read without `tolerate` of their providers."""
        return [
            f"{extent.id.hex()[:8]} is not right at {', '.join(wrong)}"
            for extent in extents
            if len(extent.places) - len(wrong := self.wrong(extent)) - tolerate < extent.k
        ]

    def garbage(self, alive: Iterable[Extent]) -> list[str]:
        """The fragments that belong to none of these extents."""
        wanted = {fragment_key(extent.id, index) for extent in alive for index in range(len(extent.places))}
        return [
            f"{name}: {key}"
            for name, place in self.places.items()
            for key in place.contents()
            if key.startswith(FRAGMENTS) and key not in wanted
        ]
