"""Nemeses that harm providers: in rounds, never more at once than the store tolerates.

A round picks up to that many providers and strikes each in some way. Then the store is repaired, and only
when `outlast repair` has reported success does the next round begin; often without a pause. Being slow is not
being unavailable: after a round that only made providers slow no repair is needed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from outlast.testing.siege.dice import Dice
from outlast.testing.siege.options import DRILLS, PROVIDER_NEMESES
from outlast.testing.siege.removal import LOG, ORDERS, Order, RemovalPace, count, removal
from outlast.testing.siege.repair import repair, wait_whole
from outlast.testing.siege.system import BesiegedSystem

HARMLESS = ("slow",)

EVENLY_S = (1.0, 6.0)
"""How long a removal with evenly spaced deletions takes."""

TICK_S = 0.02
"""Its pauses."""

STEP_S = (0.5, 3.0)
"""The pauses of a removal in steps."""

PACES = (RemovalPace.FAST, RemovalPace.EVENLY, RemovalPace.IN_STEPS, RemovalPace.IN_STEPS)

UNNOTICED_S = (0.0, 8.0)
"""How long after a removal a repair is run."""

AWAY_S = (1.0, 15.0)
DRILL_S = (2.0, 12.0)
DRILL_ENDS_S = 120
"""When a drill ends by itself, should the command that ends it fail."""

REST_SHARE = 0.3
REST_S = (0.0, 10.0)

PATIENT_SHARE = 0.3
"""After this share of the repairs the next round waits until all gateways have noticed, too."""

ANOTHER_SHARE = 0.7
"""This share of the rounds strikes another provider than the last one: only others have what that lost."""


class Harm:
    """Strikes the providers of a system until `run` ends."""

    def __init__(self, system: BesiegedSystem) -> None:
        self._system = system
        self._rounds = 0
        self._last: list[str] = []
        self._strikes: dict[str, Callable[[str, Dice], Awaitable[None]]] = {
            "erase": self._erase,
            "forget-log": self._forget_log,
            "away": self._away,
            "unmount": self._unmount,
        }

    async def run(self, over: Callable[[], bool]) -> None:
        """Run round after round until `over()`, or until a repair does not succeed."""
        nemeses = self._system.options.chosen(PROVIDER_NEMESES)
        while nemeses and not over():
            if not await self._round(nemeses):
                self._system.timeline.event("no provider is harmed any more: a repair has not succeeded")
                return

    async def _round(self, nemeses: tuple[str, ...]) -> bool:
        """Strike, repair, rest; return whether the store reported that nothing is missing."""
        self._rounds += 1
        system, dice = self._system, self._dice_of("")
        self._last = victims = self._victims(dice)
        struck = [(dice.pick(nemeses), victim) for victim in victims]
        await asyncio.gather(*(self._strike(nemesis, victim) for nemesis, victim in struck))
        patient, rests, rest_s = dice.chance(PATIENT_SHARE), dice.chance(REST_SHARE), dice.uniform(*REST_S)
        if any(nemesis not in HARMLESS for nemesis, _ in struck):
            if not await repair(system, self._dice_of("repair")):
                return False
            if patient and not await wait_whole(system, dice):
                return False
        if rests:
            await system.clock.sleep(rest_s)
        return True

    def _victims(self, dice: Dice) -> list[str]:
        """Choose up to as many victims as the store tolerates."""
        names = dice.shuffled(self._system.providers)
        if dice.chance(ANOTHER_SHARE):
            names.sort(key=self._last.__contains__)
        return names[: dice.integer(1, self._system.options.tolerate)]

    def _dice_of(self, subject: str) -> Dice:
        """Return this round's choices about `subject`, the same however long other work takes."""
        return Dice(self._system.options.seed, f"round {self._rounds} {subject}")

    async def _strike(self, nemesis: str, victim: str) -> None:
        strike, dice = self._strikes.get(nemesis), self._dice_of(victim)
        await (self._drill(nemesis, victim, dice) if strike is None else strike(victim, dice))

    async def _erase(self, victim: str, dice: Dice) -> None:
        order, pace = dice.pick(ORDERS), dice.pick(PACES)
        with self._system.timeline.strike("erase", victim, f"{order}, {pace}"):
            await self._remove(victim, order, pace, dice)
            await self._go_unnoticed(dice)

    async def _forget_log(self, victim: str, dice: Dice) -> None:
        pace = dice.pick([RemovalPace.FAST, RemovalPace.EVENLY])
        with self._system.timeline.strike("forget-log", victim, pace):
            await self._remove(victim, Order.LOG_ONLY, pace, dice)
            await self._go_unnoticed(dice)

    async def _go_unnoticed(self, dice: Dice) -> None:
        """Let clients continue for a while, or not at all, before the store is repaired."""
        await self._system.clock.sleep(dice.uniform(*UNNOTICED_S) if dice.chance(0.7) else 0)

    async def _remove(self, victim: str, order: Order, pace: RemovalPace, dice: Dice) -> None:
        """Remove everything, or the log alone, in one pass."""
        root = self._system.provider(victim)
        seconds, step_s = dice.uniform(*EVENLY_S), dice.uniform(*STEP_S)
        removed = removal(root, order, dice)
        if pace is RemovalPace.FAST:
            await asyncio.to_thread(_exhaust, removed)
            return
        there = count(root / LOG if order is Order.LOG_ONLY else root)
        at_once = max(1, int(there * TICK_S / seconds))
        for number, path in enumerate(removed):
            if pace is RemovalPace.EVENLY and number % at_once == 0:
                await self._system.clock.sleep(TICK_S)
            elif pace is RemovalPace.IN_STEPS and path.parent == root:
                await self._system.clock.sleep(step_s)

    async def _away(self, victim: str, dice: Dice) -> None:
        root = self._system.provider(victim)
        with self._system.timeline.strike("away", victim):
            root.rename(root.with_suffix(".away"))
            await self._system.clock.sleep(dice.uniform(*AWAY_S))
            root.with_suffix(".away").rename(root)

    async def _unmount(self, victim: str, dice: Dice) -> None:
        """Unmount. Files written into the empty directory meanwhile are a finding: they are never read."""
        root = self._system.provider(victim)
        empty = root.with_suffix(".mount-point")
        with self._system.timeline.strike("unmount", victim):
            root.rename(root.with_suffix(".away"))
            root.mkdir()
            await self._system.clock.sleep(dice.uniform(*AWAY_S))
            root.rename(empty)
            root.with_suffix(".away").rename(root)
        left = sorted(str(path.relative_to(empty)) for path in empty.rglob("*") if path.is_file())
        if left:
            said = f"{victim}: {len(left)} files, such as {left[0]}"
            self._system.timeline.find("files are left in a mount point", said)
        await asyncio.to_thread(_exhaust, removal(empty, Order.DIRECTORY, dice))
        empty.rmdir()

    async def _drill(self, shape: str, victim: str, dice: Dice) -> None:
        """Drill. A drill is over when each gateway has learned of its end."""
        assert shape in DRILLS
        system = self._system
        seconds = dice.uniform(*DRILL_S)
        order = ("--shape", shape, "--seconds", str(DRILL_ENDS_S), "--detach", "--force")
        with system.timeline.strike(shape, victim):
            await system.run("drill", victim, *order)
            await system.clock.sleep(seconds)
            if not await system.run("drill", victim, "--stop"):
                await system.clock.sleep(DRILL_ENDS_S)
            await system.wait_answered()


def _exhaust(steps: Iterator[Path]) -> None:
    """Take all steps without a pause."""
    for _ in steps:
        pass
