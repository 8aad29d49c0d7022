"""Collecting: delete the fragments of extents that nothing refers to, and forget the extents.

An extent is dead once the last object, part, or copy that referred to it is deleted. It is kept for a grace
period after that (`grace_s`), because a slow reader may still need it and a late write may still arrive. No
clock decides how long ago that was: a process measures its own elapsed time since it applied the slot. A
gateway that has waited records it in the log (`record_grace`) for commands, which do not live that long.

A reading that lasts longer than that is recorded in the log too (`store.holds`): data deleted after it began
is kept until it is over.

An extent is forgotten only when all its fragments are known to be deleted: while a provider is
unavailable, the extents with a fragment there stay dead, and are collected another time.
"""

import asyncio
import math
from dataclasses import dataclass

from outlast.base.errors import ProviderError
from outlast.base.marks import reached
from outlast.base.points import point
from outlast.catalog.records import Extent, ExtentsCollected, GracePassed
from outlast.coding.extent import fragment_key
from outlast.store import Store

grace_s_default = 3600.0
# Concurrent deletions, and how many extents one record forgets.
batch_extents = 32


@dataclass(slots=True)
class CollectReport:
    """What was done."""

    extents: int = 0
    """Forgotten, their fragments deleted."""
    left: int = 0
    """Left for another time, because a provider was unavailable."""
    waiting: int = 0
    """Dead, but not known to have been for `grace_s`, or still needed by a reading in progress."""


async def collect(store: Store, grace_s: float = grace_s_default) -> CollectReport:
    """Delete what is known to have been dead for `grace_s`. Raises `StoreUnavailable` without the log."""
    report = CollectReport()
    await store.catalog.sync()
    died_by = store.catalog.state.collectable_by(store.catalog.slot_applied_for(grace_s))
    while True:
        dead = store.catalog.state.dead_extents(report.left + batch_extents, died_by)[report.left :]
        if not dead:
            report.waiting = store.catalog.state.counts().dead - report.left
            return report
        deleted = await asyncio.gather(*(_delete(store, one.extent) for one in dead))
        await point("collect: fragments deleted, extents not forgotten")
        gone = tuple(one.extent.id for one, all_gone in zip(dead, deleted, strict=True) if all_gone)
        if gone:
            await store.catalog.commit(ExtentsCollected(gone))
        reached("collect: a batch of extents was looked at")
        report.extents += len(gone)
        report.left += len(dead) - len(gone)


async def record_grace(store: Store, grace_s: float = grace_s_default) -> None:
    """Record in the log since which slot `grace_s` have passed, if that lets something be deleted.

    A long-running process calls it every few seconds. Raises `StoreUnavailable` if the log is unavailable.
    """
    state, passed = store.catalog.state, store.catalog.slot_applied_for(grace_s)
    known = state.collectable_by(state.grace_passed(grace_s))
    if state.dead_extents(1, state.collectable_by(passed), died_after=known):
        await store.catalog.commit(GracePassed(passed, math.ceil(grace_s)))


async def _delete(store: Store, extent: Extent) -> bool:
    """Delete the fragments; return whether all are deleted."""
    done = await asyncio.gather(*(_delete_one(store, extent, index) for index in range(len(extent.places))))
    return all(done)


async def _delete_one(store: Store, extent: Extent, index: int) -> bool:
    try:
        await store.fleet[extent.places[index]].delete(fragment_key(extent.id, index))
    except (ProviderError, KeyError):  # KeyError: a provider that is not in the settings
        return False
    return True
