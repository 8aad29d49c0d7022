"""Never more providers are harmed at once than the store tolerates, and none before a repair succeeds."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest

from outlast.base.clock import Clock
from outlast.providers.wrap.fault import Shape
from outlast.testing.installation import Ended
from outlast.testing.siege.harm import Harm
from outlast.testing.siege.options import DRILLS, PROVIDER_NEMESES, SiegeOptions
from outlast.testing.siege.timeline import Timeline
from outlast.testing.simulation import Simulation, simulate

SECONDS = 3600.0
HEALTHY = Ended(0, json.dumps({"providers": [], "extents_degraded": 0}), "")


class System:
    """A store that only knows which of its providers are harmed; a repair heals them."""

    def __init__(self, folder: Path, clock: Clock, options: SiegeOptions, repaired: Ended) -> None:
        self.clock, self.options, self.folder, self.repaired = clock, options, folder, repaired
        self.timeline = Timeline(clock, lambda line: None)
        self.providers = [f"p{number}" for number in range(options.providers)]
        self.harmed: set[str] = set()
        self.most = 0
        self.asked = 0
        for name in self.providers:
            self.fill(name)

    def fill(self, name: str) -> None:
        (self.folder / name / "log").mkdir(parents=True, exist_ok=True)
        (self.folder / name / "0-outlast").touch()
        (self.folder / name / "log" / "0").touch()

    def provider(self, name: str) -> Path:
        self.look()
        return self.folder / name

    def look(self) -> None:
        """See which directories are not whole."""
        for name in self.providers:
            if not (
                (self.folder / name / "0-outlast").exists() and (self.folder / name / "log" / "0").exists()
            ):
                self.harmed.add(name)
        self.most = max(self.most, len(self.harmed))

    async def attempt(self, *arguments: str) -> Ended:
        self.look()
        if arguments[0] == "status":
            return HEALTHY
        assert arguments[0] == "repair"
        if self.repaired.status == 0:
            self.harmed.clear()
            for name in self.providers:
                self.fill(name)
        return self.repaired

    async def run(self, *arguments: str) -> bool:
        if "--stop" in arguments:
            assert self.asked, "a drill begins before it ends"
        self.asked += 1
        return True

    async def wait_answered(self) -> None: ...

    async def wait_noticed(self, within_s: float) -> bool:
        return True

    async def holds(self, condition: Callable[[], Awaitable[bool]], within_s: float) -> bool:
        return await condition()


def besieged(folder: Path, seed: int, repaired: Ended, **instead: object) -> System:
    """The system after an hour in which only providers were harmed."""

    async def main(sim: Simulation) -> System:
        drawn = {"nemeses": PROVIDER_NEMESES, "providers": 5, "tolerate": 2, **instead}
        system = System(folder, sim.clock, SiegeOptions.draw(seed, SECONDS, **drawn), repaired)
        await Harm(system).run(lambda: sim.clock.monotonic() > SECONDS)  # type: ignore[arg-type]  # as much as is used
        return system

    return simulate(seed, main)


@pytest.mark.parametrize("tolerate", [1, 2])
def test_no_more_are_harmed_at_once_than_tolerated(tmp_path: Path, tolerate: int) -> None:
    system = besieged(tmp_path, 1, Ended(0, "{}", ""), tolerate=tolerate)
    assert system.most == tolerate
    for nemesis in PROVIDER_NEMESES:
        assert system.timeline.counts[f"nemesis {nemesis}"] > 10
    assert not system.timeline.found


def test_mostly_another_provider_is_harmed_than_before(tmp_path: Path) -> None:
    system = besieged(tmp_path, 1, Ended(0, "{}", ""), nemeses=("erase",), providers=3, tolerate=1)
    victims = [strike.name.split()[1] for strike in system.timeline.strikes]
    again = sum(one == other for one, other in pairwise(victims)) / len(victims)
    assert 0.05 < again < 0.2
    assert set(victims) == {"p0", "p1", "p2"}


def test_after_a_repair_that_does_not_succeed_nobody_is_harmed_any_more(tmp_path: Path) -> None:
    system = besieged(tmp_path, 1, Ended(1, "{}", "no"), nemeses=("erase",), tolerate=1)
    assert system.timeline.counts["nemesis erase"] == 1
    assert system.timeline.found == {"repair does not succeed": 1}
    assert system.timeline.hopeless


def test_lost_data_are_found_at_once(tmp_path: Path) -> None:
    system = besieged(tmp_path, 1, Ended(1, '{"unreadable": 1}', ""), nemeses=("erase",))
    assert system.timeline.found == {"repair finds lost data": 1}
    assert system.timeline.hopeless


def test_being_slow_is_not_being_unavailable_so_no_repair_is_owed(tmp_path: Path) -> None:
    system = besieged(tmp_path, 1, Ended(1, "{}", "no"), nemeses=("slow",))
    assert system.timeline.counts["nemesis slow"] > 10
    assert not system.timeline.found


def test_what_is_left_in_a_mount_point_is_found(tmp_path: Path) -> None:
    async def main(sim: Simulation) -> System:
        options = SiegeOptions.draw(1, SECONDS, nemeses=("unmount",), providers=3, tolerate=1)
        system = System(tmp_path, sim.clock, options, Ended(0, "{}", ""))

        async def write() -> None:
            """As a gateway that takes the empty directory for the provider."""
            while not [*tmp_path.glob("*.away")]:
                await sim.clock.sleep(0.1)
            (tmp_path / next(tmp_path.glob("*.away")).stem / "fragment").touch()

        writing = asyncio.ensure_future(write())
        await Harm(system).run(lambda: sim.clock.monotonic() > 10)  # type: ignore[arg-type]  # as much as is used
        await writing
        return system

    system = simulate(1, main)
    assert system.timeline.found == {"files are left in a mount point": 1}
    assert not [*tmp_path.glob("*.mount-point")]


def test_every_drill_is_one_that_the_command_knows() -> None:
    assert set(DRILLS) <= set(Shape)
