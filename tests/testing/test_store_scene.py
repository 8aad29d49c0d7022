"""Providers are harmed as closely together as the policy tolerates, and no closer."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from outlast.maintenance.mender import Mender
from outlast.testing.swarm import store_world
from outlast.testing.swarm.options import Mishap, Options, Seat, draw
from outlast.testing.swarm.profiles import PROFILES, SMALL_SIZES
from outlast.testing.swarm.run import run
from outlast.testing.swarm.scenario import Scenario
from outlast.testing.swarm.store_scene import StoreScene


def options_of(*faults: Mishap) -> Options:
    """Three disks, and one gateway that writes large objects while these things happen."""
    small = tuple((name, values[0]) for name, values in SMALL_SIZES.items())
    drawn = draw(0, PROFILES["store losses"])
    seat = Seat(rhythm="now and then", rest_s=0.5, clients=2, operations=15)
    return replace(
        drawn,
        providers=("disk",) * 3,
        seats=(seat,),
        faults=faults,
        crash_at_points=0.0,
        sizes=(0.0, 0.0, 2.0, 1.0, 1.0),
        knobs=small,
    )


def times(trace: list[str], what: str) -> list[float]:
    return [float(line.split()[0]) for line in trace if line.split(maxsplit=1)[1].startswith(what)]


def test_the_next_is_harmed_as_soon_as_the_last_is_whole() -> None:
    outcome = run(options_of(Mishap("away", 2.0, 1, 4.0, 0.0), Mishap("away", 3.0, 0, 4.0, 0.0)))
    assert outcome.violation == "", outcome.report()
    whole, next_one = times(outcome.trace, "whole p1")[0], times(outcome.trace, "away p0")[0]
    assert whole <= next_one < whole + 1
    assert next_one < 40, "soon after the first is back"


def test_one_that_is_back_and_not_whole_yet_may_be_harmed_again() -> None:
    outcome = run(options_of(Mishap("away", 2.0, 1, 4.0, 0.0), Mishap("away", 7.0, 1, 4.0, 0.0)))
    assert outcome.violation == "", outcome.report()
    assert len(times(outcome.trace, "away p1")) == 2
    assert len(times(outcome.trace, "whole p1")) == 1


def test_nobody_is_harmed_while_something_is_missing_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No gateway mends here: what the first has missed stays missing, and the second is held back."""

    async def rest(mender: Mender) -> None:
        await mender._clock.sleep(1e6)

    monkeypatch.setattr(Mender, "run", rest)
    monkeypatch.setattr(store_world, "safety_s_max", 120.0)
    outcome = run(options_of(Mishap("away", 2.0, 1, 8.0, 0.0), Mishap("away", 5.0, 0, 4.0, 0.0)))
    assert times(outcome.trace, "held back away p0")
    assert not times(outcome.trace, "away p0")


def damaged_in_fact(scene: StoreScene) -> set[int]:
    """Where a fragment is not right, by the catalog of any gateway."""
    states = [machine.gateway.state for machine in scene.machines if machine.gateway is not None]
    wrong = {name for state in states for extent in state.extents() for name in scene.fragments.wrong(extent)}
    return {number for number, place in enumerate(scene.places) if place.name in wrong}


@pytest.mark.parametrize("profile", ["store losses", "store writers", "store everything"])
def test_never_more_are_damaged_than_tolerated(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at in the moments in which somebody is harmed, in what is really there."""
    found: list[set[int]] = []
    may_harm: Callable[[StoreScene, int], bool] = StoreScene._may_harm

    def look(scene: Scenario, target: int) -> bool:
        assert isinstance(scene, StoreScene)
        may = may_harm(scene, target)
        if may:
            found.append(damaged_in_fact(scene) | set(scene.harmed) | {target})
        return may

    monkeypatch.setattr(StoreScene, "_may_harm", look)
    outcome = run(draw(1, PROFILES[profile]))
    assert outcome.violation == "", outcome.report()
    assert found
    assert max(map(len, found)) == 1
