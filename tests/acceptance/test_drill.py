"""A drill on a store in use: gateways as processes, clients, and a conducting process that is killed.

That a gateway has a provider fail is seen from outside: while it does, nothing that is written through it
gets into the provider's directory.
"""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from scene import BUCKET, CLOCK, ENTROPY, Scene, eventually, judge, working

from outlast.outages.drill.conduct import DrillPace
from outlast.testing.installation import GatewayProcess
from outlast.testing.s3_client import S3Client
from outlast.testing.workload import SMALL_SIZES, Load, Mix

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("survival")]

LARGE = bytes(300_000)
# Gateways hear of it with their next request; then the lease runs. The rest is for a busy machine.
ENDED_S_MAX = DrillPace().lease + 30
DRILLED_S = 20.0


def conduct(scene: Scene, *arguments: str) -> subprocess.Popen[bytes]:
    """Begin a drill in a process of its own."""
    command = [sys.executable, "-m", "outlast", "drill", *arguments, "--json"]
    environment = scene.installation.environment("runner")
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def fragments(folder: Path) -> int:
    return sum(1 for path in (folder / "x").rglob("*") if path.is_file())


class Through:
    """A gateway, and whether what is written through it gets to provider b."""

    def __init__(self, scene: Scene, gateway: GatewayProcess, client: S3Client) -> None:
        self.scene, self.gateway, self.client = scene, gateway, client
        self.written = 0

    async def reaches_b(self) -> bool:
        before = fragments(self.scene.provider("b"))
        self.written += 1
        answer = await self.client.put(BUCKET, f"{self.gateway.port}-{self.written}", LARGE)
        assert answer.status == 200
        return fragments(self.scene.provider("b")) > before

    async def wait_until(self, reaches: bool, seconds: float) -> None:
        async def does() -> bool:
            return await self.reaches_b() is reaches

        await eventually(does, seconds)


async def two_gateways(scene: Scene) -> list[Through]:
    found = []
    for gateway in (await scene.serve("one"), await scene.serve_elsewhere()):
        found.append(Through(scene, gateway, await scene.client(gateway)))
    return found


async def test_the_faults_end_at_every_gateway_when_the_conducting_process_is_killed(scene: Scene) -> None:
    gateways = await two_gateways(scene)
    for gateway in gateways:
        assert await gateway.reaches_b()
    conducting = conduct(scene, "b", "--shape", "refuse", "--minutes", "10")
    try:
        for gateway in gateways:
            await gateway.wait_until(False, 60)
    finally:
        conducting.kill()
        conducting.wait()
    killed = CLOCK.monotonic()
    for gateway in gateways:
        await gateway.wait_until(True, ENDED_S_MAX)
    print(f"ended {CLOCK.monotonic() - killed:.1f} s after the kill")


async def test_a_drill_under_load_fails_no_request_and_ends_in_good_order_when_interrupted(
    scene: Scene,
) -> None:
    gateways = await two_gateways(scene)
    mix = Mix(keys=20, sizes=SMALL_SIZES)
    load = Load([await scene.target(one.gateway) for one in gateways], CLOCK, ENTROPY, mix)
    async with working(load, 4):
        conducting = conduct(scene, "b", "--shape", "hang", "--minutes", "10")
        try:
            await CLOCK.sleep(DRILLED_S)
            conducting.send_signal(signal.SIGINT)
            said, complaints = await asyncio.to_thread(conducting.communicate, timeout=120)
        finally:
            conducting.kill()
            conducting.wait()
    assert conducting.returncode == 0, complaints.decode()
    report = json.loads(said)
    assert (report["end"], report["kept"], report["failures"]) == ("stopped", True, [])
    assert report["noticed_s"]["b"] is not None
    judge(load)
    for gateway in gateways:
        assert await gateway.reaches_b()
    (kept,) = (await scene.run("drill", "--history"))["drills"]
    assert kept == report
