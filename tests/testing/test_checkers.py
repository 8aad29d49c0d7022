"""Each checker of the log lets the honest history pass, and reports the planted violation."""

import pytest

from outlast.providers.marker import MARKER_KEY, Marker
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import GENESIS_HASH, Batch, Submission, seal_batch, value_hash
from outlast.quorum.state import Placed, StateCodec, state_key
from outlast.testing.checkers import LogCheckers, Violation
from outlast.testing.places import Place
from outlast.testing.plain_seal import PlainSeal
from outlast.testing.simulation import Simulation, simulated

NAMES = ("v0", "v1", "v2")
OLD, NEW = b"old-incarnation!", b"new-incarnation!"
OWNER, OTHER = b"owner" * 3 + b"!", b"other" * 3 + b"!"


class Scene:
    """Three voters, of which every write is checked. Violations are kept, not raised."""

    def __init__(self, sim: Simulation) -> None:
        self.places = {name: Place(name, sim.clock) for name in NAMES}
        self.kinds: list[str] = []
        self.checkers = LogCheckers(NAMES, PlainSeal(), dict.fromkeys(NAMES, OLD), self._found, self._named)
        self.values: dict[int, bytes] = {}

    def _found(self, error: BaseException) -> None:
        assert isinstance(error, Violation)
        self.kinds.append(error.kind)

    @staticmethod
    def _named(record: bytes) -> tuple[str, bytes] | None:
        return ("v2", record.removeprefix(b"reattach ")) if record.startswith(b"reattach ") else None

    async def begin(self) -> None:
        for name, place in self.places.items():
            await self.mark(name, OLD)
            self.checkers.watch(place)
        await self.decide(0, NAMES)

    async def mark(self, name: str, incarnation: bytes) -> None:
        await self.places[name].put(MARKER_KEY, Marker(b"s" * 16, name, incarnation).encode())

    def value(self, slot: int, record: bytes = b"", previous: bytes | None = None) -> bytes:
        if previous is None:
            previous = value_hash(self.values[slot - 1]) if slot else GENESIS_HASH
        return seal_batch(PlainSeal(), slot, Batch(previous, OWNER, (Submission(OWNER, slot, (record,)),)))

    async def decide(self, slot: int, names: tuple[str, ...], record: bytes = b"") -> None:
        self.values[slot] = self.value(slot, record)
        await self.accept(slot, Ballot(0, OWNER), self.values[slot], names)

    async def accept(
        self, slot: int, ballot: Ballot, value: bytes, names: tuple[str, ...], place: int = 0
    ) -> None:
        await self.write(slot, SlotState(ballot, ballot, value), names, place)

    async def write(self, slot: int, state: SlotState, names: tuple[str, ...], place: int = 0) -> None:
        for name in names:
            codec = StateCodec(PlainSeal(), name)
            before: Placed | None = None
            for number in range(place):
                content = self.places[name].content(state_key(slot, number))
                before = codec.decode(slot, before, content) if content else Placed(state, number, b"")
            _, data = codec.encode(slot, before, state)
            await self.places[name].create(state_key(slot, place), data)


@simulated()
async def test_an_honest_history_passes(sim: Simulation) -> None:
    scene = Scene(sim)
    await scene.begin()
    await scene.decide(1, ("v0", "v1"))
    ballot = Ballot(1, OTHER)
    await scene.write(2, SlotState(ballot), ("v0", "v1"))
    await scene.accept(2, ballot, scene.value(2), ("v0",), place=1)
    await scene.accept(2, ballot, scene.value(2), ("v2",))
    scene.values[2] = scene.value(2)
    scene.places["v2"].wipe()
    await scene.decide(3, ("v0", "v1"), b"reattach " + NEW)
    for slot in range(4):
        await scene.accept(slot, Ballot(0, OWNER), scene.values[slot], ("v2",))
    await scene.mark("v2", NEW)
    scene.checkers.check_held(1)
    assert scene.kinds == []
    assert sorted(scene.checkers.decided) == [0, 1, 2, 3]


@simulated()
async def test_agreement_reports_two_values_accepted_by_majorities(sim: Simulation) -> None:
    scene = Scene(sim)
    await scene.begin()
    await scene.decide(1, ("v0", "v1"))
    await scene.accept(1, Ballot(0, OTHER), scene.value(1, b"another"), ("v2",))
    assert scene.kinds == []
    scene.places["v1"].wipe()
    await scene.accept(1, Ballot(0, OTHER), scene.value(1, b"another"), ("v1",))
    assert scene.kinds == ["agreement"], "also where an erasure made room for the second value"


@simulated()
async def test_agreement_reports_another_value_under_a_higher_ballot_at_the_first_voter(
    sim: Simulation,
) -> None:
    scene = Scene(sim)
    await scene.begin()
    await scene.decide(1, ("v0", "v1"))
    scene.places["v0"].wipe()
    await scene.write(1, SlotState(Ballot(1, OTHER)), ("v0", "v2"))
    await scene.accept(1, Ballot(1, OTHER), scene.value(1, b"another"), ("v2",), place=1)
    assert scene.kinds == ["agreement"]


@simulated()
async def test_agreement_reports_two_values_under_one_ballot(sim: Simulation) -> None:
    scene = Scene(sim)
    await scene.begin()
    await scene.accept(1, Ballot(0, OWNER), scene.value(1), ("v0",))
    await scene.accept(1, Ballot(0, OWNER), scene.value(1, b"another"), ("v1",))
    assert scene.kinds == ["agreement"]


@simulated()
async def test_promise_reports_a_proposer_whose_promises_were_forgotten(sim: Simulation) -> None:
    scene = Scene(sim)
    await scene.begin()
    await scene.write(2, SlotState(Ballot(1, OTHER)), ("v1", "v2"))  # promised ahead of time
    scene.places["v2"].wipe()
    await scene.decide(1, ("v0", "v1"), b"reattach " + NEW)
    for slot in range(2):
        await scene.accept(slot, Ballot(0, OWNER), scene.values[slot], ("v2",))
    await scene.mark("v2", NEW)
    assert scene.kinds == []
    await scene.accept(2, Ballot(1, OTHER), scene.value(2), ("v1",), place=1)
    assert scene.kinds == ["promise"], "v0 and v2 could decide for the owner's round 0"


@simulated()
async def test_promise_is_silent_while_the_forgetful_voter_does_not_count(sim: Simulation) -> None:
    scene = Scene(sim)
    await scene.begin()
    await scene.write(1, SlotState(Ballot(1, OTHER)), ("v1", "v2"))
    scene.places["v2"].wipe()
    await scene.accept(1, Ballot(1, OTHER), scene.value(1), ("v1",), place=1)
    assert scene.kinds == []


@simulated()
async def test_chain_reports_a_value_over_a_slot_that_is_not_decided_or_is_another(sim: Simulation) -> None:
    scene = Scene(sim)
    await scene.begin()
    scene.values[1] = scene.value(1)
    await scene.accept(1, Ballot(0, OWNER), scene.values[1], ("v0",))
    await scene.accept(2, Ballot(0, OWNER), scene.value(2), ("v0",))
    assert scene.kinds == ["chain"]
    await scene.accept(1, Ballot(0, OWNER), scene.values[1], ("v1",))
    await scene.accept(2, Ballot(0, OTHER), scene.value(2, previous=bytes(32)), ("v1",))
    assert scene.kinds == ["chain", "chain"]


@simulated()
async def test_no_gap_reports_a_state_over_nothing(sim: Simulation) -> None:
    scene = Scene(sim)
    await scene.begin()
    await scene.write(1, SlotState(Ballot(2, OTHER)), ("v0",), place=1)
    assert scene.kinds == ["no gap"]
    await scene.places["v1"].delete(MARKER_KEY)
    await scene.write(1, SlotState(Ballot(2, OTHER)), ("v1",), place=1)
    assert scene.kinds == ["no gap"], "what is late at a voter that does not count is no matter"


@pytest.mark.parametrize(("named", "given"), [(False, 2), (True, 1)])
@simulated()
async def test_barrier_reports_a_marker_that_comes_too_early(
    sim: Simulation, named: bool, given: int
) -> None:
    scene = Scene(sim)
    await scene.begin()
    scene.places["v2"].wipe()
    await scene.decide(1, ("v0", "v1"), b"reattach " + NEW if named else b"")
    for slot in range(given):
        await scene.accept(slot, Ballot(0, OWNER), scene.values[slot], ("v2",))
    await scene.mark("v2", NEW)
    assert scene.kinds == ["barrier"]


@simulated()
async def test_held_reports_a_slot_that_one_more_loss_would_lose(sim: Simulation) -> None:
    scene = Scene(sim)
    await scene.begin()
    await scene.decide(1, ("v0", "v1"))
    scene.checkers.check_held(1)
    assert scene.kinds == []
    await scene.places["v0"].delete(state_key(1, 0))
    scene.checkers.check_held(1)
    assert scene.kinds == ["held"]


@simulated()
async def test_what_is_written_into_an_empty_mount_point_is_no_vote(sim: Simulation) -> None:
    scene = Scene(sim)
    await scene.begin()
    scene.places["v0"].unmount()
    await scene.accept(1, Ballot(0, OTHER), scene.value(1, b"another"), ("v0", "v1"))
    assert scene.places["v0"].mount() != {}
    await scene.write(1, SlotState(Ballot(1, OWNER)), ("v0", "v2"))
    assert (scene.kinds, sorted(scene.checkers.decided)) == ([], [0])


@simulated()
async def test_amnesia_reports_a_voter_that_votes_again_in_a_slot_that_it_has_lost(sim: Simulation) -> None:
    scene = Scene(sim)
    await scene.begin()
    await scene.write(1, SlotState(Ballot(1, OTHER)), ("v2",))
    scene.places["v2"].remove(state_key(1, 0))
    await scene.write(2, SlotState(Ballot(1, OTHER)), ("v2",))
    assert scene.kinds == [], "another slot is another matter"
    await scene.write(1, SlotState(Ballot(0, OWNER)), ("v2",))
    assert scene.kinds == ["amnesia"]
