"""An answer counts only if the voter had forgotten nothing when it gave it."""

import pytest

from outlast.base.clock import Clock
from outlast.base.errors import Estranged
from outlast.providers.claim import write_marker
from outlast.providers.marker import MARKER_KEY, Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.wrap.attest import Attest
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.voter import Voter, state_key
from outlast.testing.simulation import Simulation, simulate

INCARNATION = bytes(16)


class ErasedJustBefore(MemoryProvider):
    """Everything is erased while the question for a slot is on its way."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock)
        self._on_the_way = clock

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        if key == state_key(1, 0):
            await self._on_the_way.sleep(0.01)
            self.wipe()
        return await super().get(key, span, under)


def test_a_voter_that_attests_and_was_erased_just_before_it_is_asked_has_no_say() -> None:
    async def main(sim: Simulation) -> None:
        provider = ErasedJustBefore("v", sim.clock)
        marker = Marker(bytes(16), "v", INCARNATION)
        await write_marker(provider, marker)
        with pytest.raises(Estranged):
            await Voter(Attest(provider, marker, sim.clock)).read(1)

    simulate(0, main)


@pytest.mark.parametrize("attests", [True, False])
@pytest.mark.parametrize("content", [b"", b"{}", b"no marker", None])
def test_a_voter_whose_marker_is_missing_or_damaged_has_no_say(content: bytes | None, attests: bool) -> None:
    async def main(sim: Simulation) -> None:
        provider = MemoryProvider("v", sim.clock, attests)
        if content is not None:
            await provider.put(MARKER_KEY, content)
        voter = Voter(Attest(provider, Marker(bytes(16), "v", INCARNATION), sim.clock))
        ballot = Ballot(0, b"g" * 16)
        for call in (voter.read(1), voter.create(1, 0, SlotState(ballot))):
            with pytest.raises(Estranged):
                await call

    simulate(0, main)
