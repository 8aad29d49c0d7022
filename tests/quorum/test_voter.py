"""An answer counts only if the voter had forgotten nothing when it gave it, and is one that we gave it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from cluster import PlainSeal

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.errors import Cause, Estranged, Exists, Tampered, Unavailable
from outlast.providers.marker import MARKER_KEY, Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Data
from outlast.providers.wrap.attest import Attest
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.state import StateCodec, state_key
from outlast.quorum.voter import OPERATIONS_MAX, Voter
from outlast.testing.simulation import Simulation, simulate

INCARNATION, NEXT = bytes(16), b"\1" * 16
LOW, HIGH = Ballot(1, b"l" * 16), Ballot(2, b"h" * 16)


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


class Scene:
    """A provider and the voter at it."""

    def __init__(self, sim: Simulation, provider: MemoryProvider) -> None:
        self.sim = sim
        self.provider = provider
        self.attest = Attest(provider, Marker(bytes(16), "v", INCARNATION), sim.clock)
        self.voter = Voter(self.attest, StateCodec(PlainSeal(), "v"), sim.clock, self._check)

    @staticmethod
    def _check(slot: int, value: bytes) -> None:
        if value == b"forged":
            raise Tampered("nobody sealed it")

    async def mark(self, incarnation: bytes = INCARNATION) -> None:
        await self.provider.put(MARKER_KEY, Marker(bytes(16), "v", incarnation).encode())


def in_scene(
    test: Callable[[Scene], Awaitable[None]],
    make: Callable[[str, Clock], MemoryProvider] = MemoryProvider,
) -> None:
    async def main(sim: Simulation) -> None:
        scene = Scene(sim, make("v", sim.clock))
        await scene.mark()
        await test(scene)

    simulate(0, main)


def networked(name: str, clock: Clock) -> MemoryProvider:
    return MemoryProvider(name, clock, attests=False)


# ---------------------------------------------------------------- whether it counts


def test_a_voter_that_attests_and_was_erased_just_before_it_is_asked_has_no_say() -> None:
    async def test(scene: Scene) -> None:
        with pytest.raises(Estranged):
            await scene.voter.read(1)

    in_scene(test, ErasedJustBefore)


@pytest.mark.parametrize("make", [MemoryProvider, networked])
@pytest.mark.parametrize("content", [b"", b"{}", b"no marker", None])
def test_a_voter_whose_marker_is_missing_or_damaged_has_no_say(
    content: bytes | None, make: Callable[[str, Clock], MemoryProvider]
) -> None:
    async def test(scene: Scene) -> None:
        await scene.provider.delete(MARKER_KEY)
        if content is not None:
            await scene.provider.put(MARKER_KEY, content)
        for call in (scene.voter.read(1), scene.voter.create(1, None, SlotState(LOW))):
            with pytest.raises(Estranged):
                await call

    in_scene(test, make)


@pytest.mark.parametrize("make", [MemoryProvider, networked])
def test_a_vote_names_its_incarnation_and_does_not_outlive_a_change(
    make: Callable[[str, Clock], MemoryProvider],
) -> None:
    async def test(scene: Scene) -> None:
        vote = await scene.voter.create(1, None, SlotState(LOW))
        assert vote.incarnation == INCARNATION
        scene.attest.expect(NEXT)
        with pytest.raises(Estranged):
            await scene.voter.read(1)
        await scene.mark(NEXT)
        again = await scene.voter.read(1)
        assert again is not None
        assert (again.held, again.incarnation) == (vote.held, NEXT)

    in_scene(test, make)


class Networked(MemoryProvider):
    """A create takes longer than the look at the marker beside it."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock, attests=False)
        self._on_the_way = clock

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        await self._on_the_way.sleep(0.01)
        await super().create(key, data, under)


def test_over_a_network_a_vote_is_in_doubt_until_the_marker_is_seen_after_it() -> None:
    async def test(scene: Scene) -> None:
        assert scene.voter.in_doubt is None
        await scene.voter.create(5, None, SlotState(LOW))
        assert scene.voter.in_doubt == 5
        await scene.sim.clock.sleep(0.01)
        await scene.attest.attest()
        assert scene.voter.in_doubt is None

    in_scene(test, Networked)


class ErasedMeanwhile(MemoryProvider):
    """A large create takes eight seconds, and in the middle of it the marker goes."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock, attests=False)
        self._on_the_way = clock

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        await self._on_the_way.sleep(4)
        await self.delete(MARKER_KEY)
        await self._on_the_way.sleep(4)
        await super().create(key, data, under)


def test_over_a_slow_network_a_vote_counts_only_if_the_marker_is_there_after_it() -> None:
    async def test(scene: Scene) -> None:
        with pytest.raises(Estranged):
            await scene.voter.create(5, None, SlotState(LOW, LOW, bytes(512 << 10)))

    in_scene(test, ErasedMeanwhile)


def test_where_the_marker_is_part_of_the_operation_no_vote_is_in_doubt() -> None:
    async def test(scene: Scene) -> None:
        await scene.voter.create(5, None, SlotState(LOW))
        assert scene.voter.in_doubt is None

    in_scene(test)


# ---------------------------------------------------------------- what it holds


async def put_row(scene: Scene, *states: SlotState) -> None:
    vote = None
    for state in states:
        vote = await scene.voter.create(1, vote, state)


def test_a_row_is_read_up_to_the_first_value_or_to_its_end() -> None:
    async def test(scene: Scene) -> None:
        accepted, outvoted = SlotState(LOW, LOW, b"value"), SlotState(HIGH, LOW, b"value", b"announced")
        await put_row(scene, SlotState(LOW), accepted, outvoted)
        first = await scene.voter.read(1)
        assert first is not None
        assert first.held.state == accepted
        last = await scene.voter.read(1, last=True)
        assert last is not None
        assert (last.held.state, last.announced) == (outvoted, (b"announced",))
        assert await scene.voter.read(1, after=first, last=True) == last
        assert await scene.voter.read(1, after=last) == last
        assert await scene.voter.peek(1, last=True) == outvoted

    in_scene(test)


def test_a_state_is_created_once() -> None:
    async def test(scene: Scene) -> None:
        await scene.voter.create(1, None, SlotState(LOW))
        assert not scene.voter.refuses
        with pytest.raises(Exists):
            await scene.voter.create(1, None, SlotState(HIGH))
        assert not scene.voter.refuses, "it was answered"

    in_scene(test)


@pytest.mark.parametrize("make", [MemoryProvider, networked])
def test_what_no_gateway_wrote_is_the_voters_failure(make: Callable[[str, Clock], MemoryProvider]) -> None:
    async def test(scene: Scene) -> None:
        elsewhere = StateCodec(PlainSeal(), "w")
        for data in (
            b"",
            b"\xc1",
            elsewhere.encode(1, None, SlotState(LOW, LOW, b"value"))[1],
            StateCodec(PlainSeal(), "v").encode(2, None, SlotState(LOW, LOW, b"value"))[1],
            StateCodec(PlainSeal(), "v").encode(1, None, SlotState(LOW, LOW, b"forged"))[1],
        ):
            await scene.provider.put(state_key(1, 0), data)
            for call in (scene.voter.read(1), scene.voter.peek(1)):
                with pytest.raises(Tampered):
                    await call

    in_scene(test, make)


def test_an_endless_row_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outlast.quorum.voter.PLACE_MAX", 20)

    async def test(scene: Scene) -> None:
        await put_row(scene, *(SlotState(Ballot(n, b"g" * 16)) for n in range(1, 25)))
        with pytest.raises(Unavailable, match="no last state"):
            await scene.voter.read(1, last=True)

    in_scene(test)


# ---------------------------------------------------------------- how long it is waited for


class Silent(MemoryProvider):
    """Answers nothing but its marker."""

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        if key != MARKER_KEY:
            assert self._clock is not None
            await self._clock.sleep(1e6)
        return await super().get(key, span, under)


def test_a_silent_voter_fails_in_time_and_is_not_asked_without_end() -> None:
    async def test(scene: Scene) -> None:
        votes = await asyncio.gather(
            *(scene.voter.read(slot) for slot in range(OPERATIONS_MAX + 1)), return_exceptions=True
        )
        causes = [vote.cause for vote in votes if isinstance(vote, Unavailable)]
        assert causes == [Cause.TIMEOUT] * OPERATIONS_MAX + [Cause.SATURATED]

    in_scene(test, Silent)


def test_an_answer_that_comes_while_another_reading_runs_out_of_time_is_heard() -> None:
    """A reading that is out of time takes a few turns of the loop to end, and hears of answers until then."""

    async def test(scene: Scene) -> None:
        loop, state = asyncio.get_running_loop(), SlotState(LOW, LOW, b"value")
        await put_row(scene, state)
        answer = loop.create_future()
        get = scene.provider.get

        async def scripted(
            key: str, span: tuple[int, int] | None = None, under: Marker | None = None
        ) -> bytes:
            content = await get(key, span, under)
            await (answer if key == state_key(1, 0) else scene.sim.clock.sleep(1e6))
            return content

        await scene.provider.put(state_key(2, 0), b"never given")
        scene.provider.get = scripted  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await scene.voter.peek(2)  # from now on states are read in portions
        # One timer before the silent reading's deadline, and in the same turn.
        loop.call_at(loop.time() + limits.log_operation_s_max, answer.set_result, None)
        silent = asyncio.ensure_future(scene.voter.peek(2))
        await scene.sim.clock.sleep(1)
        assert await scene.voter.peek(1) == state
        with pytest.raises(Unavailable):
            await silent

    in_scene(test)


@pytest.mark.parametrize("make", [MemoryProvider, networked])
def test_a_row_that_is_too_long_for_one_operation_is_read_in_several(
    make: Callable[[str, Clock], MemoryProvider],
) -> None:
    async def test(scene: Scene) -> None:
        ballots = [Ballot(number, b"g" * 16) for number in range(1, 3001)]
        await put_row(scene, *map(SlotState, ballots))
        get = scene.provider.get

        async def far(key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
            await scene.sim.clock.sleep(0.3)
            return await get(key, span, under)

        scene.provider.get = far  # type: ignore[method-assign]
        tries, vote = 0, None
        while vote is None:
            tries += 1
            assert tries <= 5
            try:
                vote = await scene.voter.read(1)
            except Unavailable as error:
                assert error.cause is Cause.TIMEOUT
        assert tries > 1
        assert vote.held.state.promised == ballots[-1]
        scene.attest.expect(NEXT)
        await scene.mark(NEXT)
        scene.provider.get = get  # type: ignore[method-assign]
        await scene.provider.delete(state_key(1, 0))
        assert await scene.voter.read(1) is None, "nothing is left of what was read under another incarnation"

    in_scene(test, make)
