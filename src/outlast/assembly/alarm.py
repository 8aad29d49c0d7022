"""Logs when a provider gets into trouble, and when that is over.

A gateway's own traffic reveals troubles (`providers.trouble`); this module only checks for them and logs each
trouble once when it begins and once when it is over, however many requests meet it.

A marker of another incarnation than expected is an old copy's, or that of a provider that was taken back just
now, which this gateway has not learned yet: the log is read before anything is logged.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from outlast.base.concurrency import cancel_and_wait, run_again
from outlast.base.errors import StoreUnavailable
from outlast.providers import trouble
from outlast.providers.trouble import Trouble
from outlast.providers.wrap.guard import Guard
from outlast.store import Store

_log = structlog.get_logger("outlast")

# The interval between checks. They send no requests.
look_s = 1.0


class Alarm:
    """Remembers which troubles were logged; `look` logs new ones and those that are over."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: dict[tuple[str, str], Trouble] = {}

    async def confirm(self) -> None:
        """Where a marker is newly another than expected: learn what the log says, and look again."""
        guards = [self._store.fleet[name] for name in self._store.fleet.names]
        doubtful = [guard for guard in guards if self._is_doubtful(guard)]
        if not doubtful:
            return
        try:
            await self._store.catalog.sync()
        except StoreUnavailable:
            return  # nothing more can be learned now
        for guard in doubtful:
            await guard.check()

    def _is_doubtful(self, guard: Guard) -> bool:
        return any(
            one.kind == trouble.old_copy and (guard.name, one.kind) not in self._told
            for one in guard.troubles()
        )

    def look(self) -> None:
        """Compare the troubles with those logged, and log what has begun or is over."""
        now = {
            (name, one.kind): one
            for name in self._store.fleet.names
            for one in self._store.fleet[name].troubles()
        }
        for (name, kind), one in now.items():
            if (name, kind) not in self._told:
                _log.warning(
                    "provider in trouble", provider=name, kind=kind, what=one.what, remedy=one.remedy
                )
        for (name, kind), one in self._told.items():
            if (name, kind) not in now:
                # As loud as its beginning: at the usual level only one of the two would be heard.
                _log.warning("trouble is over", provider=name, kind=kind, what=one.what)
        self._told = now


@asynccontextmanager
async def watched(store: Store) -> AsyncIterator[None]:
    """During the block, log the store's troubles."""
    alarm = Alarm(store)

    async def watch() -> None:
        while True:
            await alarm.confirm()
            alarm.look()
            await store.clock.sleep(look_s)

    task = asyncio.ensure_future(run_again(watch, store.report, store.clock.sleep))
    try:
        yield
    finally:
        await cancel_and_wait((task,))
        alarm.look()
