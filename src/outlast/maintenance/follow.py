"""Follow the log, even while this gateway has no requests.

A gateway with requests learns what is new with each of them. An idle one would learn of a drill, or of
a provider that was reattached, only with its next request, and would begin that one with old knowledge.

Each check costs one quorum read at the nearest majority. Where that is free, on disks, it happens every
`period_s`; where requests cost money, as rarely as the guards read the markers of idle providers. Where reads
may be a little stale, it happens twice in that time, so that no read has to wait for it.
"""

from outlast.base.clock import Clock
from outlast.base.errors import LocalStateCorrupt, StoreUnavailable
from outlast.maintenance.collect import record_grace
from outlast.providers.wrap.guard import marker_period_s
from outlast.quorum.ballot import majority
from outlast.store import Store

# Much shorter than a drill's lease, so that a gateway that learns of the drill late still has most of it.
period_s = 4.0
# Not more often than this, however little staleness is allowed: below it, reads check by themselves.
period_s_min = 0.25


async def follow(store: Store, clock: Clock) -> None:
    """Keep the local catalog near the newest slot until cancelled, and note since when it is there."""
    while True:
        await clock.sleep(_pause_s(store))
        try:
            await store.catalog.sync()
            store.catalog.note_applied()
            await record_grace(store)
        except (StoreUnavailable, LocalStateCorrupt):
            pass  # it may come back, or is being rebuilt; requests fail with that reason meanwhile


def _pause_s(store: Store) -> float:
    # While too few answer, sync often: that costs nothing, since open breakers let nothing through.
    if not store.catalog.reached_voters:
        return period_s
    try:
        pause_s = _quiet_s(store)
    except LocalStateCorrupt:
        return period_s  # the catalog does not say which voters there are; it is being rebuilt
    staleness_s = store.catalog.staleness_s_max
    return min(pause_s, max(period_s_min, staleness_s / 2)) if staleness_s else pause_s


def _quiet_s(store: Store) -> float:
    genesis = store.catalog.state.genesis
    voters = () if genesis is None else genesis.voters
    periods = sorted(store.fleet[name].quiet_period_s for name in voters if name in store.fleet)
    asked = majority(len(voters))
    quiet_s = periods[asked - 1] if len(periods) >= asked else 0.0  # the nearest ones are free
    return quiet_s if quiet_s > marker_period_s else period_s
