"""An answer counts only if the voter had forgotten nothing when it gave it."""

import pytest

from outlast.base.clock import Clock
from outlast.base.errors import Estranged
from outlast.providers.marker import Marker, write_marker
from outlast.providers.memory import MemoryProvider
from outlast.quorum.voter import Voter, state_key
from outlast.testing.simulation import Simulation, simulated

INCARNATION = bytes(16)


class ErasedJustBefore(MemoryProvider):
    """Everything is erased while the question for a slot is on its way."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock)
        self._on_the_way = clock

    async def get(self, key: str, span: tuple[int, int] | None = None) -> bytes:
        if key == state_key(1, 0):
            await self._on_the_way.sleep(0.01)
            self.wipe()
        return await super().get(key, span)


@simulated(seed=0)
async def test_a_near_voter_erased_just_before_it_is_asked_has_no_say(sim: Simulation) -> None:
    provider = ErasedJustBefore("v", sim.clock)
    await write_marker(provider, Marker(bytes(16), "v", INCARNATION))
    with pytest.raises(Estranged):
        await Voter(provider, INCARNATION, near=True).read(1)
