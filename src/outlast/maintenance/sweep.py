"""Sweeping: delete fragments that nothing refers to, and never will.

A gateway that is killed in the middle of an upload leaves fragments that no record names. They look like
those of an upload that is still in progress, so a sweep proves that they are not, in this order:

1. list the fragments at every provider; those whose extent is not in the catalog are *strays*;
2. learn everything that was decided up to then: the writers of all strays began by that slot;
3. let `stray_s` pass, by this process's own elapsed time, which is longer than an honest upload takes;
4. record that writes that began by that slot have expired: from then on the log refuses them;
5. what is still unknown can never become known. It is deleted.

No clock is trusted, and nothing depends on how long step 3 really takes: an upload that is slower is refused
when it is committed, and never acknowledged.
"""

from dataclasses import dataclass

from outlast.base.clock import Clock
from outlast.base.errors import LocalStateCorrupt, ProviderError, StoreUnavailable
from outlast.base.marks import reached
from outlast.base.points import point
from outlast.catalog.records import WritesExpired
from outlast.coding.extent import FRAGMENTS_PREFIX, parse_fragment_key
from outlast.store import Store

# How long an upload in one request may take before it is presumed dead.
stray_s_default = 24 * 3600.0
# The pause between two sweeps of a gateway. A sweep lists every provider: a request for each 1,000 fragments.
sweep_period_s = 24 * 3600.0
# Strays that one sweep remembers; the next one finds the rest.
strays_max = 100_000


@dataclass(slots=True)
class SweepReport:
    """What was found and done."""

    listed: int = 0
    strays: int = 0
    deleted: int = 0
    bytes: int = 0
    """The size of what was deleted."""


async def sweep(store: Store, clock: Clock, stray_s: float = stray_s_default) -> SweepReport:
    """Sweep once. Takes longer than `stray_s`. Raises `StoreUnavailable` if the log is not available."""
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
    for (place, key), size in strays.items():
        if _is_stray(store, key):
            await _delete(store, place, key, size, report)
    return report


async def sweep_forever(store: Store, clock: Clock) -> None:
    """Sweep once a day, until cancelled."""
    while True:
        try:
            await sweep(store, clock)
        except (StoreUnavailable, LocalStateCorrupt):
            pass  # the next sweep finds the same
        await clock.sleep(sweep_period_s)


async def _find_strays(store: Store, report: SweepReport) -> dict[tuple[str, str], int]:
    """Sizes by (provider, name)."""
    strays: dict[tuple[str, str], int] = {}
    for place in store.fleet.names:
        try:
            async for entry in store.fleet[place].list(FRAGMENTS_PREFIX):
                report.listed += 1
                if len(strays) < strays_max and _is_stray(store, entry.key):
                    strays[place, entry.key] = entry.size
        except ProviderError:
            continue  # it is not available; another sweep will list it
    report.strays = len(strays)
    return strays


def _is_stray(store: Store, key: str) -> bool:
    """Whether the catalog knows no such extent. What is no fragment of ours is left alone.

    A fragment of a known extent stays, even where it was moved to another place since: at any moment it may
    be moved back.
    """
    parsed = parse_fragment_key(key)
    return parsed is not None and store.catalog.state.extent(parsed[0]) is None


async def _delete(store: Store, place: str, key: str, size: int, report: SweepReport) -> None:
    try:
        await store.fleet[place].delete(key)
    except ProviderError:
        return  # another sweep finds it
    reached("sweep: a stray was deleted")
    report.deleted += 1
    report.bytes += size
