"""A gateway knows when it was dead or stopped, and how wrong its clock is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from outlast.base.clock import SystemClock
from outlast.testing.installation import CommandFailed
from outlast.testing.siege.gateway import (
    STARTS_MAX,
    BesiegedGateway,
    ShiftedClock,
    clock_environment,
    find_faketime,
)
from outlast.testing.siege.timeline import Timeline


class Process:
    """A process that only its signals are seen of."""

    host, port, pid = "127.0.0.1", 1, 12345

    def __init__(self) -> None:
        self.running = True

    def is_running(self) -> bool:
        return self.running

    def kill(self) -> None:
        self.running = False


class Home:
    """A machine whose gateways start, or do not."""

    def __init__(self, folder: Path, starts: bool = True) -> None:
        self.folder, self.starts = folder, starts
        (folder / "state").mkdir()

    def serve(self, state: str) -> Process:
        if not self.starts:
            raise CommandFailed("no")
        return Process()


class StepClock(SystemClock):
    """A second passes with each look."""

    def __init__(self) -> None:
        self.looks = 0.0

    def monotonic(self) -> float:
        self.looks += 1
        return self.looks


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(StepClock(), lambda line: None)


def gateway_on(home: Home, timeline: Timeline) -> BesiegedGateway:
    return BesiegedGateway("g0", home, ("id", "secret"), SystemClock(), timeline)  # type: ignore[arg-type]  # as much as is used


async def test_it_is_disturbed_until_it_has_started_and_from_when_it_is_killed(
    tmp_path: Path, timeline: Timeline
) -> None:
    gateway = gateway_on(Home(tmp_path), timeline)
    assert gateway.was_disturbed(timeline.now_s())
    await gateway.start()
    calm = timeline.now_s()
    assert not gateway.was_disturbed(calm)
    await gateway.kill()
    assert gateway.was_disturbed(calm) and gateway.was_disturbed(timeline.now_s())
    await gateway.start()
    assert gateway.was_disturbed(calm)
    assert not gateway.was_disturbed(timeline.now_s())


async def test_it_is_disturbed_while_it_is_stopped(
    tmp_path: Path, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append(number))
    gateway = gateway_on(Home(tmp_path), timeline)
    await gateway.start()
    calm = timeline.now_s()
    gateway.pause()
    assert gateway.was_disturbed(timeline.now_s())
    gateway.resume()
    assert gateway.was_disturbed(calm) and not gateway.was_disturbed(timeline.now_s())
    assert signals == [signal.SIGSTOP, signal.SIGCONT]


async def test_only_an_end_that_nobody_made_is_one_by_itself(tmp_path: Path, timeline: Timeline) -> None:
    gateway = gateway_on(Home(tmp_path), timeline)
    await gateway.start()
    await gateway.kill()
    assert not gateway.ended_by_itself()
    await gateway.start()
    gateway.process.kill()
    assert gateway.ended_by_itself()


async def test_local_state_goes_only_when_it_is_to_be_forgotten(tmp_path: Path, timeline: Timeline) -> None:
    gateway = gateway_on(Home(tmp_path), timeline)
    await gateway.start()
    await gateway.kill()
    assert (tmp_path / "state").exists()
    await gateway.kill(forget=True)
    assert not (tmp_path / "state").exists()


async def test_a_start_that_fails_is_found_and_tried_again(tmp_path: Path, timeline: Timeline) -> None:
    gateway = gateway_on(Home(tmp_path, starts=False), timeline)
    await gateway.start()
    assert not gateway.up.is_set()
    assert timeline.found == {"a gateway does not start": STARTS_MAX}


def test_a_shifted_clock_shows_another_time_and_measures_the_same() -> None:
    clock, shifted = SystemClock(), ShiftedClock(SystemClock(), 3600)
    assert abs(shifted.now() - clock.now() - 3600) < 1
    assert abs(shifted.monotonic() - clock.monotonic()) < 1


def test_faketime_puts_the_clock_off_and_leaves_elapsed_time_alone() -> None:
    library = find_faketime()
    if library is None:
        pytest.skip("faketime is not installed")
    asked = [sys.executable, "-c", "import time; print(time.time(), time.monotonic())"]
    environment = {**os.environ, **clock_environment(library, -3600)}
    now, elapsed = map(float, subprocess.check_output(asked, env=environment).split())
    assert abs(now + 3600 - time.time()) < 60
    assert abs(elapsed - time.monotonic()) < 60
