"""Voters that were away, refused or were late get what they missed, as soon as they vote again."""

import asyncio

import pytest
from cluster import Broken, Cluster, Gateway

from outlast.base.errors import NoMajority
from outlast.quorum.batch import GENESIS_HASH
from outlast.quorum.laggards import Laggards
from outlast.quorum.state import state_key
from outlast.testing.network import Weather
from outlast.testing.simulation import Simulation, simulate, simulated

STEADY = Weather(delay_s=(0.01, 0.01))
FAR = Weather(delay_s=(0.08, 0.08))


async def assert_whole(cluster: Cluster, gateway: Gateway) -> None:
    """Every voter holds every slot, and the gateway knows it."""
    assert not gateway.log.behind
    for voter in cluster.voters:
        for slot in range(gateway.log.slot + 1):
            await voter.head(state_key(slot, 0))


def test_a_voter_that_was_away_gets_the_slots_that_it_missed() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        cluster.voters = [Broken(f"v{i}", sim.clock) for i in range(3)]
        await cluster.create()
        gateway = cluster.gateway()
        cluster.voters[2].broken = True
        for number in range(20):
            await gateway.log.append(b"%d" % number)
        assert gateway.log.behind.keys() == {"v2"}
        cluster.voters[2].broken = False
        await gateway.log.append(b"back")
        await sim.clock.sleep(10)
        await assert_whole(cluster, gateway)

    simulate(1, main)


def test_who_always_answers_last_gets_what_it_missed() -> None:
    """No decision ever waits for it, so it is heard of when all is over."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        gateway.links[2].weather = FAR
        gateway.gates[2].shut = True
        for number in range(20):
            await gateway.log.append(b"%d" % number)
        await sim.clock.sleep(1)
        assert gateway.log.behind == {"v2": 1}
        gateway.gates[2].shut = False
        await gateway.log.append(b"back")
        await sim.clock.sleep(5)
        await assert_whole(cluster, gateway)

    simulate(1, main)


@pytest.mark.slow
def test_who_is_away_while_slots_are_reserved_gets_all_that_it_missed() -> None:
    """What is reserved ahead follows on what nobody knows yet: not there does its gap begin."""

    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateways = [cluster.gateway(STEADY), cluster.gateway(STEADY)]
        await gateways[0].log.append(b"before")

        async def write(gateway: Gateway) -> None:
            for number in range(20):
                await gateway.log.append(b"%d" % number)

        writing = asyncio.gather(*map(write, gateways))
        await sim.clock.sleep(sim.entropy.uniform(0.1, 0.8))
        for gateway in gateways:
            gateway.gates[2].shut = True
        await writing
        for gateway in gateways:
            gateway.gates[2].shut = False
            await gateway.log.append(b"back")
        await sim.clock.sleep(30)
        for gateway in gateways:
            await gateway.log.append(b"again")
            await gateway.log.sync()
            await sim.clock.sleep(30)
            await assert_whole(cluster, gateway)

    for seed in range(20):
        simulate(seed, main)


@simulated()
async def test_a_gap_begins_with_its_first_slot_whichever_is_heard_of_first(sim: Simulation) -> None:
    gateway = Cluster(sim).gateway()
    history = gateway.log._history
    history.slot = 50
    laggards = Laggards(gateway.log._context, history)
    for slot in (42, 10, 30):
        laggards.heard(gateway.log.voters[0], NoMajority(), slot, GENESIS_HASH)
    assert laggards.slots == {"v0": 10}


def test_who_failed_about_a_slot_that_nobody_decided_misses_nothing_and_is_asked_for_nothing() -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway(STEADY)
        await gateway.log.append(b"before")
        await sim.clock.sleep(1)
        gateway.gates[0].shut = gateway.gates[2].shut = True
        reading = asyncio.ensure_future(gateway.log.sync())
        await sim.clock.sleep(0.5)
        gateway.gates[0].shut = gateway.gates[2].shut = False
        await reading
        assert not gateway.log.behind
        calls = gateway.gates[2].count_calls()
        for _ in range(3):
            await gateway.log.sync()
        await sim.clock.sleep(1)
        assert calls["create"] == 0

    simulate(1, main)
