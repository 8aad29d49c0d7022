"""Each shape fails as it says, and without one nothing is changed."""

from collections.abc import Awaitable, Callable

import pytest

from outlast.base.errors import Cause, Denied, NotFound, ProviderError, Unavailable
from outlast.providers.memory import MemoryProvider
from outlast.providers.wrap.fault import Fault, FaultProvider, Shape, slow_s_max, slow_s_min
from outlast.testing.simulation import Simulation, simulate

Main = Callable[[Simulation, MemoryProvider, FaultProvider], Awaitable[None]]


def run(main: Main) -> None:
    """Run `main` under virtual time with a provider that holds `a` and `b/c`."""

    async def begin(sim: Simulation) -> None:
        memory = MemoryProvider("p", sim.clock)
        await memory.put("a", b"old content of a")
        await memory.put("b/c", b"c")
        await main(sim, memory, FaultProvider(memory, sim.clock, sim.entropy))

    simulate(1, begin)


def reads(fault: FaultProvider) -> list[Awaitable[object]]:
    return [fault.get("a"), fault.get("a", (0, 3)), fault.head("a"), names(fault)]


def writes(fault: FaultProvider, number: int = 0) -> list[Awaitable[object]]:
    return [
        fault.put(f"new/put{number}", b"x"),
        fault.create(f"new/create{number}", b"x"),
        fault.delete(f"new/put{number}"),
    ]


async def names(fault: FaultProvider | MemoryProvider, prefix: str = "") -> list[str]:
    return [entry.key async for entry in fault.list(prefix)]


@pytest.mark.parametrize(
    ("shape", "kind", "cause"),
    [
        (Shape.REFUSE, Unavailable, Cause.REFUSED),
        (Shape.ERR, Unavailable, Cause.SERVER),
        (Shape.THROTTLE, Unavailable, Cause.THROTTLED),
        (Shape.DENIED, Denied, Cause.DENIED),
    ],
)
def test_a_provider_that_says_no_says_it_at_once_to_every_call(
    shape: Shape, kind: type[ProviderError], cause: Cause
) -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.shape = shape
        began = sim.clock.monotonic()
        for call in reads(fault) + writes(fault):
            with pytest.raises(kind) as raised:
                await call
            assert raised.value.cause is cause
            assert raised.value.provider == "p"
        assert sim.clock.monotonic() == began
        fault.shape = None
        for call in reads(fault) + writes(fault, 1):
            await call

    run(main)


def test_half_of_the_writes_that_are_answered_by_an_error_happened() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.shape = Shape.ERR
        for number in range(100):
            with pytest.raises(Unavailable):
                await fault.create(f"new/{number:03d}", b"x")
        assert 30 < len(await names(memory, "new/")) < 70

    run(main)


def test_a_refusing_provider_does_nothing() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.shape = Shape.REFUSE
        for call in writes(fault):
            with pytest.raises(Unavailable):
                await call
        assert await names(memory) == ["a", "b/c"]

    run(main)


def test_a_hanging_provider_answers_nothing_until_the_shape_ends() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.shape = Shape.HANG
        calls = [sim.host("h").spawn(_outcome(call)) for call in reads(fault) + writes(fault)]
        await sim.clock.sleep(1000)
        assert not any(call.done() for call in calls)
        fault.shape = None
        for call in calls:
            outcome = await call
            assert isinstance(outcome, Unavailable)
            assert outcome.cause is Cause.TIMEOUT
        assert await names(memory) == ["a", "b/c"]

    run(main)


def test_a_call_under_way_hangs_or_is_cut_off_when_the_shape_is_set() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        hangs = sim.host("h").spawn(_outcome(fault.put("new/1", b"x")))
        await sim.clock.sleep(0)
        fault.shape = Shape.HANG
        await sim.clock.sleep(5)
        assert not hangs.done()
        assert await memory.get("new/1") == b"x", "the deed is done; the answer is lost"
        fault.shape = None
        assert isinstance(await hangs, Unavailable)

        cut_off = sim.host("h").spawn(_outcome(fault.put("new/2", b"x")))
        await sim.clock.sleep(0)
        fault.shape = Shape.REFUSE
        outcome = await cut_off
        assert isinstance(outcome, Unavailable)
        assert outcome.cause is Cause.RESET

    run(main)


def test_a_shape_with_a_deadline_ends_by_itself() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.fail_until([Fault(Shape.HANG)], sim.clock.monotonic() + 60)
        began = sim.clock.monotonic()
        with pytest.raises(Unavailable):
            await fault.get("a")
        assert sim.clock.monotonic() - began == pytest.approx(60)
        assert fault.shape is None
        await fault.get("a")
        fault.fail_until([Fault(Shape.REFUSE)], sim.clock.monotonic() + 1)
        with pytest.raises(Unavailable):
            await fault.get("a")
        await sim.clock.sleep(1)
        await fault.get("a")

    run(main)


def test_hanging_can_turn_into_another_shape() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.shape = Shape.HANG
        reading = sim.host("h").spawn(_outcome(fault.get("a")))
        await sim.clock.sleep(1)
        fault.shape = Shape.HALF_OPEN
        assert isinstance(await reading, Unavailable)

    run(main)


def test_a_slow_provider_does_everything_late() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.shape = Shape.SLOW
        for call in reads(fault) + writes(fault):
            began = sim.clock.monotonic()
            await call
            assert slow_s_min <= sim.clock.monotonic() - began <= slow_s_max

    run(main)


def test_a_stale_provider_shows_what_was_there_before() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.shape = Shape.STALE
        await fault.put("a", b"new")
        await fault.create("new", b"new")
        await fault.delete("b/c")
        assert await fault.get("a") == b"old content of a"
        assert await fault.get("a", (0, 3)) == b"old"
        assert (await fault.head("a")).size == len(b"old content of a")
        assert await fault.get("b/c") == b"c"
        for call in (fault.get("new"), fault.head("new")):
            with pytest.raises(NotFound):
                await call
        fault.shape = None
        assert await fault.get("a") == b"new"
        assert await fault.get("new") == b"new"

    run(main)


def test_a_corrupt_provider_returns_a_flipped_byte_in_every_get() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        content = bytes(1000)
        await memory.put("zeros", content)
        fault.shape = Shape.CORRUPT
        flipped = set()
        for _ in range(50):
            data = await fault.get("zeros")
            assert len(data) == 1000
            assert sum(1 for byte in data if byte) == 1
            flipped.add(data.index(0xFF))
        assert len(flipped) > 20
        assert await fault.get("zeros", (10, 11)) == b"\xff"
        assert await fault.get("zeros", (10, 10)) == b""

    run(main)


def test_a_truncating_provider_returns_less_than_there_is() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.shape = Shape.TRUNCATED
        for _ in range(50):
            data = await fault.get("a")
            assert len(data) < len(b"old content of a")
            assert b"old content of a".startswith(data)
        assert await fault.get("a", (0, 1)) == b""

    run(main)


def test_an_empty_provider_lists_nothing_and_has_everything() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.shape = Shape.EMPTY
        assert await names(fault) == []
        assert await fault.get("b/c") == b"c"
        await fault.put("new", b"x")
        fault.shape = None
        assert await names(fault) == ["a", "b/c", "new"]

    run(main)


def test_a_half_open_provider_reads_and_its_writes_hang() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.shape = Shape.HALF_OPEN
        for call in reads(fault):
            await call
        hanging = [sim.host("h").spawn(_outcome(call)) for call in writes(fault)]
        await sim.clock.sleep(100)
        assert not any(call.done() for call in hanging)
        fault.shape = None
        for call in hanging:
            assert isinstance(await call, Unavailable)
        assert await names(memory) == ["a", "b/c"]

    run(main)


async def _outcome(call: Awaitable[object]) -> object:
    try:
        return await call
    except ProviderError as error:
        return error


def test_a_share_of_the_calls_fails() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        fault.fail_until([Fault(Shape.REFUSE, share=0.2)], sim.clock.monotonic() + 60)
        outcomes = [await _outcome(fault.get("a")) for _ in range(1000)]
        failed = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
        assert 150 < len(failed) < 250

    run(main)


def test_only_reads_or_only_writes_fail_and_several_faults_hit_one_after_another() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        reads_fail, writes_fail = Fault(Shape.DENIED, writes=False), Fault(Shape.THROTTLE, reads=False)
        fault.fail_until([reads_fail], sim.clock.monotonic() + 60)
        await fault.put("new/1", b"x")
        assert isinstance(await _outcome(fault.head("a")), Denied)
        fault.fail_until([writes_fail], sim.clock.monotonic() + 60)
        await fault.get("a")
        assert isinstance(await _outcome(fault.put("new/2", b"x")), Unavailable)
        fault.fail_until([reads_fail, writes_fail], sim.clock.monotonic() + 60)
        assert isinstance(await _outcome(fault.get("a")), Denied)
        assert isinstance(await _outcome(fault.put("new/2", b"x")), Unavailable)
        await sim.clock.sleep(60)
        await fault.get("a")
        await fault.put("new/2", b"x")

    run(main)


def test_the_same_faults_again_only_move_their_end() -> None:
    async def main(sim: Simulation, memory: MemoryProvider, fault: FaultProvider) -> None:
        began = sim.clock.monotonic()
        fault.fail_until([Fault(Shape.HANG)], began + 10)
        hangs = sim.host("h").spawn(_outcome(fault.get("a")))
        await sim.clock.sleep(8)
        fault.fail_until([Fault(Shape.HANG)], began + 20)
        await sim.clock.sleep(11)
        assert not hangs.done()
        assert isinstance(await hangs, Unavailable)
        assert sim.clock.monotonic() == pytest.approx(began + 20)

    run(main)
