import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from outlast.base.concurrency import offload
from outlast.testing.simulation import Deadlock, Overrun, Simulation, simulate


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


def test_time_passes_only_when_everybody_waits() -> None:
    async def main(sim: Simulation) -> tuple[float, float]:
        start = sim.clock.now()
        await asyncio.gather(sim.clock.sleep(86_400), sim.clock.sleep(3_600))
        return sim.clock.now() - start, sim.clock.monotonic()

    assert simulate(1, main) == (86_400, 86_400)


def test_the_same_seed_gives_the_same_trace() -> None:
    assert simulate(7, busy) == simulate(7, busy)
    assert simulate(7, busy) != simulate(8, busy)


def test_the_same_seed_gives_the_same_trace_in_another_process() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_simulation import busy\n"
        "from outlast.testing.simulation import simulate\n"
        "print(simulate(7, busy))"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    runs = {
        subprocess.run(
            command, capture_output=True, check=True, env=os.environ | {"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
    assert str(simulate(7, busy)).encode() in runs.pop()


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

    with pytest.raises(BaseExceptionGroup, match="nobody caught") as caught:
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


def test_clocks_may_be_wrong_and_streams_are_independent() -> None:
    async def main(sim: Simulation) -> tuple[float, bool]:
        late = sim.clock_of(-60)
        same = sim.entropy_of("a").bytes(8) == sim.entropy_of("b").bytes(8)
        return sim.clock.now() - late.now(), same

    assert simulate(1, main) == (60, False)
