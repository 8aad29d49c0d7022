"""Two gateways, processes of their own, over one store: writers on the same keys, and races for new ones."""

import asyncio

import pytest
from live import BUCKET, CLOCK, ENTROPY, Live, judged

from outlast.base.limits import KIB
from outlast.testing.history import History, linearizable
from outlast.testing.workload import Load, Mix

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("survival")]

RACERS = 32
ROUNDS = 200
SECONDS = 15.0
MIX = Mix(keys=6, sizes=((4, 4 * KIB), (2, 100 * KIB), (1, 200 * KIB)))


async def test_writers_on_the_same_keys_are_linearizable(live: Live) -> None:
    targets = [await live.target(await live.serve(state)) for state in ("one", "two")]
    load = Load(targets, CLOCK, ENTROPY, MIX)
    end = CLOCK.monotonic() + SECONDS
    report = await load.run(16, until=lambda: CLOCK.monotonic() > end)
    for target in targets:
        await load.read_all(target)
    judged(load, report)
    assert report.requests > 500


async def test_each_race_has_one_winner(live: Live) -> None:
    clients = [await live.client(await live.serve(state)) for state in ("one", "two")]
    history = History()

    async def race(key: str, racer: int) -> bool:
        operation = history.begin(key, "create", str(racer), client=f"c{racer}")
        response = await clients[racer % 2].put(BUCKET, key, b"%d" % racer, {"if-none-match": "*"})
        assert response.status in (200, 412), response
        operation.ok() if response.status == 200 else operation.refused()
        return response.status == 200

    for number in range(ROUNDS):
        key = f"race/{number}"
        won = await asyncio.gather(*[race(key, racer) for racer in range(RACERS)])
        assert won.count(True) == 1, f"{key}: {won.count(True)} winners"
        for client in clients:
            read = history.begin(key, "get")
            read.ok((await client.get(BUCKET, key)).body.decode())
    verdict = linearizable(history)
    assert verdict.ok, verdict
