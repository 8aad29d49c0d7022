"""Follow the log, also while nobody asks anything of this gateway.

A gateway that has requests hears with each of them what is new. An idle one would hear of a drill, or of
a provider that was taken back, only with its next request, and begin that one with what it knew before.

It costs one question to the nearest majority. Where that is free, on disks, it is asked every `period_s`;
where requests are paid for, as seldom as the guards read the markers of who is not used. Where reads may be
a little stale it is asked twice in that time, so that no read has to wait for it.
"""

from outlast.base.clock import Clock
from outlast.base.errors import StoreUnavailable
from outlast.maintenance.collect import record_grace
from outlast.providers.wrap.guard import marker_period_s
from outlast.quorum.ballot import majority
from outlast.store import Store

# A good deal shorter than a drill's lease, so that who hears of it late still has most of it.
period_s = 4.0
# Not more often than this, however little staleness is allowed: then reads ask by themselves.
period_s_min = 0.25


async def follow(store: Store, clock: Clock) -> None:
    """Keep the local catalog near the newest until cancelled, and say for how long it has been there."""
    while True:
        # While too few answer, it is asked often: that costs nothing, for open breakers let nothing through.
        await clock.sleep(_pause_s(store) if store.catalog.reached_voters else period_s)
        try:
            await store.catalog.sync()
            store.catalog.note_applied()
            await record_grace(store)
        except StoreUnavailable:
            pass  # it may come back; requests are told so meanwhile


def _pause_s(store: Store) -> float:
    staleness_s = store.catalog.staleness_s_max
    pause_s = _quiet_s(store)
    return min(pause_s, max(period_s_min, staleness_s / 2)) if staleness_s else pause_s


def _quiet_s(store: Store) -> float:
    genesis = store.catalog.state.genesis
    voters = () if genesis is None else genesis.voters
    periods = sorted(store.fleet[name].quiet_period_s for name in voters if name in store.fleet)
    asked = majority(len(voters))
    quiet_s = periods[asked - 1] if len(periods) >= asked else 0.0  # the nearest are those that are free
    return quiet_s if quiet_s > marker_period_s else period_s
