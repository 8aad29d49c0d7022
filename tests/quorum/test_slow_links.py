"""Gateways whose lines to the voters carry little: they keep up, or catch up, in a time that is bounded."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from cluster import INCARNATION, STORE, Cluster, Gateway

from outlast.base.errors import NoMajority
from outlast.base.limits import KIB, MIB, batch_bytes_max
from outlast.providers.health import Health
from outlast.providers.marker import Marker
from outlast.providers.wrap.guard import Guard
from outlast.quorum.log import VoterPlace
from outlast.testing.network import Weather
from outlast.testing.simulation import Simulation, simulate

NEAR = Weather(delay_s=(0.005, 0.006))
FAR = Weather(delay_s=(0.02, 0.03), patience_s=5.0)
RECORD_BYTES = 100 * KIB


async def fill(gateway: Gateway, count: int) -> None:
    """Records that fill slots of up to 4 MiB."""
    await asyncio.gather(*(gateway.log.append(bytes([number]) * RECORD_BYTES) for number in range(count)))


async def seconds_until(sim: Simulation, ask: Callable[[], Awaitable[object]]) -> float:
    """How long it takes until the log does what it is asked for, time and again."""
    began = sim.clock.monotonic()
    while sim.clock.monotonic() - began < 3600:
        try:
            await ask()
        except NoMajority:
            await sim.clock.sleep(1)
        else:
            return sim.clock.monotonic() - began
    return float("inf")


@pytest.mark.parametrize("rate", [2 * MIB, 700 * KIB, 200 * KIB, 64 * KIB])
def test_a_gateway_with_a_slow_downlink_learns_large_slots(rate: int) -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        near, far = cluster.gateway(NEAR), cluster.gateway(FAR)
        far.slow_down(rate, rate)
        await near.log.append(b"first")
        await far.log.sync()
        await fill(near, 90)
        assert max(map(len, cluster.voters[0].contents().values())) > 3.9 * MIB
        once_s = 90 * RECORD_BYTES / rate
        # Two or three voters are read, one of them twice; what they have in common cannot be known before.
        assert await seconds_until(sim, far.log.sync) < 6 * once_s + 10
        assert far.applied == near.applied

    simulate(1, main)


def test_a_gateway_with_a_slow_downlink_learns_many_small_slots_at_once() -> None:
    """Each is small enough; those that it asks for at once are not."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        near, far = cluster.gateway(NEAR), cluster.gateway(FAR)
        far.slow_down(64 * KIB, 64 * KIB)
        await far.log.sync()
        for number in range(60):
            await near.log.append(bytes([number]) * 60 * KIB)
        once_s = 60 * 60 * KIB / (64 * KIB)
        assert await seconds_until(sim, far.log.sync) < 6 * once_s + 10
        assert far.applied == near.applied

    simulate(1, main)


def guarded(sim: Simulation, gateway: Gateway) -> list[Guard]:
    """Have the gateway's log speak to its voters through guards, as in production."""
    guards = [
        Guard(
            link, Health(link.name, sim.clock, sim.entropy), sim.clock, Marker(STORE, link.name, INCARNATION)
        )
        for link in gateway.links
    ]
    host = sim.host("guards")
    for guard in guards:
        host.spawn(guard.watch())
    gateway.speak_through(
        [VoterPlace(guard, link) for guard, link in zip(guards, gateway.links, strict=True)]
    )
    return guards


@pytest.mark.parametrize("rate", [400 * KIB, 96 * KIB])
def test_an_uplink_that_becomes_slow_when_a_large_value_is_proposed_holds_the_log_up_for_a_bounded_time(
    rate: int,
) -> None:
    """The near voter has taken the value, so nothing smaller can take its place."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(FAR)
        guards = guarded(sim, gateway)
        gateway.slow_down(100 * MIB, 20 * MIB)
        gateway.links[0].weather = Weather(delay_s=(0.0001, 0.0001))
        await fill(gateway, 90)
        burst = asyncio.ensure_future(
            asyncio.gather(
                *(gateway.log.append(b"burst" + bytes([number]) * RECORD_BYTES) for number in range(40)),
                return_exceptions=True,
            )
        )
        await sim.clock.sleep(0.01)
        gateway.slow_down(100 * MIB, rate)
        gateway.links[0].up = gateway.links[0].down = None
        seconds = await seconds_until(sim, lambda: gateway.log.append(b"after"))
        await burst
        # The value goes to two voters over the line, and not every try is long enough.
        assert seconds < 3 * 2 * batch_bytes_max / rate + 15
        assert not any(guard.health.findings().opened for guard in guards), "who is slow is not down"

    simulate(1, main)
