"""A voter is given every slot that it lacks, or it is said that it was not."""

import pytest
from cluster import GENESIS_HASH, Cluster, PlainSeal

from outlast.base.errors import Unavailable
from outlast.quorum.batch import open_batch
from outlast.quorum.refill import refill
from outlast.quorum.voter import slot_key
from outlast.testing.simulation import Simulation, simulate

SLOTS = 5


@pytest.mark.parametrize("tells", [True, False])
def test_a_voter_without_all_slots_is_not_called_refilled(tells: bool) -> None:
    async def main(sim: Simulation) -> None:
        cluster = Cluster(sim)
        await cluster.create()
        gateway = cluster.gateway()
        for number in range(SLOTS):
            await gateway.log.append(b"%d" % number)
        erased, *others = cluster.voters
        erased.wipe()
        if not tells:
            for other in others:
                await other.delete(slot_key(3))

        async def give_back() -> int:
            voters, seal = gateway.log.voters[1:], PlainSeal()
            return await refill(
                erased, voters, lambda slot, value: open_batch(seal, slot, value), 0, GENESIS_HASH, SLOTS
            )

        if tells:
            assert await give_back() == SLOTS  # all but the newest, which no later slot proves
        else:
            with pytest.raises(Unavailable, match="slot 2"):  # which only slot 3 would prove
                await give_back()

    simulate(1, main)
