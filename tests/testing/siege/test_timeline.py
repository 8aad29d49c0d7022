"""A finding names what was done to the store then or shortly before."""

import pytest

from outlast.testing.siege import timeline as siege
from outlast.testing.siege.evidence import summary
from outlast.testing.siege.options import SiegeOptions
from outlast.testing.siege.timeline import TimedHistory, Timeline
from outlast.testing.simulation import Simulation, simulate


def test_suspects_are_what_overlaps_the_request_or_ended_shortly_before_it() -> None:
    async def main(sim: Simulation) -> tuple[str, ...]:
        timeline = Timeline(sim.clock, lambda line: None)
        with timeline.strike("erase", "p0"):
            await sim.clock.sleep(1)
        await sim.clock.sleep(siege.SHORTLY_S)
        with timeline.strike("away", "p1"):
            await sim.clock.sleep(1)
        began = timeline.now_s()
        with timeline.strike("kill", "g0"):
            await sim.clock.sleep(1)
            timeline.find("lost", "it", began)
        return timeline.findings[0].suspects

    assert simulate(1, main) == ("away p1 [11.0-12.0 s]", "kill g0 [12.0- s]")


def test_strikes_under_way_count_as_those_that_begin_later() -> None:
    async def main(sim: Simulation) -> list[int]:
        timeline = Timeline(sim.clock, lambda line: None)
        with timeline.strike("erase", "p0"):
            await sim.clock.sleep(2)
        with timeline.strike("erase", "p1"), timeline.strike("away", "p1"):
            await sim.clock.sleep(2)
        return [timeline.strikes_since("erase", since_s) for since_s in (1, 3, 5)]

    assert simulate(1, main) == [2, 1, 0]


def test_findings_beyond_the_bound_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siege, "FINDINGS_MAX", 2)

    async def main(sim: Simulation) -> Timeline:
        timeline = Timeline(sim.clock, lambda line: None)
        for number in range(5):
            timeline.find("lost", f"it {number}")
        return timeline

    timeline = simulate(1, main)
    assert len(timeline.findings) == 2
    assert timeline.found == {"lost": 5}
    said = summary(SiegeOptions.draw(1, 60.0), timeline)
    assert "FOUND 5 times: lost" in said and "it 1" in said and "to repeat it: make siege SEED=1" in said


def test_a_history_knows_when_its_events_were() -> None:
    async def main(sim: Simulation) -> list[float]:
        history = TimedHistory(Timeline(sim.clock, lambda line: None))
        operation = history.begin("key", "get")
        await sim.clock.sleep(3)
        operation.ok()
        assert operation.returned is not None
        return [history.at_s(operation.invoked), history.at_s(operation.returned)]

    assert simulate(1, main) == [0, 3]
