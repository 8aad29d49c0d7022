import asyncio
import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outlast.base.clock import SystemClock
from outlast.base.concurrency import offload
from outlast.testing import loop
from outlast.testing.simulation import (
    Deadlock,
    Overrun,
    Simulation,
    SimulationError,
    simulate,
    simulated,
)


async def busy(sim: Simulation) -> tuple[int, list[object]]:
    """Timers, task groups, cancellations, sets of tasks, chance: what could differ between runs."""

    async def worker(name: str) -> None:
        for _ in range(5):
            await sim.clock.sleep(sim.entropy.uniform(0, 1))
            sim.note(name)

    async def cancelled(name: str) -> None:
        try:
            await sim.clock.sleep(1e6)
        finally:
            sim.note("cancelled", name)

    tasks = {asyncio.ensure_future(worker(f"w{i}")) for i in range(5)}
    while tasks:
        done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        sim.note("done", [task.get_name() for task in done])
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for i in range(5):
                group.create_task(cancelled(f"c{i}"))
    return sim.fingerprint, list(sim.trace)


async def crashing(sim: Simulation) -> tuple[int, list[object]]:
    """Hosts that crash with everything under way: timers, threads of work, generators, failures."""

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(1_000):
                await sim.clock.sleep(0.3)
                yield number
        finally:
            await sim.clock.sleep(0.1)
            sim.note("generator closed")

    async def work(name: str) -> None:
        cycle: list[object] = []
        generator = numbers()
        cycle += [cycle, generator]  # only a collection finds it
        async for number in generator:
            sim.note(name, number)
            if number == 3:
                break
        del generator, cycle
        await asyncio.Event().wait()

    for number in range(6):
        host = sim.host(f"h{number}")
        host.spawn(work(host.name))
        await sim.clock.sleep(sim.entropy.uniform(0, 2))
        if number % 3:
            host.crash()
        del host
    await sim.clock.sleep(20)
    return sim.fingerprint, list(sim.trace)


def test_time_passes_only_when_everybody_waits() -> None:
    async def main(sim: Simulation) -> tuple[float, float]:
        start = sim.clock.now()
        await asyncio.gather(sim.clock.sleep(86_400), sim.clock.sleep(3_600))
        return sim.clock.now() - start, sim.clock.monotonic()

    assert simulate(1, main) == (86_400, 86_400)


def test_the_same_seed_gives_the_same_trace() -> None:
    assert simulate(7, busy) == simulate(7, busy)
    assert simulate(7, busy) != simulate(8, busy)


OTHER_PROCESS = """
import gc, random, sys
sys.path.insert(0, sys.argv[1])
from test_simulation import busy, crashing
from test_store_simulated import survive
from outlast.testing import loop
from outlast.testing.simulation import simulate

run_once = loop.SimulatedLoop._run_once

def run_once_and_collect(self):
    run_once(self)
    if random.random() < 0.01:
        gc.collect()

loop.SimulatedLoop._run_once = run_once_and_collect
for seed in (7, 8):
    print(simulate(seed, busy), simulate(seed, crashing), simulate(seed, survive))
"""


def in_another_process(hash_seed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", OTHER_PROCESS, str(Path(__file__).parent)]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, capture_output=True, check=True, text=True, env=environment)


@pytest.mark.slow
def test_a_run_does_not_depend_on_hash_seeds_or_on_when_garbage_is_collected() -> None:
    """The garbage collector runs at moments of its own in either process; sets have another order."""
    one, other = in_another_process("1"), in_another_process("2")
    assert one.stdout == other.stdout
    assert one.stderr == other.stderr == ""
    assert str(simulate(7, busy)) in one.stdout


def test_asyncio_timeouts_are_virtual() -> None:
    async def main(sim: Simulation) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await sim.clock.sleep(1_000)
        return sim.clock.monotonic()

    assert simulate(1, main) == 30


def test_a_deadlock_is_found_and_says_who_waits() -> None:
    async def main(sim: Simulation) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="main"):
        simulate(1, main)


def test_a_run_without_end_is_stopped() -> None:
    async def ticking(sim: Simulation) -> None:
        while True:
            await sim.clock.sleep(1)

    with pytest.raises(Overrun):
        simulate(1, ticking, limit_s=100)


def test_a_failure_names_its_seed() -> None:
    async def main(sim: Simulation) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken") as caught:
        simulate(4711, main)
    assert "seed 4711" in caught.value.__notes__[0]


def test_an_error_in_a_forgotten_task_fails_the_run() -> None:
    async def broken() -> None:
        raise ValueError("nobody looks")

    async def main(sim: Simulation) -> None:
        task = asyncio.ensure_future(broken())
        await sim.clock.sleep(1)
        del task

    with pytest.raises(BaseExceptionGroup, match="unhandled errors") as caught:
        simulate(1, main)
    assert caught.group_contains(ValueError, match="nobody looks")


def test_thread_work_runs_inline_and_its_caller_waits_a_turn() -> None:
    async def main(sim: Simulation) -> list[str]:
        order: list[str] = []
        asyncio.get_running_loop().call_soon(order.append, "other")
        order.append(await offload(str, "mine"))
        with pytest.raises(ZeroDivisionError):
            await offload(lambda: 1 // 0)
        return order

    assert simulate(1, main) == ["other", "mine"]


def test_a_crashed_host_stops_dead() -> None:
    async def main(sim: Simulation) -> list[str]:
        said: list[str] = []
        event = asyncio.Event()

        async def child() -> None:
            await event.wait()
            said.append("child woke")

        async def parent() -> None:
            try:
                task = asyncio.ensure_future(child())
                while True:
                    await sim.clock.sleep(1)
                    said.append("tick")
            finally:
                said.append("finally")
                task.cancel()

        host = sim.host("g1")
        host.spawn(parent())
        await sim.clock.sleep(2.5)
        host.crash()
        event.set()
        await sim.clock.sleep(10)
        return list(said)

    assert simulate(1, main) == ["tick", "tick"]


def test_what_a_crashed_host_would_do_afterwards_is_not_judged() -> None:
    async def fragile(sim: Simulation) -> None:
        try:
            await sim.clock.sleep(5)
        finally:
            raise ValueError("the dead do not speak")

    async def main(sim: Simulation) -> str:
        host = sim.host("g1")
        task = host.spawn(fragile(sim))
        await sim.clock.sleep(1)
        host.crash()
        assert not task.done()
        return "fine"

    assert simulate(1, main) == "fine"


@pytest.mark.slow
def test_the_loop_owns_the_tasks_of_a_crashed_host_until_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """Were they left to the garbage collector, it would find them pending, in some runs."""

    async def main(sim: Simulation) -> None:
        async def wait_for_nobody() -> None:
            await asyncio.Event().wait()

        for number in range(10):
            host = sim.host(f"h{number}")
            host.spawn(wait_for_nobody())
            await sim.clock.sleep(0)
            host.crash()
            del host
            gc.collect()

    simulate(1, main)
    gc.collect()
    assert caplog.records == []


def test_a_stopped_host_goes_on_with_its_memory_and_its_timers_fire_late() -> None:
    async def main(sim: Simulation) -> list[float]:
        ticks: list[float] = []

        async def tick() -> None:
            while True:
                await sim.clock.sleep(1)
                ticks.append(sim.clock.monotonic())

        host = sim.host("g1")
        host.spawn(tick())
        await sim.clock.sleep(2.5)
        host.stop()
        await sim.clock.sleep(60)
        assert ticks == [1, 2]
        host.resume()
        await sim.clock.sleep(1.5)
        return ticks

    assert simulate(1, main) == [1, 2, 62.5, 63.5]


def test_a_host_that_crashes_while_it_is_stopped_does_not_go_on() -> None:
    async def main(sim: Simulation) -> list[str]:
        said: list[str] = []

        async def speak() -> None:
            await sim.clock.sleep(1)
            said.append("hello")

        host = sim.host("g1")
        host.spawn(speak())
        host.stop()
        await sim.clock.sleep(2)
        host.crash()
        host.resume()
        await sim.clock.sleep(2)
        return list(said)

    assert simulate(1, main) == []


def test_a_loop_that_never_waits_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "callbacks_at_once_max", 10_000)

    async def spinning(sim: Simulation) -> None:
        while True:
            await sim.clock.sleep(0)

    with pytest.raises(Overrun, match="without ever waiting"):
        simulate(1, spinning)


def test_what_a_cancelled_task_begins_ends_with_the_run() -> None:
    async def main(sim: Simulation) -> None:
        ended: list[str] = []

        async def successor() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("successor")

        async def predecessor() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                tasks.append(asyncio.ensure_future(successor()))

        tasks = [asyncio.ensure_future(predecessor())]
        await sim.clock.sleep(1)

    simulate(1, main)


def test_the_real_clock_cannot_be_read_in_a_simulation() -> None:
    async def main(sim: Simulation) -> None:
        SystemClock().monotonic()

    with pytest.raises(SimulationError, match="own clock"):
        simulate(1, main)
    assert SystemClock().monotonic() > 0


def test_whoever_finds_a_violation_can_end_the_run_from_where_errors_are_caught() -> None:
    async def main(sim: Simulation) -> None:
        async def checked() -> None:
            sim.fail(AssertionError("a violation"))
            sim.note("the callback goes on to its end")

        with contextlib.suppress(Exception):
            await asyncio.ensure_future(checked())
        await sim.clock.sleep(1_000)

    with pytest.raises(AssertionError, match="a violation") as caught:
        simulate(5, main)
    assert "seed 5, at 0.0" in caught.value.__notes__[0]


@pytest.mark.parametrize("seconds", [30, 60])
@simulated(seed=3)
async def test_a_simulated_test_gets_its_simulation_and_its_parameters(sim: Simulation, seconds: int) -> None:
    await sim.clock.sleep(seconds)
    assert (sim.seed, sim.clock.monotonic()) == (3, seconds)


def test_clocks_may_be_wrong_and_streams_are_independent() -> None:
    async def main(sim: Simulation) -> tuple[float, bool]:
        late = sim.clock_of(-60)
        same = sim.entropy_of("a").bytes(8) == sim.entropy_of("b").bytes(8)
        return sim.clock.now() - late.now(), same

    assert simulate(1, main) == (60, False)
