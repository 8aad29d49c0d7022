"""Nemeses that harm providers: in rounds, never more at once than the store tolerates.

A round picks up to that many providers and strikes each in some way. Then the store is repaired, and only
when `outlast repair` has reported success does the next round begin; often without a pause. Being slow is not
being unavailable: after a round that only made providers slow nothing is owed to the store.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from outlast.testing.siege.dice import Dice
from outlast.testing.siege.options import DRILLS, PROVIDER_NEMESES
from outlast.testing.siege.removal import LOG, ORDERS, Order, count, removal
from outlast.testing.siege.repair import repair, wait_whole
from outlast.testing.siege.system import System

HARMLESS = ("slow",)

SLOWLY_S = (1.0, 6.0)
"""How long a slow removal takes."""

STEPS_AT_ONCE_S = 0.02
"""A slow removal rests for so long between its steps."""

UNNOTICED_S = (0.0, 8.0)
"""How long after a removal it takes until somebody runs a repair."""

AWAY_S = (1.0, 15.0)
DRILL_S = (2.0, 12.0)
DRILL_ENDS_S = 120
"""When a drill ends by itself, should the command that ends it fail."""

REST_S = (0.0, 10.0)


class Harm:
    """Strikes the providers of a system until `run` is to end."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._dice = Dice(system.options.seed, "providers")
        self._strikes: dict[str, Callable[[str], Awaitable[None]]] = {
            "erase": self._erase,
            "forget-log": self._forget_log,
            "away": self._away,
            "unmount": self._unmount,
        }

    async def run(self, over: Callable[[], bool]) -> None:
        """Round after round until `over()`, or until a repair does not succeed."""
        nemeses = self._system.options.chosen(PROVIDER_NEMESES)
        while nemeses and not over():
            if not await self._round(nemeses):
                self._system.timeline.event("no provider is harmed any more: a repair has not succeeded")
                return

    async def _round(self, nemeses: tuple[str, ...]) -> bool:
        """Strike, repair, rest; whether the store has said that it is whole."""
        dice, system = self._dice, self._system
        victims = dice.shuffled(system.providers)[: dice.integer(1, system.options.tolerate)]
        struck = [(dice.pick(nemeses), victim) for victim in victims]
        await asyncio.gather(*(self._strike(nemesis, victim) for nemesis, victim in struck))
        patient, rests, rest_s = dice.chance(0.3), dice.chance(0.5), dice.uniform(*REST_S)
        if any(nemesis not in HARMLESS for nemesis, _ in struck):
            if not await repair(system, dice):
                return False
            if patient and not await wait_whole(system, dice):
                return False
        if rests:
            await system.clock.sleep(rest_s)
        return True

    async def _strike(self, nemesis: str, victim: str) -> None:
        strike = self._strikes.get(nemesis)
        await (self._drill(nemesis, victim) if strike is None else strike(victim))

    async def _erase(self, victim: str) -> None:
        order = self._dice.pick(ORDERS)
        slowly = self._dice.chance(0.5)
        with self._system.timeline.strike("erase", victim, f"{order}{', slowly' if slowly else ''}"):
            await self._remove(victim, order, slowly)
            await self._go_unnoticed()

    async def _forget_log(self, victim: str) -> None:
        slowly = self._dice.chance(0.5)
        with self._system.timeline.strike("forget-log", victim, "slowly" if slowly else ""):
            await self._remove(victim, Order.LOG_ONLY, slowly)
            await self._go_unnoticed()

    async def _go_unnoticed(self) -> None:
        """Clients go on for a while, or not at all, before somebody repairs the store."""
        await self._system.clock.sleep(self._dice.uniform(*UNNOTICED_S) if self._dice.chance(0.7) else 0)

    async def _remove(self, victim: str, order: Order, slowly: bool) -> None:
        """Remove all, or the log alone, in one pass."""
        root = self._system.provider(victim)
        seconds = self._dice.uniform(*SLOWLY_S)
        dice = Dice(self._dice.integer(0, 1 << 30), "removal")  # drawn from in another thread
        steps = removal(root, order, dice)
        if not slowly:
            await asyncio.to_thread(_exhaust, steps)
            return
        there = count(root / LOG if order is Order.LOG_ONLY else root)
        at_once = max(1, int(there * STEPS_AT_ONCE_S / seconds))
        for number, _ in enumerate(steps):
            if number % at_once == 0:
                await self._system.clock.sleep(STEPS_AT_ONCE_S)

    async def _away(self, victim: str) -> None:
        root = self._system.provider(victim)
        with self._system.timeline.strike("away", victim):
            root.rename(root.with_suffix(".away"))
            await self._system.clock.sleep(self._dice.uniform(*AWAY_S))
            root.with_suffix(".away").rename(root)

    async def _unmount(self, victim: str) -> None:
        """What has been written into the empty directory meanwhile is a finding: nobody will look there."""
        root = self._system.provider(victim)
        empty = root.with_suffix(".mount-point")
        with self._system.timeline.strike("unmount", victim):
            root.rename(root.with_suffix(".away"))
            root.mkdir()
            await self._system.clock.sleep(self._dice.uniform(*AWAY_S))
            root.rename(empty)
            root.with_suffix(".away").rename(root)
        left = sorted(str(path.relative_to(empty)) for path in empty.rglob("*") if path.is_file())
        if left:
            said = f"{victim}: {len(left)} files, such as {left[0]}"
            self._system.timeline.find("files are left in a mount point", said)
        await asyncio.to_thread(_exhaust, removal(empty, Order.DIRECTORY, self._dice))
        empty.rmdir()

    async def _drill(self, shape: str, victim: str) -> None:
        """A drill is over when each gateway has heard of its end."""
        assert shape in DRILLS
        system = self._system
        seconds = self._dice.uniform(*DRILL_S)
        order = ("--shape", shape, "--seconds", str(DRILL_ENDS_S), "--detach", "--force")
        with system.timeline.strike(shape, victim):
            await system.run("drill", victim, *order)
            await system.clock.sleep(seconds)
            await system.run("drill", victim, "--stop")
            await system.wait_answered()


def _exhaust(steps: Iterator[None]) -> None:
    """Take all steps without a rest."""
    for _ in steps:
        pass
