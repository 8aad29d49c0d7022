import asyncio

import pytest

from outlast.base.errors import Cause, NotFound, Unavailable
from outlast.providers.memory import MemoryProvider
from outlast.testing.network import FAIR, Link, Weather
from outlast.testing.simulation import Simulation, simulate, simulated


def link(sim: Simulation, weather: Weather = FAIR) -> Link:
    return Link(MemoryProvider("far"), sim.clock, sim.entropy, weather)


def test_a_call_takes_time_and_comes_back() -> None:
    async def main(sim: Simulation) -> float:
        far = link(sim, Weather(delay_s=(1, 2)))
        await far.put("a", b"x")
        assert await far.get("a") == b"x"
        assert [entry.key async for entry in far.list("")] == ["a"]
        with pytest.raises(NotFound):
            await far.get("b")
        return sim.clock.monotonic()

    assert 8 <= simulate(1, main) <= 16


@pytest.mark.parametrize(
    ("weather", "done"), [(Weather(lost_request=1), False), (Weather(lost_answer=1), True)]
)
def test_a_lost_call_times_out_whether_or_not_it_was_done(weather: Weather, done: bool) -> None:
    async def main(sim: Simulation) -> bool:
        far = link(sim, weather)
        with pytest.raises(Unavailable) as caught:
            await far.create("a", b"x")
        assert caught.value.cause is Cause.TIMEOUT
        assert sim.clock.monotonic() == weather.patience_s
        return [entry.key async for entry in far.inner.list("")] == ["a"]

    assert simulate(1, main) is done


@simulated(seed=3)
async def test_a_stray_request_is_done_after_its_caller_gave_up(sim: Simulation) -> None:
    far = link(sim, Weather(stray_request=1, stray_s=60))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await far.put("a", b"x")
    assert [entry async for entry in far.inner.list("")] == []
    await sim.clock.sleep(61)
    assert [entry.key async for entry in far.inner.list("")] == ["a"]


def test_cancelling_or_crashing_the_caller_does_not_call_a_request_back() -> None:
    async def main(sim: Simulation) -> list[str]:
        far = link(sim)
        task = asyncio.ensure_future(far.put("cancelled", b"x"))
        host = sim.host("g1")
        host.spawn(far.put("crashed", b"x"))
        await sim.clock.sleep(0)
        await sim.clock.sleep(0)
        task.cancel()
        host.crash()
        await sim.clock.sleep(1)
        return [entry.key async for entry in far.inner.list("")]

    assert simulate(1, main) == ["cancelled", "crashed"]


def test_a_cut_link_lets_nothing_or_only_requests_through() -> None:
    async def main(sim: Simulation) -> list[str]:
        far = link(sim)
        for cut in ("requests", "answers"):
            far.cut = cut
            with pytest.raises(Unavailable):
                await far.put(cut, b"x")
        far.cut = ""
        await far.put("open", b"x")
        return [entry.key async for entry in far.inner.list("")]

    assert simulate(1, main) == ["answers", "open"]
