"""The story of one store: it is made, it gets a past, and then several things are taken from it."""

import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.maintenance.repair import repair
from outlast.testing.siege.dice import Dice
from outlast.testing.truth.blueprint import draw
from outlast.testing.truth.claims import Claims, claims, wrong, wrong_bytes, wrong_restore
from outlast.testing.truth.shop import Shop

days_per_store = 2


@dataclass(slots=True)
class StoreTold:
    """The results of one store."""

    seed: int
    days: int = 0
    wrong: list[str] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)
    """The verdicts that were put to the test."""


async def try_store(seed: int, folder: Path, clock: Clock, entropy: Entropy) -> StoreTold:
    """Make the store of this seed and compare what is said about it with what happens. Leaves nothing."""
    dice, told = Dice(seed, "truth"), StoreTold(seed)
    shop = Shop(folder, draw(dice), dice, clock, entropy)
    try:
        await shop.create()
        await shop.fill()
        story = _Story(shop, dice, clock, told)
        for _ in range(days_per_store):
            await story.bad_day()
        await story.loss()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return told


class _Story:
    def __init__(self, shop: Shop, dice: Dice, clock: Clock, told: StoreTold) -> None:
        self._shop = shop
        self._dice = dice
        self._clock = clock
        self._told = told

    async def bad_day(self) -> None:
        """Providers are away, or their quotas used up; some of it before anybody asks."""
        shop, dice = self._shop, self._dice
        names = [place.name for place in shop.blueprint.places]
        chosen = self._some(names) if dice.chance(0.4) else set()
        before = {dice.pick(names)} if dice.chance(0.2) else set()
        hit = self._hit()
        full = shop.use_up(chosen)
        shop.take_away(before)
        said = await self._claims(hit)
        self._compare_bytes(said, before)
        shop.take_away(hit - before)
        seen = await shop.look(fresh=dice.chance(0.3))
        away = before | hit
        what = f"away {sorted(before)}, then {sorted(hit)}; full {sorted(full)}"
        for finding in wrong(said, seen, self._operators(away)):
            self._note(f"{what}: {finding} ({'; '.join(seen.reasons[:2])})")
        self._told.days += 1
        self._told.summaries.append(said.verdict.summary)
        shop.bring_back(away)
        await shop.settle()

    async def loss(self) -> None:
        """Providers are emptied and repaired, if the store tolerates it."""
        shop, dice = self._shop, self._dice
        if not shop.blueprint.tolerate:
            return
        hit = shop.blueprint.of({dice.pick(shop.blueprint.operators)})
        shop.use_up(())
        async with shop.open() as store:
            await repair(store)
        said = await self._claims(hit)
        self._compare_bytes(said, ())
        shop.empty(hit)
        async with shop.open() as store:
            emptied = await claims(store, (), "unreachable", self._clock)
            for operator in emptied.report.operators:
                for basket in operator.baskets:
                    if basket.member.name in hit and basket.bytes > 0:
                        self._note(
                            f"{basket.member.name} is empty, and is said to have {basket.bytes:,} bytes"
                        )
            await repair(store)
        written = sum(map(shop.bytes_at, hit))
        for finding in wrong_restore(said, written):
            self._note(f"emptied {sorted(hit)}: {finding}")
        self._told.days += 1

    async def _claims(self, hit: set[str]) -> Claims:
        async with self._shop.open() as store:
            return await claims(store, hit, "unreachable", self._clock)

    def _compare_bytes(self, said: Claims, away: Collection[str]) -> None:
        names = {place.name for place in self._shop.blueprint.places} - set(away)
        for finding in wrong_bytes(said, {name: self._shop.bytes_at(name) for name in names}):
            self._note(finding)

    def _note(self, finding: str) -> None:
        self._told.wrong.append(finding)

    def _hit(self) -> set[str]:
        """What is taken away: an operator or two, or any two providers."""
        blueprint, dice = self._shop.blueprint, self._dice
        kind = dice.uniform(0, 1)
        if kind < 0.45:
            return blueprint.of({dice.pick(blueprint.operators)})
        if kind < 0.7:
            return blueprint.of(set(dice.shuffled(blueprint.operators)[:2]))
        if kind < 0.95:
            names = [place.name for place in blueprint.places]
            return set(dice.shuffled(names)[:2])
        return set()

    def _some(self, names: list[str]) -> set[str]:
        return set(self._dice.shuffled(names)[: self._dice.integer(1, len(names))])

    def _operators(self, names: set[str]) -> int:
        return len({place.operator for place in self._shop.blueprint.places if place.name in names})
