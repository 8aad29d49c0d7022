"""Two gateways over one store, as processes of their own, used at the same time (acceptance 4)."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest
from scene import CLOCK, ENTROPY, Scene, answered, judge, working

from outlast.base.limits import KIB
from outlast.catalog.records import Condition
from outlast.testing.history import ClientHistory, ClientOperation, linearizable
from outlast.testing.targets import Refused, Target
from outlast.testing.workload import Load, Mix

RACERS = 32
FEW_KEYS = Mix(keys=6, sizes=((4, 4 * KIB), (2, 100 * KIB), (1, 200 * KIB)))
RESTING = replace(FEW_KEYS, rest_s=0.1)
"""For what lasts: between the failures the test only waits."""


class Races:
    """Racers through all gateways alike, who all want one key, and the history of what they were told."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = targets
        self.history = ClientHistory()

    async def create(self, key: str) -> str:
        """Everybody creates the key; the winner's ETag."""
        return await self._race(key, lambda racer: self._put(key, racer, Condition("absent")))

    async def replace(self, key: str, etag: str) -> str:
        """Everybody replaces the same version; the winner's ETag."""
        return await self._race(key, lambda racer: self._put(key, racer, Condition("match", etag)))

    async def delete(self, key: str, etag: str) -> None:
        """Everybody deletes the same version."""
        await self._race(key, lambda racer: self._delete(key, racer, Condition("match", etag)))

    async def _race(self, key: str, attempt: Callable[[int], Awaitable[str | None]]) -> str:
        """One racer wins, and the gateways agree on what is there afterwards."""
        ended = await asyncio.gather(*[attempt(racer) for racer in range(RACERS)])
        won = [etag for etag in ended if etag is not None]
        assert len(won) == 1, f"{key}: {len(won)} winners"
        await asyncio.gather(*[self._get(key, target) for target in self.targets])
        return won[0]

    async def _put(self, key: str, racer: int, condition: Condition) -> str | None:
        content = f"{condition.kind} {racer}".encode()
        etag = _etag(content)
        kind = "create" if condition.kind == "absent" else "match"
        operation = self.history.begin(key, kind, etag, condition.etag or None, f"c{racer}")
        put = self._target(racer).put(key, "", content, condition)
        return etag if await _has_won(operation, put) else None

    async def _delete(self, key: str, racer: int, condition: Condition) -> str | None:
        operation = self.history.begin(key, "delete-match", None, condition.etag, f"c{racer}")
        return "" if await _has_won(operation, self._target(racer).delete(key, condition)) else None

    async def _get(self, key: str, target: Target) -> None:
        operation = self.history.begin(key, "get", client="reader")
        seen = await target.get(key)
        operation.ok(None if seen is None else _etag(seen.content))

    def _target(self, racer: int) -> Target:
        return self.targets[racer % len(self.targets)]


def _etag(content: bytes | bytearray) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


async def _has_won(operation: ClientOperation, write: Awaitable[object]) -> bool:
    """Any other answer than yes and the condition's no comes out."""
    try:
        await write
    except Refused:
        operation.refused()
        return False
    operation.ok()
    return True


async def targets_of(scene: Scene) -> list[Target]:
    return [await scene.target(await scene.serve(state)) for state in ("one", "two")]


async def race(scene: Scene, rounds: int) -> None:
    races = Races(await targets_of(scene))
    for number in range(rounds):
        key = f"race/{number}"
        etag = await races.create(key)
        if number % 4 == 0:
            await races.delete(key, await races.replace(key, etag))
    verdict = linearizable(races.history)
    assert verdict.ok, verdict


async def all_is_linearizable(load: Load) -> None:
    """Everything read once more through each gateway, and the whole history judged."""
    for target in load.targets:
        await load.read_all(target)
    judge(load)
    print(f"{load.report.requests} requests through two gateways: {linearizable(load.history)}")


async def test_each_race_has_one_winner(scene: Scene) -> None:
    await race(scene, rounds=12)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("survival")
async def test_each_of_200_races_has_one_winner(scene: Scene) -> None:
    await race(scene, rounds=200)


@pytest.mark.slow
async def test_writers_on_the_same_keys_are_linearizable(scene: Scene) -> None:
    load = Load(await targets_of(scene), CLOCK, ENTROPY, FEW_KEYS)
    async with working(load, 8):
        await answered(load, 400)
    await all_is_linearizable(load)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("survival")
async def test_writers_on_the_same_keys_are_linearizable_while_voters_fail(scene: Scene) -> None:
    """The slow path of the log: a voter hangs, errs after having written, forgets everything."""
    load = Load(await targets_of(scene), CLOCK, ENTROPY, RESTING)
    async with working(load, 16):
        for name, shape in (("a", "hang"), ("b", "err")):
            await answered(load, 300)
            await scene.drill(name, shape)
            await answered(load, 600)
            await scene.end_drill(name)
            await scene.mend()
        await scene.erase("c")
        await answered(load, 600)
    await all_is_linearizable(load)
    await scene.mend(erased=True)
