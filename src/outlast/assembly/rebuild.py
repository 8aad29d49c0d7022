"""Rebuilds a local catalog that is damaged, or whose history no provider shares, while the gateway stays up.

The local catalog is a cache of the log, and the first suspect whenever something does not fit: a page of its
file that does not verify, or a slot that does not follow the last one applied. So the log is applied once
more, from its first slot, into a file next to it, which then takes its place. Requests are refused meanwhile,
as by a gateway that has just started. If the providers' own log turns out not to be one history, the error
says so, and what to do about it.
"""

import asyncio
from collections.abc import Callable

from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import ForkedLog, LocalStateCorrupt, NoMajority
from outlast.base.marks import reached
from outlast.catalog.catalog import Catalog
from outlast.catalog.state import Position
from outlast.quorum.batch import GENESIS_HASH
from outlast.quorum.history import Apply
from outlast.quorum.log import Log

# The pause between two attempts while no majority answers.
pause_s = 1.0
# The pause after a rebuild that failed otherwise (a full disk), doubled with each one up to the longest.
retry_s_min = 1.0
retry_s_max = 60.0


class Rebuilder:
    """Watches one gateway's catalog. `settle` updates guards and drills from the catalog."""

    def __init__(
        self,
        log: Log,
        catalog: Catalog,
        settle: Callable[[], None],
        clock: Clock,
        report: Callable[[BaseException], None],
    ) -> None:
        self._log = log
        self._catalog = catalog
        self._settle = settle
        self._clock = clock
        self._report = report
        self._task: asyncio.Task[None] | None = None
        catalog.state.on_damage = self._suspect
        catalog.on_fork = self._suspect

    def _suspect(self, error: LocalStateCorrupt | ForkedLog) -> None:
        """Something does not fit: start a rebuild, unless one is in progress or has failed to help."""
        if self._task is None:
            self._report(error)
            self._catalog.refuse("the local catalog is being rebuilt")
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """End the background task."""
        if self._task is not None:
            await cancel_and_wait((self._task,))

    async def _run(self) -> None:
        retry_s = retry_s_min
        while True:
            try:
                await self._rebuild()
                return
            except Exception as error:  # nothing awaits this task
                self._catalog.refuse(f"the local catalog could not be rebuilt, retrying: {error}")
                self._report(error)
            await self._clock.sleep(retry_s)
            retry_s = min(retry_s_max, 2 * retry_s)

    async def _rebuild(self) -> None:
        state = self._catalog.state
        fresh = state.beside()
        await self._log.begin_again(lambda: (fresh.apply, (-1, GENESIS_HASH)))
        try:
            await self._catch_up()
        except ForkedLog as error:
            fresh.close()
            self._catalog.refuse(
                f"the providers do not hold one history: {error}. Stop all gateways, remove the provider "
                "that was rolled back or restored from a copy, and run `outlast repair`"
            )
            self._report(error)
            return
        except BaseException:
            fresh.close()
            raise

        def replace() -> tuple[Apply, Position]:
            state.replace(fresh)
            return state.apply, state.position

        await self._log.begin_again(replace)
        self._settle()
        reached("rebuild: the local catalog was replaced")
        self._catalog.refuse("")
        self._task = None

    async def _catch_up(self) -> None:
        while True:
            try:
                await self._log.sync()
                return
            except NoMajority:
                await self._clock.sleep(pause_s)
