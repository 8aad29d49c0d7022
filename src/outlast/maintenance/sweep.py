"""Sweeping: fragments that nothing refers to, and never will, are deleted.

A gateway that is killed in the middle of an upload leaves fragments that no record names. They look like
those of an upload that is still going on, so a sweep proves that they are not, in this order:

1. list the fragments at every provider; those whose extent the catalog does not know are *strays*;
2. learn everything that was decided up to then: the writers of all strays began by that slot;
3. let `stray_s` pass, by this process's own elapsed time, which is longer than an honest upload takes;
4. record that writes that began by that slot have expired: from then on the log refuses them;
5. what is still unknown can never become known. It is deleted.

No clock is asked, and nothing depends on how long step 3 really takes: an upload that is slower is refused
when it is committed, and never acknowledged.

A fragment of a known extent that lies elsewhere than the catalog says is a *leftover*: its put seemed to
fail, or it was moved. Somebody may be moving it back at any moment. So it is deleted only if it was a
leftover before step 3 and is one after it, nothing of its extent is missing, and all of that is within reach:
then nobody has a reason to move anything, and who began to before step 3 does not record it any more
(`store.restore`). Whoever has a reason a moment later is met by a look after a while: what the catalog then
places where something was deleted must be there, or is recorded as lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from outlast.base.clock import Clock
from outlast.base.errors import ProviderError, StoreUnavailable
from outlast.base.marks import reached
from outlast.base.points import point
from outlast.catalog.records import FragmentsLost, WritesExpired
from outlast.coding.extent import FRAGMENTS_PREFIX, fragment_key, parse_fragment_key
from outlast.store import Store

# How long an upload may take in one request before it may be taken for dead.
stray_s_default = 24 * 3600.0
# Between two sweeps of a gateway. A sweep lists every provider: a request for each 1,000 fragments.
sweep_period_s = 24 * 3600.0
# After this, whoever was restoring a fragment when a leftover was deleted has recorded where it is.
settled_s = 300.0
# Strays and leftovers that one sweep remembers; the next one finds the rest.
strays_max = 100_000


@dataclass(slots=True)
class SweepReport:
    """What was found and done."""

    listed: int = 0
    strays: int = 0
    leftovers: int = 0
    deleted: int = 0
    bytes: int = 0
    """Of what was deleted."""


async def sweep(store: Store, clock: Clock, stray_s: float = stray_s_default) -> SweepReport:
    """One sweep. Takes `stray_s` and more. Raises `StoreUnavailable` if the log is not available."""
    report = SweepReport()
    await store.catalog.sync()
    strays = await _find_strays(store, report)
    await store.catalog.sync()
    slot = store.catalog.state.position.slot
    if not strays:
        return report
    await clock.sleep(stray_s)
    await store.catalog.commit(WritesExpired(slot))
    await point("sweep: writes expired, strays not deleted")
    deleted: list[tuple[str, bytes, int]] = []
    for (place, key), size in strays.items():
        id, index = _parsed(key)
        extent = store.catalog.state.extent(id)
        if extent is None:
            await _delete(store, place, key, size, report)
        elif extent.places[index] != place and not extent.missing and not store.fleet.down(extent.places):
            deleted.append((place, id, index))
            await _delete(store, place, key, size, report)
    if deleted:
        await clock.sleep(settled_s)
        await _check_deleted(store, deleted)
    return report


async def sweep_forever(store: Store, clock: Clock) -> None:
    """A sweep a day, until cancelled."""
    while True:
        try:
            await sweep(store, clock)
        except StoreUnavailable:
            pass  # the next sweep finds the same
        await clock.sleep(sweep_period_s)


async def _find_strays(store: Store, report: SweepReport) -> dict[tuple[str, str], int]:
    """Sizes of strays and leftovers by (provider, name)."""
    strays: dict[tuple[str, str], int] = {}
    for place in store.fleet.names:
        try:
            async for entry in store.fleet[place].list(FRAGMENTS_PREFIX):
                report.listed += 1
                parsed = parse_fragment_key(entry.key)
                if parsed is None or len(strays) >= strays_max:
                    continue  # what is no fragment of ours is left alone
                extent, index = store.catalog.state.extent(parsed[0]), parsed[1]
                if extent is None:
                    report.strays += 1
                elif index < len(extent.places) and extent.places[index] != place:
                    report.leftovers += 1
                else:
                    continue
                strays[place, entry.key] = entry.size
        except ProviderError:
            continue  # it is not available; another sweep will list it
    return strays


def _parsed(key: str) -> tuple[bytes, int]:
    parsed = parse_fragment_key(key)
    assert parsed is not None, "only fragments are remembered"
    return parsed


async def _check_deleted(store: Store, deleted: Sequence[tuple[str, bytes, int]]) -> None:
    """See that nothing was deleted where the catalog places it by now, or record that it is lost."""
    await store.catalog.sync()
    for place, id, index in deleted:
        extent = store.catalog.state.extent(id)
        if extent is not None and extent.places[index] == place and not extent.missing >> index & 1:
            try:
                await store.fleet[place].head(fragment_key(id, index))
            except ProviderError:
                reached("sweep: a leftover was put to use while it was deleted")
                await store.catalog.commit(FragmentsLost(id, (extent.fragment(index),)))


async def _delete(store: Store, place: str, key: str, size: int, report: SweepReport) -> None:
    try:
        await store.fleet[place].delete(key)
    except ProviderError:
        return  # another sweep finds it
    reached("sweep: a stray was deleted")
    report.deleted += 1
    report.bytes += size
