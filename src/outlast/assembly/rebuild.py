"""A local catalog that is damaged, or of a history that nobody shares, is built anew while the gateway stays
up.

The local catalog is a cache of the log, and the first suspect whenever something does not fit: a page of its
file that does not verify, or a slot that does not follow the last one applied. So the log is applied once
more, from its first slot, into a file beside it, which then takes its place. Requests are refused meanwhile,
as by a gateway that has just started. If the providers' own log turns out not to be one history, that is
said, and what to do about it.
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

# The rest between two tries while no majority answers.
pause_s = 1.0


class Rebuilder:
    """Watches one gateway's catalog. `settle` has guards and drills follow what the catalog says."""

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
        """Something does not fit: begin, unless that is under way, or was in vain."""
        if self._task is None:
            self._report(error)
            self._catalog.refuse("the local catalog is being built anew")
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """End what runs."""
        if self._task is not None:
            await cancel_and_wait((self._task,))

    async def _run(self) -> None:
        try:
            await self._rebuild()
        except Exception as error:  # nobody waits for this task
            self._catalog.refuse(f"the local catalog could not be built anew: {error}. Restart this gateway")
            self._report(error)

    async def _rebuild(self) -> None:
        state = self._catalog.state
        fresh = state.beside()
        await self._log.begin_again(lambda: (fresh.apply, (-1, GENESIS_HASH)))
        try:
            await self._catch_up()
        except ForkedLog as error:
            fresh.close()
            self._catalog.refuse(
                f"the providers do not hold one history: {error}. Stop all gateways, take away the provider "
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
