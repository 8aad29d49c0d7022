"""Deadlines, refusals while down or estranged, and how the guard finds out that it is over. Virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from outlast.base.clock import Clock, SystemClock
from outlast.base.entropy import SeededEntropy
from outlast.base.errors import Cause, Denied, Estranged, NotFound, ProviderError, Unavailable
from outlast.providers.claim import write_marker
from outlast.providers.health import Health
from outlast.providers.marker import MARKER_KEY, Marker, read_marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Data
from outlast.providers.wrap.fault import FaultProvider, Shape
from outlast.providers.wrap.guard import Guard, network_quiet_period_s
from outlast.testing.simulation import Simulation, simulate

marker = Marker(b"s" * 16, "p", b"i" * 16)


class StallingProvider(MemoryProvider):
    """One that does not attest, and whose calls all wait until a moment that can be set."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock, attests=False)
        self.clock = clock
        self.stalled_until = 0.0

    async def _turn(self) -> None:
        await self.clock.sleep(max(0.0, self.stalled_until - self.clock.monotonic()))


@dataclass
class Scene:
    """A guarded provider with its marker and one object, and the watch running."""

    sim: Simulation
    memory: StallingProvider
    fault: FaultProvider
    guard: Guard

    async def wait(self, state: str, at_most_s: float) -> float:
        """Until the guard's health is in `state`; how long that took."""
        began = self.sim.clock.monotonic()
        while self.guard.health.state != state:
            await self.sim.clock.sleep(0.01)
            took = self.sim.clock.monotonic() - began
            assert took <= at_most_s, f"still {self.guard.health.state}: {self.guard.health.findings()}"
        return self.sim.clock.monotonic() - began

    async def load(self) -> None:
        """Requests of a kind that give up soon, as the store's do. Cancelled when the test ends."""
        while True:
            for call in (lambda: self.guard.get("a", (0, 1)), lambda: self.guard.put("b", b"x")):
                try:
                    async with asyncio.timeout(0.05):
                        await call()
                except (TimeoutError, ProviderError):
                    pass  # the next may fare better
            await self.sim.clock.sleep(0.02)


def run(main: Callable[[Scene], Awaitable[None]], watch: bool = True) -> None:
    async def begin(sim: Simulation) -> None:
        memory = StallingProvider("p", sim.clock)
        await write_marker(memory, marker)
        await memory.put("a", b"content")
        fault = FaultProvider(memory, sim.clock, sim.entropy)
        guard = Guard(fault, Health("p", sim.clock, sim.entropy), sim.clock, marker)
        if watch:
            sim.host("h").spawn(guard.watch())
            await sim.clock.sleep(0.1)
        await main(Scene(sim, memory, fault, guard))

    simulate(1, begin)


# ---------------------------------------------------------------- deadlines


def test_a_small_call_that_hangs_fails_at_its_deadline() -> None:
    async def main(scene: Scene) -> None:
        scene.fault.shape = Shape.HANG
        for call in (scene.guard.head("a"), scene.guard.get("a", (0, 10)), scene.guard.put("b", b"x")):
            scene.guard.health.report_probe()
            began = scene.sim.clock.monotonic()
            with pytest.raises(Unavailable) as raised:
                await call
            assert raised.value.cause is Cause.TIMEOUT
            assert scene.sim.clock.monotonic() - began == pytest.approx(5, abs=0.1)

    run(main, watch=False)


def test_a_large_call_has_time_for_its_bytes() -> None:
    async def main(scene: Scene) -> None:
        scene.fault.shape = Shape.HANG
        for call in (
            scene.guard.get("a", (0, 20 << 20)),
            scene.guard.put("b", [bytes(16 << 20), bytes(4 << 20)]),
        ):
            scene.guard.health.report_probe()
            began = scene.sim.clock.monotonic()
            with pytest.raises(Unavailable):
                await call
            assert scene.sim.clock.monotonic() - began == pytest.approx(25, abs=0.1)

    run(main, watch=False)


def test_a_slow_provider_is_given_more_time_and_is_not_down() -> None:
    """Large calls time out three at a time, beside small ones that are answered."""

    async def main(scene: Scene) -> None:
        large, quick = bytes(8 << 20), scene.memory.put

        async def put(key: str, data: Data, under: Marker | None = None) -> None:
            await scene.sim.clock.sleep(0.1 if len(data) < 100 else 100)
            await quick(key, data, under)

        scene.memory.put = put  # type: ignore[method-assign]
        sending_s = []
        for _ in range(5):
            began = scene.sim.clock.monotonic()
            outcomes = await asyncio.gather(
                *(scene.guard.put(f"{number}", large) for number in range(3)), return_exceptions=True
            )
            assert scene.guard.health.available
            sending_s.append(scene.sim.clock.monotonic() - began)
        assert sending_s == pytest.approx([13, 26, 52, 100, 100], abs=0.1)
        assert outcomes == [None] * 3
        assert scene.guard.health.findings().failures == {}

    run(main)


def test_a_provider_that_answers_nothing_gets_no_more_time() -> None:
    async def main(scene: Scene) -> None:
        scene.fault.shape = Shape.HANG
        for _ in range(2):
            scene.guard.health.report_probe()
            began = scene.sim.clock.monotonic()
            with pytest.raises(Unavailable):
                await scene.guard.put("b", bytes(4 << 20))
            assert scene.sim.clock.monotonic() - began == pytest.approx(9, abs=0.1)
            assert not scene.guard.health.available

    run(main, watch=False)


def test_a_listing_that_hangs_in_the_middle_fails() -> None:
    async def main(scene: Scene) -> None:
        seen = []
        with pytest.raises(Unavailable):
            async for entry in scene.guard.list(""):
                seen.append(entry.key)
                scene.fault.shape = Shape.HANG
        assert seen == [MARKER_KEY]

    run(main, watch=False)


def test_a_caller_that_cancels_is_cancelled_and_the_provider_not_blamed() -> None:
    async def main(scene: Scene) -> None:
        scene.fault.shape = Shape.HANG
        for _ in range(10):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await scene.guard.head("a")
        assert scene.guard.health.available
        assert scene.guard.health.findings().failures == {}

    run(main, watch=False)


def test_a_bug_is_not_taken_for_a_failure_of_the_provider() -> None:
    async def main(scene: Scene) -> None:
        for _ in range(5):
            with pytest.raises(ValueError):
                await scene.guard.get("no//name")
        assert scene.guard.health.findings().failures == {}

    run(main, watch=False)


# ---------------------------------------------------------------- down


@pytest.mark.parametrize("shape", [Shape.REFUSE, Shape.ERR, Shape.THROTTLE, Shape.DENIED])
def test_a_provider_that_fails_is_left_alone_after_three_calls_and_taken_back_when_it_is_well(
    shape: Shape,
) -> None:
    async def main(scene: Scene) -> None:
        scene.fault.shape = shape
        for _ in range(3):
            with pytest.raises(ProviderError) as raised:
                await scene.guard.get("a")
            assert raised.value.cause is not Cause.BREAKER
        with pytest.raises(Unavailable) as raised:
            await scene.guard.get("a")
        assert raised.value.cause is Cause.BREAKER
        await scene.sim.clock.sleep(60)
        assert scene.guard.health.state == "down"
        scene.fault.shape = None
        await scene.wait("healthy", at_most_s=5.1)
        assert await scene.guard.get("a") == b"content"

    run(main)


@pytest.mark.parametrize("shape", [Shape.HANG, Shape.HALF_OPEN])
def test_a_hanging_provider_is_found_out_soon_though_no_request_waits_for_its_deadline(shape: Shape) -> None:
    async def main(scene: Scene) -> None:
        scene.sim.host("h").spawn(scene.load())
        await scene.sim.clock.sleep(30)
        assert scene.guard.health.findings().opened == 0
        scene.fault.shape = shape
        await scene.wait("down", at_most_s=4)
        await scene.sim.clock.sleep(30)
        assert scene.guard.health.state == "down"
        scene.fault.shape = None
        await scene.wait("healthy", at_most_s=10.1)

    run(main)


def test_a_provider_that_comes_back_read_only_is_taken_back_for_its_reads() -> None:
    async def refused(key: str, data: Data, under: Marker | None = None) -> None:
        raise Denied("p", "put", "read-only file system")

    async def main(scene: Scene) -> None:
        scene.fault.shape = Shape.REFUSE
        for _ in range(3):
            with pytest.raises(Unavailable):
                await scene.guard.get("a")
        assert scene.guard.health.state == "down"
        scene.memory.put = refused
        scene.fault.shape = None
        await scene.wait("healthy", 10)
        assert await scene.guard.get("a") == b"content"

    run(main)


def test_a_hanging_provider_is_found_out_when_nobody_asks_it() -> None:
    async def main(scene: Scene) -> None:
        scene.fault.shape = Shape.HANG
        await scene.wait("down", at_most_s=7.1)

    run(main)


@pytest.mark.parametrize("verb", ["get", "put"])
def test_a_hanging_provider_is_found_out_though_no_further_call_begins(verb: str) -> None:
    async def main(scene: Scene) -> None:
        await scene.guard.get("a")
        scene.fault.shape = Shape.HANG
        calls: list[Awaitable[object]] = [
            scene.guard.get("a") if verb == "get" else scene.guard.put("b", b"x") for _ in range(20)
        ]
        waiting = asyncio.gather(*calls, return_exceptions=True)
        assert 2 < await scene.wait("down", 3) < 3
        assert not waiting.done()
        await waiting

    run(main)


def test_a_silent_provider_is_not_questioned_when_no_call_waits_for_it() -> None:
    async def main(scene: Scene) -> None:
        probed = 0

        async def put(key: str, data: Data, under: object = None) -> None:
            nonlocal probed
            probed += 1

        scene.fault.put = put  # type: ignore[method-assign]  # probes begin with a put
        scene.fault.shape = Shape.HANG
        for waits_s, probes in ((0.1, 0), (1.0, 1)):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(waits_s):
                    await scene.guard.get("a")
            await scene.sim.clock.sleep(1.0)
            assert probed == probes

    run(main)


def test_a_provider_that_stalls_for_a_moment_is_not_taken_for_down() -> None:
    """As a disk does whose journal is being written: nothing for a second, then everything."""

    async def main(scene: Scene) -> None:
        scene.sim.host("h").spawn(scene.load())
        for _ in range(10):
            await scene.sim.clock.sleep(5)
            scene.memory.stalled_until = scene.sim.clock.monotonic() + 1.5
        assert scene.guard.health.findings().opened == 0

    run(main)


def test_a_provider_that_is_only_outpaced_is_not_taken_for_down() -> None:
    """A hedged read's loser is cancelled each time: no answer ever, and yet it is well."""

    async def main(scene: Scene) -> None:
        for _ in range(500):
            call = asyncio.ensure_future(scene.guard.get("a", (0, 1)))
            await scene.sim.clock.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await scene.sim.clock.sleep(0.02)
        assert scene.guard.health.findings().opened == 0

    run(main)


def test_a_provider_that_damages_reads_stays_down_while_it_does() -> None:
    async def main(scene: Scene) -> None:
        scene.fault.shape = Shape.CORRUPT
        for _ in range(3):
            scene.guard.health.report_corrupt()
        await scene.sim.clock.sleep(30)
        assert scene.guard.health.state == "down"
        assert "corrupt" in scene.guard.health.findings().why
        scene.fault.shape = None
        await scene.wait("healthy", at_most_s=5.1)

    run(main)


def test_a_probe_compares_what_it_reads_with_what_it_wrote() -> None:
    """Also where no marker is read first that would show the damage."""

    async def begin(sim: Simulation) -> None:
        fault = FaultProvider(MemoryProvider("p", sim.clock), sim.clock, sim.entropy)
        guard = Guard(fault, Health("p", sim.clock, sim.entropy), sim.clock)
        sim.host("h").spawn(guard.watch())
        fault.shape = Shape.CORRUPT
        for _ in range(3):
            guard.health.report_corrupt()
        await sim.clock.sleep(30)
        assert guard.health.state == "down"
        assert "differ from those written" in guard.health.findings().why
        fault.shape = Shape.STALE
        await sim.clock.sleep(30)
        assert guard.health.state == "down"
        assert "just written is missing" in guard.health.findings().why

    simulate(1, begin)


def test_probes_leave_nothing_behind() -> None:
    async def main(scene: Scene) -> None:
        scene.fault.shape = Shape.REFUSE
        for _ in range(3):
            with pytest.raises(Unavailable):
                await scene.guard.get("a")
        scene.fault.shape = None
        await scene.wait("healthy", at_most_s=5)
        assert [entry.key async for entry in scene.memory.list("")] == [MARKER_KEY, "a"]

    run(main)


# ---------------------------------------------------------------- estranged


def test_an_erased_provider_is_estranged_soon_after_something_was_not_found() -> None:
    async def main(scene: Scene) -> None:
        await scene.sim.clock.sleep(3)
        scene.memory.wipe()
        with pytest.raises(NotFound):
            await scene.guard.get("a")
        await scene.wait("estranged", at_most_s=0.1)
        with pytest.raises(Estranged):
            await scene.guard.get("a")
        assert (
            await scene.guard.inner.get("a", (0, 0)) if False else await read_marker(scene.guard.inner)
        ) is None

    run(main)


def test_an_erased_provider_is_estranged_within_seconds_when_nobody_asks_it() -> None:
    async def main(scene: Scene) -> None:
        scene.memory.wipe()
        await scene.wait("estranged", at_most_s=5.1)

    run(main)


@pytest.mark.parametrize("change", ["store", "provider", "incarnation"])
def test_another_marker_estranges(change: str) -> None:
    async def main(scene: Scene) -> None:
        fields = {"store": b"s" * 16, "provider": "p", "incarnation": b"i" * 16}
        fields[change] = "q" if change == "provider" else b"x" * 16
        await scene.memory.put(MARKER_KEY, Marker(**fields).encode())  # type: ignore[arg-type]  # by name
        await scene.wait("estranged", at_most_s=5.1)
        await scene.memory.put(MARKER_KEY, marker.encode())
        await scene.wait("healthy", at_most_s=1.1)

    run(main)


def test_a_provider_that_comes_back_empty_is_never_used_in_between() -> None:
    async def main(scene: Scene) -> None:
        scene.fault.shape = Shape.REFUSE
        for _ in range(3):
            with pytest.raises(Unavailable):
                await scene.guard.get("a")
        scene.memory.wipe()
        scene.fault.shape = None
        seen = set()
        for _ in range(1000):
            await scene.sim.clock.sleep(0.01)
            seen.add(scene.guard.health.state)
        assert seen == {"down", "estranged"}

    run(main)


def test_a_reattached_provider_is_taken_back_at_once() -> None:
    async def main(scene: Scene) -> None:
        scene.memory.wipe()
        await scene.wait("estranged", at_most_s=5.1)
        await write_marker(scene.guard.inner, Marker(b"s" * 16, "p", b"j" * 16))
        await scene.sim.clock.sleep(10)
        assert scene.guard.health.state == "estranged", "until the catalog says so"
        scene.guard.expect(b"j" * 16)
        await scene.wait("healthy", at_most_s=0.1)

    run(main)


def test_a_damaged_marker_is_a_failure_and_no_estrangement() -> None:
    async def main(scene: Scene) -> None:
        scene.fault.shape = Shape.CORRUPT
        for _ in range(3000):
            await scene.sim.clock.sleep(0.01)
            assert scene.guard.health.state != "estranged"
        assert scene.guard.health.state == "down"

    run(main)


def test_check_reads_the_marker_now() -> None:
    async def main(scene: Scene) -> None:
        assert await scene.guard.check() is None
        assert scene.guard.health.available
        scene.memory.wipe()
        assert await scene.guard.check() is None
        assert scene.guard.health.state == "estranged"
        scene.fault.shape = Shape.REFUSE
        assert isinstance(await scene.guard.check(), Unavailable)

    run(main, watch=False)


def test_without_a_marker_to_expect_none_is_read() -> None:
    async def begin(sim: Simulation) -> None:
        memory = MemoryProvider("p", sim.clock)
        guard = Guard(memory, Health("p", sim.clock, sim.entropy), sim.clock)
        sim.host("h").spawn(guard.watch())
        await sim.clock.sleep(60)
        assert guard.health.available
        assert guard.health.findings().calls == 0

    simulate(1, begin)


# ---------------------------------------------------------------- what it costs and notes


def test_a_healthy_provider_is_asked_for_its_marker_every_few_seconds_only() -> None:
    async def main(scene: Scene) -> None:
        before = scene.guard.health.findings().calls
        await scene.sim.clock.sleep(60)
        assert 10 <= scene.guard.health.findings().calls - before <= 14

    run(main)


def test_many_not_founds_lead_to_one_look_at_the_marker_a_second() -> None:
    async def main(scene: Scene) -> None:
        calls = 0
        before = scene.guard.health.findings().calls
        for _ in range(1000):
            with pytest.raises(NotFound):
                await scene.guard.get("missing")
            calls += 1
            await scene.sim.clock.sleep(0.01)
        assert scene.guard.health.findings().calls - before - calls <= 12

    run(main)


def test_what_calls_took_is_expected_by_their_size() -> None:
    async def main(scene: Scene) -> None:
        scene.fault.shape = Shape.SLOW
        for _ in range(10):
            await scene.guard.put("b", bytes(2 << 20))
        scene.fault.shape = None
        for _ in range(10):
            await scene.guard.put("b", b"x")
        assert scene.guard.health.durations.expected_s("put", 2 << 20) > 0.5
        assert scene.guard.health.durations.expected_s("put", 1) < 0.1

    run(main, watch=False)


async def test_a_guarded_call_of_a_healthy_provider_costs_microseconds() -> None:
    """Measured at 6 us; the bound leaves room for a busy machine and still notices a task for each call."""

    class Instant(MemoryProvider):
        async def get(
            self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None
        ) -> bytes:
            return answer

        async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
            return None

    answer = b"x"
    clock = SystemClock()
    guard = Guard(Instant("p"), Health("p", clock, SeededEntropy(1)), clock)
    best = float("inf")
    for _ in range(20):
        began = clock.monotonic()
        for _ in range(100):
            await guard.get("a", (0, 1))
        best = min(best, (clock.monotonic() - began) / 100)
        await asyncio.sleep(0)
    assert best < 40e-6


# ---------------------------------------------------------------- where requests cost money


def run_quiet(main: Callable[[Scene], Awaitable[None]]) -> None:
    async def begin(sim: Simulation) -> None:
        memory = StallingProvider("p", sim.clock)
        await write_marker(memory, marker)
        await memory.put("a", b"content")
        fault = FaultProvider(memory, sim.clock, sim.entropy)
        guard = Guard(fault, Health("p", sim.clock, sim.entropy), sim.clock, marker, network_quiet_period_s)
        sim.host("h").spawn(guard.watch())
        await sim.clock.sleep(0.1)
        await main(Scene(sim, memory, fault, guard))

    simulate(1, begin)


def test_an_idle_guard_of_a_network_provider_asks_twelve_times_an_hour() -> None:
    async def main(scene: Scene) -> None:
        calls = scene.guard.health.findings().calls
        await scene.sim.clock.sleep(3600)
        assert scene.guard.health.findings().calls - calls == 12

    run_quiet(main)


def test_the_first_call_after_a_pause_has_the_marker_read_at_once() -> None:
    async def main(scene: Scene) -> None:
        await scene.sim.clock.sleep(100)
        await scene.memory.delete(MARKER_KEY)
        await scene.guard.put("b", b"x")
        await scene.wait("estranged", at_most_s=0.1)

    run_quiet(main)


def test_a_provider_that_stays_estranged_is_asked_less_and_less_and_taken_back_all_the_same() -> None:
    async def main(scene: Scene) -> None:
        await scene.memory.delete(MARKER_KEY)
        await scene.sim.clock.sleep(100)
        await scene.guard.put("b", b"x")
        await scene.wait("estranged", at_most_s=0.1)
        calls = scene.guard.health.findings().calls
        await scene.sim.clock.sleep(3600)
        assert 50 <= scene.guard.health.findings().calls - calls <= 100
        await write_marker(scene.memory, marker)
        await scene.wait("healthy", at_most_s=60)

    run_quiet(main)


def test_a_provider_far_away_is_not_taken_for_one_that_hangs() -> None:
    """Eight hundred milliseconds a call, and three calls a probe."""

    async def main(scene: Scene) -> None:
        async def be_far() -> None:
            await scene.sim.clock.sleep(0.8)

        scene.memory._turn = be_far
        under_way: list[asyncio.Future[object]] = []
        for _ in range(60):
            under_way.append(asyncio.ensure_future(scene.guard.get("a")))
            under_way.append(asyncio.ensure_future(scene.guard.put("b", b"x")))
            await scene.sim.clock.sleep(0.1)
        await asyncio.gather(*under_way)
        assert scene.guard.health.findings().opened == 0

    run_quiet(main)
