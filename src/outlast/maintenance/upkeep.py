"""What a gateway does for the store in addition to serving it: follow the log, restore, and sweep."""

import asyncio

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.maintenance.follow import follow
from outlast.maintenance.mender import Mender
from outlast.maintenance.sweep import sweep_forever
from outlast.store import Store

GATEWAY_ID_BYTES = 16


async def upkeep(store: Store, clock: Clock, entropy: Entropy) -> None:
    """Run all of it, until cancelled."""
    mender = Mender(store, clock, entropy.bytes(GATEWAY_ID_BYTES))
    async with asyncio.TaskGroup() as group:
        group.create_task(follow(store, clock))
        group.create_task(mender.run())
        group.create_task(sweep_forever(store, clock))
