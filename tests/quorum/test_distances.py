"""Beside a gateway that never rests and is up to ten times as near, all writes succeed, and soon."""

import asyncio

import pytest
from cluster import Cluster, Gateway

from outlast.testing.network import Weather
from outlast.testing.simulation import Simulation, simulate

NEAR_ROUND_TRIP_S = 0.01
SECONDS = 15.0
# The first records of a gateway that knows nothing of the log are left out: it has to learn all of it.
LEARNING = 2


def weather(ratio: float) -> Weather:
    one_way_s = ratio * NEAR_ROUND_TRIP_S / 2
    return Weather(delay_s=(0.95 * one_way_s, 1.05 * one_way_s))


async def write(sim: Simulation, gateway: Gateway, number: int, rest_s: float, seconds: list[float]) -> None:
    count = 0
    while True:
        began = sim.clock.monotonic()
        await gateway.log.append(b"%s/%d/%d" % (gateway.name.encode(), number, count))
        seconds.append(sim.clock.monotonic() - began)
        count += 1
        await sim.clock.sleep(sim.entropy.uniform(0, 2 * rest_s))


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) * 99 // 100]


def measured(ratio: float, clients: dict[str, int], rest_s: float, seed: int) -> dict[str, list[float]]:
    """How long the records of each gateway took, `near` without any rest, `far` with rests of `rest_s`."""

    async def main(sim: Simulation) -> dict[str, list[float]]:
        cluster = Cluster(sim)
        await cluster.create()
        gateways = {"near": cluster.gateway(weather(1)), "far": cluster.gateway(weather(ratio))}
        seconds: dict[str, list[float]] = {name: [] for name in gateways}
        rests = {"near": 0.0, "far": rest_s}
        running = [
            asyncio.ensure_future(write(sim, gateways[name], number, rests[name], seconds[name]))
            for name, count in clients.items()
            for number in range(count)
        ]
        await sim.clock.sleep(SECONDS)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        assert not cluster.errors
        return {name: values[LEARNING * clients.get(name, 0) :] for name, values in seconds.items()}

    return simulate(seed, main)


@pytest.mark.slow
@pytest.mark.parametrize("clients", [1, 8])
@pytest.mark.parametrize("ratio", [2, 4, 10])
def test_no_gateway_takes_more_than_four_times_what_its_own_distance_costs_alone(
    ratio: float, clients: int
) -> None:
    together = measured(ratio, {"near": 16, "far": clients}, 0.0, seed=1)
    for name, count in (("near", 16), ("far", clients)):
        alone = measured(ratio, {name: count}, 0.0, seed=1)
        assert p99(together[name]) <= 4 * p99(alone[name]), name
        assert len(together[name]) > 20 * count or name == "far"


@pytest.mark.slow
def test_a_gateway_ten_times_as_far_that_writes_now_and_then_is_not_held_up_for_long() -> None:
    together = measured(10, {"near": 16, "far": 4}, 0.5, seed=2)
    assert len(together["far"]) > 20
    assert max(together["far"]) < 20 * 10 * NEAR_ROUND_TRIP_S
