"""Follow the log, also while nobody asks anything of this gateway.

A gateway that has requests hears with each of them what is new. An idle one would hear of a drill, or of
a provider that was taken back, only with its next request, and begin that one with what it knew before.

It costs one small read at each voter every `period_s` while nothing else is asked: as often as the guards
read the markers, and about as much. Where reads may be a little stale it is asked twice in that time, so that
no read has to wait for it.
"""

from outlast.base.clock import Clock
from outlast.base.errors import StoreUnavailable
from outlast.store import Store

# A good deal shorter than a drill's lease, so that who hears of it late still has most of it.
period_s = 4.0
# Not more often than this, however little staleness is allowed: then reads ask by themselves.
period_s_min = 0.25


async def follow(store: Store, clock: Clock) -> None:
    """Keep the local catalog near the newest until cancelled."""
    staleness_s = store.catalog.staleness_s_max
    pause_s = min(period_s, max(period_s_min, staleness_s / 2)) if staleness_s else period_s
    while True:
        await clock.sleep(pause_s)
        try:
            await store.catalog.sync()
        except StoreUnavailable:
            pass  # it may come back; requests are told so meanwhile
