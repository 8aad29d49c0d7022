"""Far voters and a gateway that never rests: others get to read and to write all the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from cluster import Cluster, Gateway

from outlast.testing.network import Weather
from outlast.testing.simulation import Simulation, simulate

ONE_WAY_S = (0.019, 0.021)
ROUND_TRIP_S = 2 * ONE_WAY_S[1]
FAR = Weather(delay_s=ONE_WAY_S)


@asynccontextmanager
async def busy(sim: Simulation, gateway: Gateway) -> AsyncIterator[list[float]]:
    """Sixteen clients that write through `gateway` without a pause; how long each record took."""
    seconds: list[float] = []

    async def client(number: int) -> None:
        written = 0
        while True:
            began = sim.clock.monotonic()
            await gateway.log.append(b"%s %d/%d" % (gateway.name.encode(), number, written))
            seconds.append(sim.clock.monotonic() - began)
            written += 1

    clients = [asyncio.ensure_future(client(number)) for number in range(16)]
    await sim.clock.sleep(2)
    try:
        yield seconds
    finally:
        for one in clients:
            one.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


def test_a_fresh_gateway_gets_current_while_another_writes_without_a_pause() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        first, second = cluster.gateway(FAR), cluster.gateway(FAR)
        async with busy(sim, first):
            for rounds in (20, 4, 4, 4):
                known = len(first.applied)
                began = sim.clock.monotonic()
                await second.log.sync()
                assert sim.clock.monotonic() - began < rounds * ROUND_TRIP_S
                assert second.applied[:known] == first.applied[:known]

    for seed in range(3):
        simulate(seed, main)


@pytest.mark.slow
def test_who_writes_now_and_then_gets_a_turn_beside_one_who_writes_without_a_pause() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        first, second = cluster.gateway(FAR), cluster.gateway(FAR)
        async with busy(sim, first):
            for number in range(5):
                began, applied = sim.clock.monotonic(), len(first.applied)
                await second.log.append(b"now and then %d" % number)
                assert sim.clock.monotonic() - began < 30 * ROUND_TRIP_S
                await sim.clock.sleep(1)
                assert len(first.applied) > applied + 16, "the busy one was held up"

    for seed in range(3):
        simulate(seed, main)


@pytest.mark.slow
def test_two_who_write_without_a_pause_take_turns() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        first, second = cluster.gateway(FAR), cluster.gateway(FAR)
        async with busy(sim, first) as one, busy(sim, second) as other:
            await sim.clock.sleep(10)
            for gateway in (first, second):
                await gateway.log.sync()
        assert max(one + other) < 60 * ROUND_TRIP_S

    for seed in range(3):
        simulate(seed, main)


@pytest.mark.slow
def test_two_who_write_now_and_then_are_not_long_in_each_others_way() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateways = [cluster.gateway(FAR), cluster.gateway(FAR)]

        async def client(gateway: Gateway) -> None:
            for number in range(60):
                began = sim.clock.monotonic()
                await gateway.log.append(b"%d" % number)
                seconds.append(sim.clock.monotonic() - began)
                await sim.clock.sleep(sim.entropy.uniform(0, 0.6))

        await asyncio.gather(*(client(gateway) for gateway in gateways for _ in range(2)))

    seconds: list[float] = []
    for seed in range(5):
        simulate(seed, main)
    seconds.sort()
    assert seconds[len(seconds) // 2] < 4.5 * ROUND_TRIP_S
    assert seconds[len(seconds) * 95 // 100] < 16 * ROUND_TRIP_S
