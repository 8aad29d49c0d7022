"""What is done at a place counts only while its marker is there. Virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from outlast.base.errors import Cause, Estranged, NotFound, ProviderError, Unavailable
from outlast.providers.health import Health
from outlast.providers.marker import MARKER_KEY, Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.wrap.attest import Attest, late_s, read_s_max, reads_max
from outlast.providers.wrap.guard import Guard
from outlast.providers.wrap.wrapper import Call, Perform, T, Wrapper
from outlast.testing.simulation import Simulation, simulate

marker = Marker(b"s" * 16, "p", b"i" * 16)
ROUND_TRIP_S = 0.1


class Far(Wrapper):
    """Every call is done on its arrival, half a round trip after it began. `reads` are begun marker reads."""

    def __init__(self, inner: MemoryProvider, sim: Simulation) -> None:
        super().__init__(inner)
        self.sim = sim
        self.reads = 0
        self.lost = 0
        """So many of the next calls are never answered."""
        self.failures: list[ProviderError] = []

    async def around(self, call: Call, perform: Perform[T]) -> T:
        self.reads += call.key == MARKER_KEY and call.verb == "get"
        if self.lost:
            self.lost -= 1
            await asyncio.Event().wait()
        await self.sim.clock.sleep(ROUND_TRIP_S / 2)
        if self.failures:
            raise self.failures.pop(0)
        try:
            return await perform()
        finally:
            await self.sim.clock.sleep(ROUND_TRIP_S / 2)


@dataclass
class Scene:
    sim: Simulation
    memory: MemoryProvider
    far: Far
    attest: Attest

    @property
    def now(self) -> float:
        return self.sim.clock.monotonic()

    async def erase(self) -> None:
        self.memory.wipe()


def run(main: Callable[[Scene], Awaitable[None]], attests: bool = False) -> None:
    async def begin(sim: Simulation) -> None:
        memory = MemoryProvider("p", sim.clock, attests)
        await memory.put(MARKER_KEY, marker.encode())
        far = Far(memory, sim)
        await main(Scene(sim, memory, far, Attest(far, marker, sim.clock)))

    simulate(1, begin)


# ---------------------------------------------------------------- the marker is read


def test_a_place_is_ours_at_a_moment_if_a_read_that_began_then_says_so() -> None:
    async def main(scene: Scene) -> None:
        began = scene.now
        await scene.attest.attest()
        assert scene.attest.attested_at == began
        assert scene.now - began == pytest.approx(ROUND_TRIP_S)
        await scene.attest.attest(began)  # known by now
        assert scene.far.reads == 1
        await scene.attest.attest()
        assert scene.far.reads == 2

    run(main)


def test_all_who_ask_at_one_moment_share_one_read() -> None:
    async def main(scene: Scene) -> None:
        await asyncio.gather(*(scene.attest.attest() for _ in range(50)))
        assert scene.far.reads == 1

    run(main)


def test_who_asks_while_a_read_is_under_way_has_another_one_begun() -> None:
    """The one under way may have been answered before the moment that is asked about."""

    async def main(scene: Scene) -> None:
        first = asyncio.ensure_future(scene.attest.attest())
        await scene.sim.clock.sleep(ROUND_TRIP_S * 0.8)  # answered, and on the way back
        scene.memory.wipe()
        later = [asyncio.ensure_future(scene.attest.attest()) for _ in range(10)]
        await first
        for attest in later:
            with pytest.raises(Estranged):
                await attest
        assert scene.far.reads == 2

    run(main)


def test_few_reads_are_under_way_however_many_ask() -> None:
    async def main(scene: Scene) -> None:
        async def ask(number: int) -> float:
            await scene.sim.clock.sleep(0.001 * number)
            began = scene.now
            await scene.attest.attest()
            return scene.now - began

        took = await asyncio.gather(*(ask(number) for number in range(500)))
        assert max(took) <= 2 * ROUND_TRIP_S
        assert scene.far.reads <= (0.5 / ROUND_TRIP_S + 2) * reads_max

    run(main)


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"damaged",
        replace(marker, store=bytes(16)).encode(),
        replace(marker, provider="q").encode(),
        replace(marker, incarnation=bytes(16)).encode(),
    ],
)
def test_another_marker_or_none_is_estranged(content: bytes | None) -> None:
    async def main(scene: Scene) -> None:
        scene.memory.wipe()
        if content is not None:
            await scene.memory.put(MARKER_KEY, content)
        for _ in range(2):
            with pytest.raises(Estranged):
                await scene.attest.attest()
        assert scene.attest.attested_at < 0

    run(main)


def test_a_marker_that_is_damaged_on_the_way_is_no_estrangement() -> None:
    class Noisy(MemoryProvider):
        count = 0

        async def get(
            self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None
        ) -> bytes:
            self.count += 1
            return b"noise %d" % self.count

    async def main(scene: Scene) -> None:
        attest = Attest(Noisy("p", attests=False), marker, scene.sim.clock)
        with pytest.raises(Unavailable) as raised:
            await attest.attest()
        assert raised.value.cause is Cause.CORRUPT

    run(main)


def test_a_failure_is_raised_to_those_whose_read_it_was_and_to_nobody_else() -> None:
    async def main(scene: Scene) -> None:
        scene.far.failures = [Unavailable("p", "get", "", Cause.RESET)]
        first = [asyncio.ensure_future(scene.attest.attest()) for _ in range(2)]
        await scene.sim.clock.sleep(ROUND_TRIP_S / 4)
        later = asyncio.ensure_future(scene.attest.attest())
        for attest in first:
            with pytest.raises(Unavailable):
                await attest
        await later

    run(main)


def test_reads_that_are_late_hold_up_nobody() -> None:
    async def main(scene: Scene) -> None:
        await scene.attest.attest()
        scene.far.lost = reads_max
        began = scene.now
        lost = []
        for _ in range(reads_max):
            lost.append(asyncio.ensure_future(scene.attest.attest()))
            await scene.sim.clock.sleep(0.01)
        await scene.attest.attest()
        assert scene.now - began == pytest.approx(late_s + ROUND_TRIP_S)
        await asyncio.gather(*lost)  # the later read answers their question, too
        await scene.sim.clock.sleep(0)
        assert scene.attest._reads == {}

    run(main)


def test_a_place_that_never_answers_fails_in_bounded_time_and_with_bounded_reads() -> None:
    async def main(scene: Scene) -> None:
        scene.far.lost = 1_000_000
        began = scene.now

        async def ask(number: int) -> None:
            await scene.sim.clock.sleep(number * 0.02)
            with pytest.raises(Unavailable) as raised:
                await scene.attest.attest()
            assert raised.value.cause is Cause.TIMEOUT

        asking = asyncio.gather(*(ask(number) for number in range(100)))
        most = 0
        while not asking.done():
            most = max(most, len(scene.attest._reads))
            await scene.sim.clock.sleep(0.05)
        await asking
        assert scene.now - began < 2 + late_s + read_s_max + 0.1
        assert most <= reads_max * (read_s_max / late_s + 1)

    run(main)


def test_one_who_gives_up_takes_the_read_from_nobody() -> None:
    async def main(scene: Scene) -> None:
        impatient = asyncio.ensure_future(scene.attest.attest())
        patient = asyncio.ensure_future(scene.attest.attest())
        await scene.sim.clock.sleep(ROUND_TRIP_S / 4)
        impatient.cancel()
        await patient
        assert scene.far.reads == 1

    run(main)


def test_who_waits_while_the_provider_is_taken_back_is_refused() -> None:
    """What was done before proves nothing about what the provider holds since."""

    async def main(scene: Scene) -> None:
        waiting = asyncio.ensure_future(scene.attest.attest())
        await scene.sim.clock.sleep(ROUND_TRIP_S / 4)
        await scene.memory.put(MARKER_KEY, replace(marker, incarnation=b"j" * 16).encode())
        scene.attest.expect(b"j" * 16)
        with pytest.raises(Estranged):
            await waiting
        assert scene.attest.incarnation == b"j" * 16
        await scene.attest.attest()
        known = scene.attest.attested_at
        scene.attest.expect(b"j" * 16)
        assert scene.attest.attested_at == known, "the same once more changes nothing"
        scene.attest.expect(b"k" * 16)
        assert scene.attest.attested_at < 0

    run(main)


def test_a_closed_one_has_no_read_under_way() -> None:
    async def main(scene: Scene) -> None:
        waiting = asyncio.ensure_future(scene.attest.attest())
        await scene.sim.clock.sleep(ROUND_TRIP_S / 4)
        await scene.attest.close()
        with pytest.raises(Unavailable):
            await waiting

    run(main)


# ---------------------------------------------------------------- the provider attests


def test_where_the_provider_attests_each_call_is_done_under_the_marker() -> None:
    async def main(scene: Scene) -> None:
        began = scene.now
        await scene.attest.put("a", b"x")
        assert scene.attest.attested_at == began
        scene.memory.wipe()
        for call in (scene.attest.get("a"), scene.attest.put("a", b""), scene.attest.create("a", b"")):
            with pytest.raises(Estranged):
                await call
        assert scene.far.reads == 0

    run(main, attests=True)


def test_an_answer_that_there_is_nothing_attests_as_well() -> None:
    async def main(scene: Scene) -> None:
        with pytest.raises(NotFound):
            await scene.attest.get("a")
        assert scene.attest.attested_at == 0
        await scene.attest.attest(0)
        assert scene.far.reads == 0

    run(main, attests=True)


def test_an_erasure_between_the_deed_and_its_end_is_noticed() -> None:
    async def main(scene: Scene) -> None:
        class Erased(MemoryProvider):
            async def _turn(self) -> None:
                await scene.sim.clock.sleep(0.1)

        memory = Erased("p", scene.sim.clock)
        await memory.put(MARKER_KEY, marker.encode())
        attest = Attest(memory, marker, scene.sim.clock)
        writing = asyncio.ensure_future(attest.create("a", b"x"))
        await scene.sim.clock.sleep(0.15)
        assert "a" in memory._objects
        memory.wipe()
        with pytest.raises(Estranged):
            await writing

    run(main)


# ---------------------------------------------------------------- through a guard


def test_an_operation_that_finds_the_place_estranged_tells_health_at_once() -> None:
    async def main(scene: Scene) -> None:
        clock = scene.sim.clock
        guard = Guard(scene.far, Health("p", clock, scene.sim.entropy), clock, marker)
        await guard.put("a", b"x")
        scene.memory.wipe()
        with pytest.raises(Estranged):
            await guard.get("a")
        assert guard.health.state == "estranged"
        asked = scene.far.reads
        for call in (guard.get("a"), guard.attest()):
            with pytest.raises(Estranged):
                await call
        assert scene.far.reads == asked, "an estranged provider is not asked"
        await guard.check()
        assert [trouble.kind for trouble in guard.troubles()] == ["emptied"]

    run(main, attests=True)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "damaged-marker"),
        (b"damaged", "damaged-marker"),
        (marker.encode()[:-9], "damaged-marker"),
        (replace(marker, incarnation=bytes(16)).encode(), "old-copy"),
    ],
)
@pytest.mark.parametrize("attests", [True, False])
def test_a_guard_names_what_is_wrong_with_the_marker(content: bytes, kind: str, attests: bool) -> None:
    async def main(scene: Scene) -> None:
        clock = scene.sim.clock
        guard = Guard(scene.far, Health("p", clock, scene.sim.entropy), clock, marker)
        await guard.attest()
        assert guard.health.state == "healthy"
        await scene.memory.put(MARKER_KEY, content)
        with pytest.raises(Estranged):
            await guard.attest()
        assert guard.health.state == "estranged"
        assert [trouble.kind for trouble in guard.troubles()] == [kind]
        await scene.memory.put(MARKER_KEY, marker.encode())
        await guard.check()
        assert guard.health.state == "healthy"
        assert guard.troubles() == ()

    run(main, attests)


def test_one_failed_read_of_the_marker_is_one_failure_whoever_waited_for_it() -> None:
    async def main(scene: Scene) -> None:
        clock = scene.sim.clock
        guard = Guard(scene.far, Health("p", clock, scene.sim.entropy), clock, marker)
        scene.far.failures = [Unavailable("p", "get", "", Cause.RESET)]
        outcomes = await asyncio.gather(*(guard.attest() for _ in range(10)), return_exceptions=True)
        assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
        assert guard.health.available
        assert guard.health.findings().failures == {Cause.RESET: 1}

    run(main)


def test_a_probe_of_a_place_that_is_not_ours_leaves_nothing_there() -> None:
    async def main(scene: Scene) -> None:
        clock = scene.sim.clock
        guard = Guard(scene.far, Health("p", clock, scene.sim.entropy), clock, marker)
        scene.memory.wipe()
        assert await guard._question(deadline_s=2.0) is None
        assert guard.health.state == "estranged"
        assert [entry async for entry in scene.memory.list("")] == []

    run(main, attests=True)
