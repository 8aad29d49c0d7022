"""A name is written no more often than it may be."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from outlast.base.errors import Cause, Exists, Unavailable
from outlast.providers.marker import Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Data
from outlast.providers.wrap.name_interval import NameInterval
from outlast.testing.simulation import Simulation, simulate


def run(main: Callable[[Simulation], Awaitable[None]]) -> None:
    simulate(1, main)


def test_one_name_is_written_once_in_its_interval_and_others_do_not_wait() -> None:
    async def main(sim: Simulation) -> None:
        paced = NameInterval(MemoryProvider("p"), sim.clock, interval_s=1.0)
        await paced.create("a", b"1")
        await paced.put("b", b"")
        await paced.get("a")
        assert sim.clock.monotonic() == 0
        await paced.put("a", b"2")
        assert sim.clock.monotonic() == pytest.approx(1)
        await paced.put("a", b"3")
        assert sim.clock.monotonic() == pytest.approx(2)
        await paced.delete("a")
        assert sim.clock.monotonic() == pytest.approx(3)
        await sim.clock.sleep(5)
        await paced.put("a", b"4")
        assert sim.clock.monotonic() == pytest.approx(8)

    run(main)


def test_racers_do_not_queue_up_to_be_told_that_another_won() -> None:
    async def main(sim: Simulation) -> None:
        paced = NameInterval(MemoryProvider("p", sim.clock), sim.clock, interval_s=1.0)
        racers = [paced.create("a", b"%d" % number) for number in range(32)]
        results = await asyncio.gather(*racers, return_exceptions=True)
        assert sum(isinstance(result, Exists) for result in results) == 31
        assert sim.clock.monotonic() == 0

    run(main)


def test_a_write_without_an_answer_may_have_happened_and_counts() -> None:
    class Silent(MemoryProvider):
        async def put(self, key: str, data: object, under: Marker | None = None) -> None:
            raise Unavailable("p", "put", "", Cause.TIMEOUT)

    async def main(sim: Simulation) -> None:
        paced = NameInterval(Silent("p"), sim.clock, interval_s=1.0)
        for _ in range(2):
            with pytest.raises(Unavailable):
                await paced.put("a", b"")
        assert sim.clock.monotonic() == pytest.approx(1)

    run(main)


def test_a_write_that_was_given_up_may_have_happened_and_counts() -> None:
    class Silent(MemoryProvider):
        async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
            await super().put(key, data, under)
            await asyncio.Event().wait()

    async def main(sim: Simulation) -> None:
        silent = Silent("p")
        paced = NameInterval(silent, sim.clock, interval_s=1.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await paced.put("a", b"1")
        await paced.delete("a")
        assert sim.clock.monotonic() == 1.5

    run(main)


def test_names_written_long_ago_are_forgotten() -> None:
    async def main(sim: Simulation) -> None:
        paced = NameInterval(MemoryProvider("p"), sim.clock, interval_s=1.0)
        for number in range(50):
            await paced.put(f"a{number}", b"")
            await sim.clock.sleep(0.1)
        assert len(paced._written_at) <= 12

    run(main)
