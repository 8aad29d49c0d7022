"""Reading states in portions: how large they are, that a state is read once, and that a reading ends."""

import asyncio

import pytest

from outlast.base.errors import Cause, Unavailable
from outlast.base.limits import KIB, MIB
from outlast.providers.marker import Marker
from outlast.providers.memory import MemoryProvider
from outlast.quorum.portions import (
    PORTION_BYTES_FIRST,
    PORTION_BYTES_MAX,
    PORTION_BYTES_MIN,
    Portions,
    StateReader,
)
from outlast.testing.simulation import Simulation, simulated


class Counting(MemoryProvider):
    """Counts the bytes that it gives, and takes a second for each answer; while `stuck`, for ever."""

    given = 0
    stuck = False

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        assert self._clock is not None
        await self._clock.sleep(1e9 if self.stuck else 1)
        data = await super().get(key, span, under)
        self.given += len(data)
        return data


def nothing() -> None:
    """Nobody wants to hear of answers."""


async def reader_of(sim: Simulation, data: bytes) -> tuple[Counting, StateReader]:
    """A reader that reads in portions, and where it reads the state `a` from."""
    provider = Counting("v", sim.clock)
    await provider.put("a", data)
    reader = StateReader("v", sim.clock, 4 * MIB)
    reader.late(0.0)
    return provider, reader


# ---------------------------------------------------------------- how large they are


def test_a_state_is_asked_for_whole_until_an_answer_was_late() -> None:
    portions = Portions()
    portions.arrived(MIB, 0.0, 4.0)
    assert portions.size is None
    portions.late(4.0, 9.5)
    assert portions.size == PORTION_BYTES_FIRST


def test_portions_are_halved_when_they_are_slow_and_doubled_when_they_are_quick() -> None:
    portions = Portions()
    portions.late(0.0, 5.5)
    for _ in range(10):
        portions.late(5.5, 5.5)
    assert portions.size == PORTION_BYTES_MIN
    portions.arrived(PORTION_BYTES_MIN, 5.5, 6.0)
    assert portions.size == 2 * PORTION_BYTES_MIN
    portions.arrived(2 * PORTION_BYTES_MIN, 6.0, 9.0)
    assert portions.size == PORTION_BYTES_MIN
    for number in range(9):
        assert portions.size == PORTION_BYTES_MIN << number
        portions.arrived(PORTION_BYTES_MIN << number, 10.0 + number, 10.5 + number)
    assert portions.size == PORTION_BYTES_MAX
    portions.arrived(PORTION_BYTES_MAX, 20.0, 20.5)
    assert portions.size is None


def test_portions_that_were_late_at_the_same_time_are_halved_once() -> None:
    portions = Portions()
    for _ in range(8):
        portions.late(0.0, 5.5)
    assert portions.size == PORTION_BYTES_FIRST


def test_an_end_of_a_state_that_came_quickly_says_little() -> None:
    portions = Portions()
    portions.late(0.0, 5.5)
    portions.arrived(KIB, 6.0, 6.01)
    assert portions.size == PORTION_BYTES_FIRST


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize("size", [0, 1, PORTION_BYTES_FIRST - 1, PORTION_BYTES_FIRST, MIB, MIB + 1])
@simulated(seed=1)
async def test_a_state_is_put_together_from_its_portions(sim: Simulation, size: int) -> None:
    data = sim.entropy.bytes(size)
    _, reader = await reader_of(sim, data)
    assert await reader.read(_, "a", nothing) == data
    assert await reader.read(_, "b", nothing) is None


@simulated(seed=1)
async def test_those_who_read_at_the_same_time_and_again_share_what_arrives(sim: Simulation) -> None:
    data = sim.entropy.bytes(MIB)
    provider, reader = await reader_of(sim, data)
    for _ in range(2):
        assert await asyncio.gather(*(reader.read(provider, "a", nothing) for _ in range(4))) == [data] * 4
    assert provider.given <= len(data) + 8 * 2 * PORTION_BYTES_FIRST


@simulated(seed=1)
async def test_a_reading_that_was_given_up_is_gone_on_with(sim: Simulation) -> None:
    data = sim.entropy.bytes(MIB)
    provider, reader = await reader_of(sim, data)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(4.5):
            await reader.read(provider, "a", nothing)
    given = provider.given
    assert 3 * PORTION_BYTES_FIRST <= given < len(data)
    assert await reader.read(provider, "a", nothing) == data
    assert provider.given <= len(data) + PORTION_BYTES_FIRST


@pytest.mark.parametrize("turns", range(8))
@simulated(seed=1)
async def test_a_reader_that_comes_while_another_is_given_up_reads_on(sim: Simulation, turns: int) -> None:
    """The request that both would share takes a few turns of the loop to end once it is canceled."""
    data = sim.entropy.bytes(MIB)
    provider, reader = await reader_of(sim, data)
    given_up = asyncio.ensure_future(reader.read(provider, "a", nothing))
    await sim.clock.sleep(0.5)
    other = asyncio.ensure_future(reader.read(provider, "a", nothing))
    await sim.clock.sleep(1.0)  # the other's first portion is coming in this moment
    for _ in range(turns):
        await asyncio.sleep(0)
    given_up.cancel()
    assert await other == data
    assert given_up.cancelled()
    assert provider.given <= len(data) + 2 * PORTION_BYTES_FIRST


@simulated(seed=1)
async def test_an_answer_to_a_canceled_request_is_not_added_to_what_another_one_brings(
    sim: Simulation,
) -> None:
    """A client may return an answer although its request was canceled, if both happen at once."""
    data = sim.entropy.bytes(MIB)
    provider, reader = await reader_of(sim, data)
    get = provider.get
    canceled = 0

    async def heedless(key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        nonlocal canceled
        try:
            return await get(key, span, under)
        except asyncio.CancelledError:
            canceled += 1
            return await get(key, span, under)

    provider.get = heedless  # type: ignore[method-assign]
    given_up = asyncio.ensure_future(reader.read(provider, "a", nothing))
    await sim.clock.sleep(0.5)
    other = asyncio.ensure_future(reader.read(provider, "a", nothing))
    await sim.clock.sleep(0.75)  # the first reads on, the other one waits for its first portion
    given_up.cancel()
    assert await other == data
    assert canceled == 1


@simulated(seed=1)
async def test_a_state_that_was_replaced_is_read_anew(sim: Simulation) -> None:
    provider, reader = await reader_of(sim, sim.entropy.bytes(MIB))
    await reader.read(provider, "a", nothing)
    other = sim.entropy.bytes(MIB)
    await provider.put("a", other)
    assert await reader.read(provider, "a", nothing) == other


@simulated(seed=1)
async def test_a_reading_says_when_it_gets_further_and_an_error_is_everybodys(sim: Simulation) -> None:
    provider, reader = await reader_of(sim, bytes(MIB))
    heard: list[float] = []
    readings = [
        asyncio.ensure_future(reader.read(provider, "a", lambda: heard.append(sim.clock.monotonic())))
        for _ in range(2)
    ]
    await sim.clock.sleep(2.5)
    assert heard == [1.0] * 4 + [2.0] * 2, "of each answer, whoever had asked"

    async def fail(key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        raise Unavailable("v", "get", "away", Cause.REFUSED)

    provider.get = fail  # type: ignore[method-assign]
    outcomes = await asyncio.gather(*readings, return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)


@simulated(seed=1)
async def test_few_are_asked_for_at_once_and_the_others_wait_in_line(sim: Simulation) -> None:
    provider, reader = await reader_of(sim, b"small")
    readings = [asyncio.ensure_future(reader.read(provider, "a", nothing)) for _ in range(10)]
    await sim.clock.sleep(0.5)
    readings[5].cancel()
    answered = []
    for _ in range(3):
        await sim.clock.sleep(1)
        answered.append(sum(one.done() and not one.cancelled() for one in readings))
    assert answered == [4, 8, 9]


@simulated(seed=1)
async def test_a_request_that_is_not_answered_fails_and_the_next_has_its_turn(sim: Simulation) -> None:
    provider, reader = await reader_of(sim, b"small")
    provider.stuck = True
    readings = [asyncio.ensure_future(reader.read(provider, "a", nothing)) for _ in range(5)]
    await sim.clock.sleep(5)
    provider.stuck = False
    outcomes = await asyncio.gather(*readings, return_exceptions=True)
    assert [getattr(outcome, "cause", outcome) for outcome in outcomes] == [Cause.TIMEOUT] * 4 + [b"small"]


@simulated(seed=1)
async def test_what_does_not_end_is_no_state(sim: Simulation) -> None:
    provider, reader = await reader_of(sim, bytes(64 * MIB))
    content = await reader.read(provider, "a", nothing)
    assert content is not None
    assert 4 * MIB < len(content) <= 4 * MIB + PORTION_BYTES_MAX
