"""Known incidents, played on three emulated clouds with a gateway in use, compressed in time.

A run plays ten whose phases are not all contained in another's; with OUTLAST_TEST_INCIDENTS=all, every one.

The clouds pass for Amazon, Microsoft and Google, and each incident is played on whom it hit. Those that hit
none of the three are played on each in turn, as if it were theirs: every shape of failure there was is
something to survive. Where what-if says that nothing happens, no request fails. Two clouds at once are too
many; what-if says so, and what it says is what happens.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from clouds import build
from scene import CLOCK, ENTROPY, Scene, answered, eventually, judge, working

from outlast.assembly.opening import open_store
from outlast.assembly.settings import load_settings
from outlast.base.limits import KIB
from outlast.maintenance.repair import repair
from outlast.outages.drill.conduct import Drill, DrillPace
from outlast.outages.drill.plan import DrillPlan, plan_incident, played_on
from outlast.outages.drill.report import DrillReport
from outlast.outages.holdings import holdings
from outlast.outages.incidents import Incident, load_incidents
from outlast.outages.what_if import Verdict, outage_from, what_if
from outlast.store import Store
from outlast.testing.incident_forms import covering
from outlast.testing.workload import Load, Mix

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("incidents")]

CLIENTS = 2
MIX = Mix(keys=20, sizes=((6, 4 * KIB), (2, 100 * KIB), (1, 300 * KIB)), rest_s=0.4)
PLAYED_S = 2.0
"""What took hours. Long enough for ten requests and more."""

TOO_MANY_S = 10.0
"""Nobody is told that there is no majority before some seconds have passed."""

# Each request of a client is a dozen to the emulators, which share the cores with the tests: so all rest.
PACE = DrillPace(before=0.4, after=0.4, canary_pause=0.3, look=0.3)
CLOUDS = {
    "moto": "operator=Amazon&region=us-east-1&software=S3",
    "azurite": "operator=Microsoft&region=southcentralus",
    "gcs": "operator=Google&region=us-central1",
}


ALL = load_incidents()
# Each takes ten seconds and as much of the processor: `make incidents` plays all, other runs what differs.
INCIDENTS = ALL if os.environ.get("OUTLAST_TEST_INCIDENTS") == "all" else covering(ALL)
TOO_MANY = ("facebook-2021-10-04", "unisuper-2024-05-02")
"""Out of reach, and erased: all of the time, in every request."""


class Theatre:
    """The store, a gateway with clients, and the process that conducts, which is this one."""

    def __init__(self, store: Store, scene: Scene, load: Load) -> None:
        self.store, self.scene, self.load = store, scene, load

    async def is_well(self) -> bool:
        """Whether the gateway has noticed that all are back, and nothing is missing any more."""
        if not await self.scene.all_have_noticed():
            return False
        await repair(self.store, verify=False, only_degraded=True)
        return not self.store.catalog.state.counts().degraded

    def cast(self) -> list[tuple[Incident, tuple[str, ...]]]:
        """Each incident and whom it is played on: whom it hit, or one of them. One victim after the other."""
        cast = []
        for number, incident in enumerate(INCIDENTS):
            hit = self.plan(incident)[0].providers
            cast.append((incident, hit or ([*CLOUDS][number % len(CLOUDS)],)))
        return sorted(cast, key=lambda part: part[1])

    def plan(self, incident: Incident, *hit: str, seconds: float = PLAYED_S) -> tuple[DrillPlan, Verdict]:
        """The incident on these, or on whom it hits; and what what-if says of that."""
        state = self.store.catalog.state
        outage = outage_from(incident, tuple(state.members()))
        plan = plan_incident(incident, played_on(outage, hit) if hit else outage, seconds)
        return plan, what_if(holdings(state), plan.outage, {})

    async def play(self, plan: DrillPlan) -> DrillReport:
        return await Drill(self.store, plan, CLOCK, ENTROPY, PACE).run()


@asynccontextmanager
async def theatre(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Theatre]:
    async with AsyncExitStack() as stack:
        scene = await asyncio.to_thread(build, folder, stack, dict.fromkeys(CLOUDS, "full"), CLOUDS)
        for name, value in scene.installation.environment("conducting").items():
            monkeypatch.setenv(name, value)
        settings = load_settings(scene.installation.config)
        store = await stack.enter_async_context(open_store(settings, folder / "conducting"))
        gateway = await scene.serve()
        load = Load([await scene.target(gateway)], CLOCK, ENTROPY, MIX)
        yield Theatre(store, scene, load)


async def test_where_nothing_happens_by_what_if_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them on one store: what one left behind would be found out by the next."""
    async with theatre(tmp_path / "clouds", monkeypatch) as stage:
        report = stage.load.report
        for incident, hit in stage.cast():
            await eventually(stage.is_well, 60)
            plan, verdict = stage.plan(incident, *hit)
            assert plan.providers == hit
            assert verdict.most.summary == "redundancy-less", f"{incident.id}: {verdict}"
            # Only while it is played: clients that work until all is well again cost the emulators most.
            async with working(stage.load, CLIENTS):
                await answered(stage.load, CLIENTS)
                before = report.requests
                drilled = await stage.play(plan)
            told = f"{incident.id} on {plan.providers}: {drilled}"
            assert (drilled.end, drilled.kept, drilled.failures) == ("finished", True, ()), told
            assert not report.failures, f"{told}: {report.failures[:5]}"
            assert report.requests > before
    judge(stage.load)
    print(f"{len(INCIDENTS)} incidents, {report.requests} requests, {len(report.failures)} failed")


async def test_where_everything_stops_by_what_if_it_stops_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with theatre(tmp_path / "clouds", monkeypatch) as stage:
        for incident in (one for one in ALL if one.id in TOO_MANY):
            failed = len(stage.load.report.failures)
            async with working(stage.load, CLIENTS) as report:
                plan, verdict = stage.plan(incident, "moto", "gcs", seconds=TOO_MANY_S)
                assert (verdict.most.reads, verdict.most.writes) == ("lost", "lost"), verdict
                drilled = await stage.play(plan)
                during = drilled.requests["during"]
                told = f"{incident.id}: {drilled}"
                assert (drilled.promised, drilled.kept) == ((), True), told
                assert during["read"].failed and during["write"].failed, told
                assert len(report.failures) > failed, told
                assert drilled.back_s is not None, told
