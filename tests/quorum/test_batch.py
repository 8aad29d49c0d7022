"""What a slot's value is."""

import msgspec
import pytest
from cluster import Cluster, PlainSeal

from outlast.base.errors import ConfigError
from outlast.base.limits import KIB
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import (
    GENESIS_HASH,
    KEPT_BYTES_MAX,
    Batch,
    Opener,
    Submission,
    open_batch,
    seal_batch,
)
from outlast.quorum.state import StateCodec, state_key
from outlast.testing.simulation import Simulation, simulated


class Counting(PlainSeal):
    """Counts what is opened."""

    opened = 0

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        self.opened += 1
        return super().open(sealed, aad)


def test_values_are_opened_once_as_long_as_not_too_much_is_kept() -> None:
    seal = Counting()
    opener = Opener(seal)
    batch = Batch(GENESIS_HASH, b"g" * 16, (Submission(b"g" * 16, 1, (bytes(512 * KIB),)),))
    count = 2 * KEPT_BYTES_MAX // (512 * KIB)
    values = [seal_batch(seal, slot, batch) for slot in range(count)]
    for slot, value in enumerate(values):
        for _ in range(3):
            assert opener(slot, value) == batch
    assert seal.opened == count
    opener(count - 1, values[-1])
    assert seal.opened == count
    opener(0, values[0])
    assert seal.opened == count + 1


def test_a_value_that_was_applied_is_not_kept() -> None:
    seal = Counting()
    opener = Opener(seal)
    value = seal_batch(seal, 1, Batch(GENESIS_HASH, b"g" * 16, ()))
    opener(1, value)
    opener.forget(1)
    opener.forget(1)
    opener(1, value)
    assert seal.opened == 2


def test_a_batch_of_a_later_version_stops_with_the_remedy() -> None:
    seal = PlainSeal()
    later = msgspec.msgpack.encode([GENESIS_HASH, b"g" * 16, [], "of a later version"])
    value = seal.seal(later, b"outlast log/main/%016x" % 7)
    with pytest.raises(ConfigError) as caught:
        open_batch(seal, 7, value)
    assert "upgrade Outlast" in caught.value.remedy


@simulated()
async def test_a_gateway_that_is_too_old_for_the_log_is_told_so(sim: Simulation) -> None:
    cluster = Cluster(sim)
    await cluster.create()
    gateway = cluster.gateway()
    await gateway.log.append(b"of this version")
    later = msgspec.msgpack.encode([gateway.log.hash, b"g" * 16, [], "of a later version"])
    value = PlainSeal().seal(later, b"outlast log/main/%016x" % 2)
    state = SlotState(Ballot(0, b"g" * 16), Ballot(0, b"g" * 16), value)
    for voter in cluster.voters:
        voter.watchers.clear()  # the checkers cannot read it either
        _, data = StateCodec(PlainSeal(), voter.name).encode(2, None, state)
        await voter.create(state_key(2, 0), data)
    for work in (gateway.log.sync(), gateway.log.append(b"more")):
        with pytest.raises(ConfigError, match="does not know"):
            await work
