"""What is counted is what the provider will charge for."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from outlast.base.errors import Cause, Exists, NotFound, Unavailable
from outlast.base.histogram import latency_bounds_s
from outlast.providers.marker import Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.wrap.meter import Meter
from outlast.testing.simulation import Simulation, simulate


def test_requests_bytes_and_failures_are_counted_by_verb() -> None:
    async def main(sim: Simulation) -> None:
        meter = Meter(MemoryProvider("p"), sim.clock)
        await meter.put("a", [b"12", b"345"])
        await meter.create("b", b"1234567")
        with pytest.raises(Exists):
            await meter.create("b", b"12")
        await meter.get("a")
        await meter.get("a", (1, 3))
        with pytest.raises(NotFound):
            await meter.get("c")
        usage = meter.usage
        assert (usage["put"].requests, usage["put"].sent_bytes) == (1, 5)
        assert (usage["create"].requests, usage["create"].sent_bytes) == (2, 9)
        assert dict(usage["create"].failures) == {Cause.EXISTS: 1}
        assert (usage["get"].requests, usage["get"].received_bytes) == (3, 7)
        assert dict(usage["get"].failures) == {Cause.MISSING: 1}
        assert "delete" not in usage

    simulate(1, main)


def test_each_page_of_a_listing_is_a_request() -> None:
    async def main(sim: Simulation) -> None:
        inner = MemoryProvider("p")
        meter = Meter(inner, sim.clock)
        for number in range(2500):
            await inner.put(f"{number:04d}", b"")
        assert len([entry async for entry in meter.list("")]) == 2500
        assert meter.usage["list"].requests == 3
        async for _ in meter.list(""):
            break
        assert meter.usage["list"].requests == 4

    simulate(1, main)


def test_how_long_requests_took_is_a_histogram() -> None:
    class Slow(MemoryProvider):
        def __init__(self, sim: Simulation) -> None:
            super().__init__("p")
            self.sim = sim

        async def get(
            self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None
        ) -> bytes:
            await self.sim.clock.sleep(float(key))
            return b""

    async def main(sim: Simulation) -> None:
        meter = Meter(Slow(sim), sim.clock)
        for seconds in ("0", "0.02", "0.02", "100"):
            await meter.get(seconds)
        found = dict(zip((*latency_bounds_s, float("inf")), meter.usage["get"].took_s.counts, strict=True))
        assert {bound: count for bound, count in found.items() if count} == {
            0.0005: 1,
            0.025: 2,
            float("inf"): 1,
        }
        assert meter.usage["get"].took_s.total == pytest.approx(100.04)

    simulate(1, main)


def test_requests_whose_caller_went_away_are_counted_as_such() -> None:
    class Hanging(MemoryProvider):
        async def get(
            self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None
        ) -> bytes:
            await asyncio.Event().wait()
            raise AssertionError

    async def main(sim: Simulation) -> None:
        meter = Meter(Hanging("p"), sim.clock)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await meter.get("a")
        assert (meter.usage["get"].requests, meter.usage["get"].given_up) == (1, 1)

    simulate(1, main)


def test_a_failing_listing_is_counted() -> None:
    class Broken(MemoryProvider):
        async def list(self, prefix: str, start_after: str = "") -> AsyncIterator:
            raise Unavailable("p", "list", "", Cause.SERVER)
            yield

    async def main(sim: Simulation) -> None:
        meter = Meter(Broken("p"), sim.clock)
        with pytest.raises(Unavailable):
            [entry async for entry in meter.list("")]
        assert dict(meter.usage["list"].failures) == {Cause.SERVER: 1}

    simulate(1, main)
