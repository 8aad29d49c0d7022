"""Fragments that count as missing although they are in their places.

When the catalog calls a fragment missing, that is a hint: it may have arrived late, or a disk that was not
mounted may be back. A reader uses such a fragment when nothing else is left, and a repair that finds it
intact clears the note. Whether it is intact is known only once it is read; this module checks only its size.
So the outcome of anything that depends on it is unknown.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from outlast.base.errors import ProviderError
from outlast.catalog.records import Extent
from outlast.coding.extent import fragment_key
from outlast.coding.geometry import Geometry
from outlast.store import Store

# Checking a fragment is a request, which may cost money. Late fragments of further extents count as missing.
extents_max = 1000
looks_at_once = 16


@dataclass(frozen=True, slots=True)
class Late:
    """A fragment that may be there. `holders` and `gone` are the extent's, as in `Alike`."""

    place: str
    bytes: int
    k: int
    holders: tuple[str, ...]
    gone: tuple[str, ...]


async def find_late(store: Store) -> list[Late]:
    """Look for the fragments that the catalog calls missing, at available providers."""
    extents = store.catalog.state.degraded_extents(limit=extents_max)
    slots = asyncio.Semaphore(looks_at_once)

    async def look(extent: Extent, index: int) -> Late | None:
        async with slots:
            return await _look(store, extent, index)

    found = await asyncio.gather(*(look(extent, index) for extent in extents for index in _missing(extent)))
    return [one for one in found if one is not None]


async def _look(store: Store, extent: Extent, index: int) -> Late | None:
    place, size = extent.places[index], Geometry(extent.size, extent.k).fragment_bytes
    if place not in store.fleet or not store.fleet.available(place):
        return None
    try:
        stat = await store.fleet[place].head(fragment_key(extent.id, index))
    except ProviderError:
        return None
    if stat.size != size:
        return None
    missing = set(_missing(extent))
    gone = [extent.places[at] for at in missing]
    holders = [name for at, name in enumerate(extent.places) if at not in missing]
    return Late(place, size, extent.k, tuple(sorted(holders)), tuple(sorted(gone)))


def _missing(extent: Extent) -> Iterable[int]:
    return [index for index in range(len(extent.places)) if extent.missing >> index & 1]
