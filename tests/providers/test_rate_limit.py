"""A provider is asked no faster than it bears."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from outlast.base.clock import Clock
from outlast.base.errors import Cause, Unavailable
from outlast.providers.marker import Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Stat
from outlast.providers.wrap.rate_limit import RateLimit, idle_rate_min, rate_min
from outlast.testing.simulation import Simulation, simulate


class Weak(MemoryProvider):
    """Answers so many requests a second, and 429 to those beyond."""

    def __init__(self, clock: Clock, rate: float) -> None:
        super().__init__("p")
        self.rate = rate
        self.refused = 0
        self.answered = 0
        self._now = clock.monotonic
        self._credit, self._at = rate, 0.0

    async def head(self, key: str) -> Stat:
        now = self._now()
        self._credit = min(self.rate, self._credit + (now - self._at) * self.rate)
        self._at = now
        if self._credit < 1:
            self.refused += 1
            raise Unavailable("p", "head", "429", Cause.THROTTLED)
        self._credit -= 1
        self.answered += 1
        return Stat(0)

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        raise Unavailable("p", "get", "503", Cause.THROTTLED)


def run(main: Callable[[Simulation], Awaitable[None]]) -> None:
    simulate(1, main)


def test_without_a_complaint_nothing_waits() -> None:
    async def main(sim: Simulation) -> None:
        limit = RateLimit(MemoryProvider("p"), sim.clock)
        for number in range(1000):
            await limit.put(f"a{number % 3}", b"")
        assert sim.clock.monotonic() == 0
        assert limit.rate is None

    run(main)


def test_under_steady_pressure_few_requests_are_refused_and_most_of_what_it_bears_is_used() -> None:
    async def main(sim: Simulation) -> None:
        weak = Weak(sim.clock, 100)
        limit = RateLimit(weak, sim.clock)

        async def client() -> None:
            while sim.clock.monotonic() < 60:
                try:
                    await limit.head("a")
                except Unavailable:
                    await sim.clock.sleep(0.1)

        await asyncio.gather(*(client() for _ in range(20)))
        assert weak.answered > 60 * 100 * 0.6
        assert weak.refused < weak.answered * 0.08

    run(main)


def test_a_limit_is_forgotten_when_the_provider_bears_all_again() -> None:
    async def main(sim: Simulation) -> None:
        weak = Weak(sim.clock, 1e9)
        limit = RateLimit(weak, sim.clock)
        with pytest.raises(Unavailable):
            await limit.get("a")
        assert limit.rate is not None
        limit.rate = 4990.0

        async def client() -> None:
            while limit.rate is not None:
                await limit.head("a")

        await asyncio.gather(*(client() for _ in range(50)))
        assert sim.clock.monotonic() < 10

    run(main)


def test_complaints_of_one_moment_are_one() -> None:
    async def main(sim: Simulation) -> None:
        limit = RateLimit(Weak(sim.clock, 1), sim.clock)
        await asyncio.gather(*(limit.get("a") for _ in range(30)), return_exceptions=True)
        assert limit.rate is not None
        assert limit.rate > rate_min

    run(main)


@pytest.mark.parametrize("requests", [1, 5, 200])
def test_a_complaint_after_a_quiet_period_is_not_taken_for_a_limit_of_one_a_second(requests: int) -> None:
    async def main(sim: Simulation) -> None:
        limit = RateLimit(Weak(sim.clock, 1e9), sim.clock)
        for _ in range(requests):
            await limit.head("a")
        for rate in (None, 50.0):
            await sim.clock.sleep(3600)
            limit.rate = rate
            with pytest.raises(Unavailable):
                await limit.get("a")
            assert limit.rate == idle_rate_min

    run(main)


def test_a_complaint_while_much_is_asked_halves_the_rate_however_quiet_it_was_before() -> None:
    async def main(sim: Simulation) -> None:
        limit = RateLimit(Weak(sim.clock, 1e9), sim.clock)
        await limit.head("a")
        await sim.clock.sleep(3600)
        for _ in range(400):
            await limit.head("a")
            await sim.clock.sleep(0.005)
        with pytest.raises(Unavailable):
            await limit.get("a")
        assert limit.rate == pytest.approx(100, rel=0.05)

    run(main)


def test_complaints_go_on_halving_while_the_limit_holds_requests_back_and_never_raise_it() -> None:
    async def main(sim: Simulation) -> None:
        limit = RateLimit(Weak(sim.clock, 1), sim.clock)
        limit.rate = 8.0
        rates = []
        for _ in range(6):
            await asyncio.gather(*(limit.get("a") for _ in range(12)), return_exceptions=True)
            rates.append(limit.rate)
        assert rates == sorted(rates, reverse=True)
        assert rates[-1] == rate_min
        await sim.clock.sleep(3600)
        with pytest.raises(Unavailable):
            await limit.get("a")
        assert limit.rate == rate_min

    run(main)


def test_who_gives_up_gives_back_its_place() -> None:
    async def main(sim: Simulation) -> None:
        limit = RateLimit(MemoryProvider("p"), sim.clock)
        limit.rate = 10.0
        await limit.delete("a")
        waiting = [asyncio.ensure_future(limit.delete("a")) for _ in range(30)]
        await sim.clock.sleep(0)
        for call in waiting:
            call.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        began = sim.clock.monotonic()
        await limit.delete("a")
        assert sim.clock.monotonic() - began <= 0.1 + 1e-9

    run(main)


def test_who_would_wait_too_long_is_told_at_once() -> None:
    async def main(sim: Simulation) -> None:
        limit = RateLimit(MemoryProvider("p"), sim.clock)
        limit.rate = rate_min
        calls = [asyncio.ensure_future(limit.delete(f"a{number}")) for number in range(10)]
        await sim.clock.sleep(0)
        failed = [call for call in calls if call.done() and call.exception()]
        assert len(failed) == 5
        error = failed[0].exception()
        assert isinstance(error, Unavailable)
        assert error.cause is Cause.THROTTLED
        await asyncio.gather(*calls, return_exceptions=True)

    run(main)


def test_a_complaint_about_one_name_slows_down_nothing_else() -> None:
    class Touchy(MemoryProvider):
        async def put(self, key: str, data: object, under: Marker | None = None) -> None:
            raise Unavailable("p", "put", "429", Cause.THROTTLED)

    async def main(sim: Simulation) -> None:
        limit = RateLimit(Touchy("p"), sim.clock, limits_names=True)

        async def refused(key: str) -> None:
            with pytest.raises(Unavailable):
                await limit.put(key, b"")

        await refused("a")
        await refused("a")
        await sim.clock.sleep(5)
        await refused("b")
        assert limit.rate is None
        await refused("c")
        assert limit.rate is not None, "names in plenty: it means all of them"

    run(main)


@pytest.mark.parametrize(("wanted_s", "silent_s"), [(2.0, 2.0), (3600.0, 60.0)])
def test_a_provider_that_wants_to_be_left_alone_is_for_as_long_as_that_within_reason(
    wanted_s: float, silent_s: float
) -> None:
    class Wants(MemoryProvider):
        async def head(self, key: str) -> Stat:
            error = Unavailable("p", "head", "503", Cause.THROTTLED)
            error.retry_after_s = wanted_s
            raise error

    async def main(sim: Simulation) -> None:
        limit = RateLimit(Wants("p"), sim.clock)
        with pytest.raises(Unavailable):
            await limit.head("a")
        limit.rate = None
        while True:
            try:
                await limit.delete("a")
                break
            except Unavailable as error:
                assert error.detail == "too many requests are waiting"
                await sim.clock.sleep(1)
        assert sim.clock.monotonic() == pytest.approx(silent_s)

    run(main)
