"""A gateway is killed in the middle of its work and its local state deleted; another one has everything."""

import asyncio
import shutil

import pytest
from live import CLOCK, ENTROPY, Live, judged

from outlast.base.limits import KIB, MIB
from outlast.testing.workload import Load, Mix

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("survival")]

ROUNDS = 50
MIX = Mix(keys=20, sizes=((6, 4 * KIB), (2, 100 * KIB), (2, 300 * KIB), (1, 2 * MIB)))


async def test_every_acknowledged_object_is_there(live: Live) -> None:
    load = Load([], CLOCK, ENTROPY, MIX)
    for number in range(ROUNDS):
        gateway = await live.serve(f"state-{number}")
        target = await live.target(gateway)
        await load.read_all(target)
        assert not load.report.failures, load.report.failures[:5]

        load.targets = [target]
        running = asyncio.ensure_future(load.run(8, until=lambda gateway=gateway: not gateway.is_running()))
        await asyncio.sleep(ENTROPY.uniform(0.1, 1.0))
        gateway.kill()
        report = await running
        assert all("Unanswered" in failure for failure in report.failures), report.failures[:5]
        report.failures.clear()
        shutil.rmtree(live.installation.folder / "state" / f"state-{number}")
    await load.read_all(await live.target(await live.serve("last")))
    judged(load, load.report)
