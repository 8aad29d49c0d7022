"""Telling the log when a provider falls into trouble, and when that is over.

Troubles show in a gateway's own traffic (`providers.trouble`); here is only who looks and says it: each
trouble once when it begins and once when it is over, however many requests meet it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from outlast.base.concurrency import cancel_and_wait, run_again
from outlast.providers.trouble import Trouble
from outlast.store import Store

_log = structlog.get_logger("outlast")

# How often it is looked. Nothing is asked of anybody for it.
look_s = 1.0


class Alarm:
    """What has been told. `look` tells what is new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: dict[tuple[str, str], Trouble] = {}

    def look(self) -> None:
        """Compare the troubles with those told, and tell what has begun or is over."""
        now = {
            (name, trouble.kind): trouble
            for name in self._store.fleet.names
            for trouble in self._store.fleet[name].troubles()
        }
        for (name, kind), trouble in now.items():
            if (name, kind) not in self._told:
                _log.warning(
                    "provider in trouble", provider=name, kind=kind, what=trouble.what, remedy=trouble.remedy
                )
        for (name, kind), trouble in self._told.items():
            if (name, kind) not in now:
                # As loud as its beginning: at the usual level only one of the two would be heard.
                _log.warning("trouble is over", provider=name, kind=kind, what=trouble.what)
        self._told = now


@asynccontextmanager
async def watched(store: Store) -> AsyncIterator[None]:
    """For the time of the block, the log is told of the store's troubles."""
    alarm = Alarm(store)

    async def watch() -> None:
        while True:
            alarm.look()
            await store.clock.sleep(look_s)

    task = asyncio.ensure_future(run_again(watch, store.report, store.clock.sleep))
    try:
        yield
    finally:
        await cancel_and_wait((task,))
        alarm.look()
