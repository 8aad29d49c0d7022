"""A gateway is killed in the middle of its work, with all that it had locally (acceptance 5)."""

import asyncio
import os

import pytest
from scene import CLOCK, ENTROPY, Scene, judge

from outlast.base.limits import KIB, MIB
from outlast.testing.workload import Load, Mix

CLIENTS = 8
MIX = Mix(keys=20, sizes=((6, 4 * KIB), (2, 100 * KIB), (2, 300 * KIB), (2, 2 * MIB), (1, 20 * MIB)))


async def survive(scene: Scene, rounds: int) -> None:
    """Each round another machine takes over, and the one before is never heard of again."""
    load = Load([], CLOCK, ENTROPY, MIX)
    killed = 0
    for _ in range(rounds):
        gateway = await scene.serve_elsewhere()
        target = await scene.target(gateway)
        await load.read_all(target)
        assert len(load.report.failures) == killed, load.report.failures[-5:]

        load.targets = [target]
        working = asyncio.ensure_future(load.run(CLIENTS, until=lambda it=gateway: not it.is_running()))
        await CLOCK.sleep(ENTROPY.uniform(0.05, 0.6))  # at any moment
        gateway.kill()
        scene.forget_elsewhere()
        await working
        cut_off = load.report.failures[killed:]
        assert all("Unanswered" in failure for failure in cut_off), cut_off[:5]
        killed += len(cut_off)
    await load.read_all(await scene.target(await scene.serve_elsewhere()))
    judge(load, failures=killed)
    assert (await scene.run("repair"))["unreadable"] == 0
    print(f"{rounds} gateways killed: {load.report.requests} requests, {killed} of them cut off")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("survival")
async def test_every_acknowledged_object_is_there_each_time(scene: Scene) -> None:
    await survive(scene, rounds=50 if os.environ.get("OUTLAST_TEST_MANY") else 12)
