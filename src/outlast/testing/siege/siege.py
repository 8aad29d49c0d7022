"""One siege from its beginning to its verdict.

Clients work, providers are harmed, and gateways are disturbed, all concurrently, until the time is up. Then
the nemeses finish what they have begun, the clients stop, and everything that was acknowledged is read.
"""

import asyncio
import shutil
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from outlast.base.clock import Clock
from outlast.testing.siege.dice import Dice
from outlast.testing.siege.disturb import Disturbance
from outlast.testing.siege.door import Door
from outlast.testing.siege.evidence import keep
from outlast.testing.siege.gateway import BesiegedGateway
from outlast.testing.siege.harm import Harm
from outlast.testing.siege.load import Clients
from outlast.testing.siege.options import SiegeOptions
from outlast.testing.siege.repair import repair, wait_whole
from outlast.testing.siege.system import LOOK_S, BesiegedSystem, system_in
from outlast.testing.siege.timeline import TimedHistory, Timeline
from outlast.testing.siege.verdict import SiegeVerdict

THREADS = 32
"""Threads for blocking work: commands, starts of gateways, removals."""

COLLECT_EVERY_S = (10.0, 30.0)
COLLECT_GRACE_S = "60"
"""Longer than any client reads or uploads."""


async def besiege(options: SiegeOptions, folder: Path, clock: Clock, say: Callable[[str], None]) -> Timeline:
    """Hold one siege; return its timeline. Evidence is kept in `folder` if anything was found."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    timeline = Timeline(clock, say)
    store = folder.with_name(folder.name + ".store")
    await asyncio.to_thread(shutil.rmtree, store, True)
    try:
        async with system_in(store, options, clock, timeline) as system:
            if "clock" in options.nemeses and system.faketime is None:
                say("faketime is not installed: no gateway's clock is put off")
                system.options = options.without("clock")
            siege = _Siege(system)
            await siege.hold()
        if timeline.found:
            await asyncio.to_thread(keep, folder, system, siege.history)
            timeline.event(f"kept in {folder}")
    finally:
        await asyncio.to_thread(shutil.rmtree, store, True)
    timeline.event("over")
    return timeline


class _Siege:
    """The loops of one siege over one system."""

    def __init__(self, system: BesiegedSystem) -> None:
        self._system = system
        self._doors = [self._door(gateway) for gateway in system.gateways]
        self._clients = Clients(self._doors, system.clock, system.timeline, system.options)
        self._ended = False
        """Whether all nemeses have finished, so that clients may stop."""

    def _door(self, gateway: BesiegedGateway) -> Door:
        system = self._system
        return Door(gateway, system.timeline, system.clock, Dice(system.options.seed, gateway.name))

    @property
    def history(self) -> TimedHistory:
        """What clients did and saw."""
        return self._clients.history

    async def hold(self) -> None:
        """Run all of it. An error of the siege itself is a finding, so that the evidence is kept."""
        system = self._system
        try:
            await self._work()
            await self._calm()
            await SiegeVerdict(system, self._clients, self._doors, self._door).reach()
        except Exception:
            system.timeline.find("the siege itself fails", traceback.format_exc())

    async def _work(self) -> None:
        """Run clients and nemeses concurrently, until the time is up."""
        system = self._system
        deadline = system.clock.monotonic() + system.options.seconds

        def over() -> bool:
            return system.clock.monotonic() > deadline or system.timeline.hopeless

        harm, disturbance = Harm(system), Disturbance(system)

        async def strike() -> None:
            await asyncio.gather(harm.run(over), disturbance.run(over), self._collect(over))
            while not over():
                await system.clock.sleep(LOOK_S)
            self._ended = True

        async with asyncio.TaskGroup() as group:
            group.create_task(strike())
            group.create_task(disturbance.watch(lambda: self._ended))
            group.create_task(self._clients.run(system.options.clients, lambda: self._ended))

    async def _collect(self, over: Callable[[], bool]) -> None:
        """Delete what no object refers to any more, now and then."""
        dice = Dice(self._system.options.seed, "collect")
        while "collect" in self._system.options.nemeses and not over():
            await self._system.clock.sleep(dice.uniform(*COLLECT_EVERY_S))
            with self._system.timeline.strike("collect"):
                await self._system.run("collect", "--grace", COLLECT_GRACE_S)

    async def _calm(self) -> None:
        """Restore the store and all its gateways: from here on nothing may be missing."""
        dice = Dice(self._system.options.seed, "calm")
        with self._system.timeline.strike("calm"):
            await self._system.wait_answered()
            await self._system.wait_noticed(60.0)
            if not self._system.timeline.hopeless and await repair(self._system, dice):
                await wait_whole(self._system, dice)
