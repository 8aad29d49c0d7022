"""Collecting: the fragments of extents that nobody refers to are deleted, and the extents forgotten.

An extent dies with the last object, part or copy that referred to it. It is left alone for a while after that
(`grace_s`, by the log's own times), because a slow reader may still be at it and a straggling write may
still arrive. It is forgotten only when all its fragments are known to be deleted: while a provider is
away, the extents with a fragment there stay dead, and are collected another time.
"""

import asyncio
from dataclasses import dataclass

from outlast.base.clock import unix_ms
from outlast.base.errors import ProviderError
from outlast.base.marks import reached
from outlast.base.points import point
from outlast.catalog.records import Extent, ExtentsCollected
from outlast.coding.extent import fragment_key
from outlast.store import Store

grace_s_default = 3600.0
# Deletions under way at once, and how many extents one record forgets.
batch_extents = 32


@dataclass(slots=True)
class CollectReport:
    """What was done."""

    extents: int = 0
    """Forgotten, their fragments deleted."""
    left: int = 0
    """Left for another time, because a provider was away."""


async def collect(store: Store, grace_s: float = grace_s_default) -> CollectReport:
    """Delete what has been dead for `grace_s`. Raises `StoreUnavailable` if the log is away."""
    report = CollectReport()
    await store.catalog.sync()
    before = unix_ms(store.clock) - int(grace_s * 1000)
    while True:
        dead = store.catalog.state.dead_extents(report.left + batch_extents, before)[report.left :]
        if not dead:
            return report
        deleted = await asyncio.gather(*(_delete(store, one.extent) for one in dead))
        await point("collect: fragments deleted, extents not forgotten")
        gone = tuple(one.extent.id for one, all_gone in zip(dead, deleted, strict=True) if all_gone)
        if gone:
            await store.catalog.commit(ExtentsCollected(gone))
        reached("collect: a batch of extents was looked at")
        report.extents += len(gone)
        report.left += len(dead) - len(gone)


async def _delete(store: Store, extent: Extent) -> bool:
    """Delete the fragments; whether all are gone."""
    done = await asyncio.gather(*(_delete_one(store, extent, index) for index in range(len(extent.places))))
    return all(done)


async def _delete_one(store: Store, extent: Extent, index: int) -> bool:
    try:
        await store.fleet[extent.places[index]].delete(fragment_key(extent.id, index))
    except (ProviderError, KeyError):  # KeyError: a provider that the settings do not name
        return False
    return True
