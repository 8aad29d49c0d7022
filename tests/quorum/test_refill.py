"""A voter is given every slot that it lacks, or it is said that it was not."""

import pytest
from cluster import Cluster, Gateway

from outlast.base.errors import Unavailable
from outlast.quorum.state import decode_state, state_key
from outlast.testing.simulation import Simulation, simulate

RECORDS = 5


async def with_slots(sim: Simulation) -> tuple[Cluster, Gateway]:
    """Slots 0 (the genesis) to 5, which all three voters hold."""
    cluster = Cluster(sim)
    await cluster.create()
    gateway = cluster.gateway()
    for number in range(RECORDS):
        await gateway.log.append(b"%d" % number)
    await sim.clock.sleep(1)  # virtual: the slowest voter has them as well
    return cluster, gateway


def test_an_erased_voter_gets_every_slot() -> None:
    async def main(sim: Simulation) -> None:
        cluster, gateway = await with_slots(sim)
        cluster.voters[0].wipe()
        assert await gateway.log.refill("v0") == RECORDS + 1

    simulate(1, main)


def test_a_voter_that_did_not_get_every_slot_is_not_called_refilled() -> None:
    async def main(sim: Simulation) -> None:
        cluster, gateway = await with_slots(sim)
        cluster.voters[0].wipe()
        for other in cluster.voters[1:]:
            await other.delete(state_key(3, 0))
        with pytest.raises(Unavailable, match="slot 2"):  # which only slot 3 would prove
            await gateway.log.refill("v0")

    simulate(1, main)


def test_a_slot_that_a_voter_alone_holds_is_none_that_it_lacks() -> None:
    """It was decided with one that has been erased since, while the third was away."""

    async def main(sim: Simulation) -> None:
        cluster, gateway = await with_slots(sim)
        cluster.checkers.off.add("amnesia")  # v2 was away when others wrote, and took the later slots
        cluster.voters[1].wipe()
        await cluster.mark(cluster.voters[1])
        await cluster.voters[2].delete(state_key(3, 0))
        assert await gateway.log.refill("v0") == 0
        assert await gateway.log.refill("v2") == 1

    simulate(1, main)


def test_what_no_voter_proves_alone_is_proved_together() -> None:
    """Of the two that are left each lacks a slot that the other has, one after the other."""

    async def main(sim: Simulation) -> None:
        cluster, gateway = await with_slots(sim)
        cluster.voters[0].wipe()
        await cluster.voters[1].delete(state_key(2, 0))
        await cluster.voters[1].delete(state_key(4, 0))
        await cluster.voters[2].delete(state_key(3, 0))
        assert await gateway.log.refill("v0") == RECORDS + 1

    simulate(1, main)


def test_a_damaged_slot_is_written_anew() -> None:
    async def main(sim: Simulation) -> None:
        cluster, gateway = await with_slots(sim)
        whole = await cluster.voters[1].get(state_key(2, 0))
        await cluster.voters[0].put(state_key(2, 0), b"\xc1 damaged")
        assert await gateway.log.refill("v0") == 1
        assert decode_state(await cluster.voters[0].get(state_key(2, 0))).value == decode_state(whole).value

    simulate(1, main)
