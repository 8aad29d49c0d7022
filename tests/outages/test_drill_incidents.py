"""Incidents of every form that is known, played in less time on stores that they hit, under virtual time.

A client works through another gateway than the one that conducts the drill. Where what-if says that no
request fails, none does; where it says that some stop, these fail, and no others.
"""

import os
from collections.abc import Sequence

import pytest

from outlast.outages.drill.canary import Canary
from outlast.outages.drill.conduct import Drill, DrillPace
from outlast.outages.drill.plan import DrillPlan, plan_incident
from outlast.outages.drill.promise import Deed
from outlast.outages.drill.report import DrillReport
from outlast.outages.holdings import holdings
from outlast.outages.incidents import Incident, load_incidents
from outlast.outages.what_if import Verdict, outage_from, what_if
from outlast.placement.members import Domains, Member, Policy
from outlast.testing.incident_forms import one_of_each_form
from outlast.testing.memory_store import World
from outlast.testing.simulation import Simulation, simulate

pytestmark = pytest.mark.usefixtures("small_sizes")

PLAYED_S = 60.0
# A request every half a second on each side: a hundred of each kind while it lasts.
REST_S = 0.5
PACE = DrillPace(canary_pause=REST_S)

POLICY = Policy(1, "location")
"""Two providers that are hit together may well be in two places; with one operator they are refused."""


def struck(one: Incident, place: str) -> Domains:
    """The domains of a provider that the incident surely hits, or may hit if none is sure."""
    scope = sorted(one.scope, key=lambda scope: not scope.sure)[0]
    assert not scope.location, "two of these would be in one place"
    return Domains(
        scope.operator or "any", scope.region or "any", scope.account or "any", scope.software or "any", place
    )


def members(one: Incident, hit: int) -> list[Member]:
    """Three providers in three places, of which the last ones are hit."""
    return [
        Member(
            f"p{number}",
            Domains(f"op{number}", "r", "a", "s", str(number))
            if number < 3 - hit
            else struck(one, str(number)),
            True,
            True,
            bytes([number]) * 16,
        )
        for number in range(3)
    ]


class Played:
    """An incident played on a store, with a client at a second gateway."""

    def __init__(self, one: Incident, hit: int) -> None:
        self.incident = one
        self.members = members(one, hit)
        self.failures: list[tuple[Deed, bool, str]] = []
        self.verdict: Verdict
        self.plan: DrillPlan
        self.report: DrillReport

    def note(self, deed: Deed, wrong: bool, text: str) -> None:
        self.failures.append((deed, wrong, text))

    async def play(self, sim: Simulation) -> None:
        world = World(3, clock=sim.clock, entropy=sim.entropy, members=self.members, policy=POLICY)
        await world.create()
        conducting, serving = await world.gateway(), await world.gateway()
        client = Canary(
            serving.store,
            sim.clock,
            sim.entropy,
            REST_S,
            lambda *failure: self.failures.append(failure),
            "client",
        )
        await client.open()
        outage = outage_from(self.incident, self.members)
        self.plan = plan_incident(self.incident, outage, PLAYED_S)
        self.verdict = what_if(holdings(conducting.state), self.plan.outage, {})
        client.start()
        self.report = await Drill(conducting.store, self.plan, sim.clock, sim.entropy, PACE).run()
        await client.close()
        await world.close()


def play(one: Incident, hit: int) -> Played:
    played = Played(one, hit)
    simulate(7, played.play)
    return played


INCIDENTS = load_incidents()


def to_play(incidents: Sequence[Incident]) -> Sequence[Incident]:
    """All of them in `make incidents`, in other runs one of each form."""
    return incidents if os.environ.get("OUTLAST_TEST_INCIDENTS") == "all" else one_of_each_form(incidents)


@pytest.mark.slow
@pytest.mark.parametrize("one", to_play(INCIDENTS), ids=lambda one: one.id)
def test_of_three_providers_one_is_hit_and_no_request_fails(one: Incident) -> None:
    played = play(one, 1)
    assert played.plan.providers == ("p2",)
    assert played.verdict.most.summary == "redundancy-less"
    assert played.failures == []
    report = played.report
    assert (report.end, report.kept, report.failures) == ("finished", True, ())
    assert (report.ended - report.began) / 1000 == pytest.approx(PLAYED_S, abs=5)
    for window in report.requests.values():
        for requests in window.values():
            assert requests.done
            assert requests.failed == 0
    assert None not in (report.back_s, report.whole_s)


# So many of the requests fail that the log cannot go on with two of three providers like this.
TOTAL = [
    one
    for one in INCIDENTS
    if all(phase.share == 1 and phase.reads and phase.writes for phase in one.phases)
    and not {phase.shape for phase in one.phases} & {"slow", "empty"}
]


@pytest.mark.slow
@pytest.mark.parametrize("one", to_play(TOTAL), ids=lambda one: one.id)
def test_two_of_three_are_hit_and_everything_stops_and_comes_back(one: Incident) -> None:
    played = play(one, 2)
    assert played.plan.providers == ("p1", "p2")
    assert (played.verdict.most.reads, played.verdict.most.writes) == ("lost", "lost")
    report = played.report
    assert (report.promised, report.kept) == ((), True)
    during = report.requests["during"]
    assert during["read"].failed
    assert during["write"].failed
    assert not any(wrong for _, wrong, _ in played.failures)
    assert not any(requests.failed for requests in report.requests["before"].values())
    assert report.back_s is not None


def test_each_incident_is_planned_on_whom_it_hits() -> None:
    """Those that are not played, too: a plan takes no time."""
    for one in INCIDENTS:
        for hit in (1, 2):
            plan = plan_incident(one, outage_from(one, members(one, hit)), PLAYED_S)
            assert plan.providers == ("p0", "p1", "p2")[-hit:], one.id


def test_enough_incidents_stop_everything() -> None:
    assert len(TOTAL) >= 5


def test_whom_an_incident_does_not_hit_it_does_not_hurt() -> None:
    for one in INCIDENTS:
        outage = outage_from(one, members(one, 0))
        assert not outage.providers | outage.maybe
