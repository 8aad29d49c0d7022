"""Drills under virtual time, on a store that is real but for its providers."""

from collections.abc import Awaitable, Callable

import pytest

from outlast.base.errors import NoSuchBucket, StoreUnavailable
from outlast.catalog.records import DrillSet
from outlast.outages.drill.canary import Canary, Window, bucket, left_s
from outlast.outages.drill.conduct import Drill, DrillPace, silent_s_max
from outlast.outages.drill.history import last_drill
from outlast.outages.drill.plan import DrillPlan, plan_shape
from outlast.outages.drill.promise import Promise
from outlast.outages.drill.readiness import excess, ill
from outlast.outages.drill.report import DrillReport, lines, requests_of
from outlast.outages.holdings import holdings
from outlast.outages.model import Domain
from outlast.outages.what_if import outage_of, what_if
from outlast.providers.wrap.fault import Shape
from outlast.testing.memory_store import Gateway, World
from outlast.testing.simulation import Simulation, simulate

pytestmark = pytest.mark.usefixtures("small_sizes")

PACE = DrillPace()


class Scene:
    """A store of three with two gateways, and the drill that is being conducted through the first."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.world = World(clock=sim.clock, entropy=sim.entropy)
        self.told: list[str] = []

    async def open(self) -> None:
        await self.world.create()
        await self.world.gateway()
        await self.world.gateway()

    def drill(self, names: str, shape: Shape = Shape.REFUSE, seconds: float = 60, share: float = 1) -> Drill:
        return self.conduct(plan_shape(outage(names), shape, seconds, share))

    def conduct(self, plan: DrillPlan) -> Drill:
        clock, entropy = self.sim.clock, self.sim.entropy
        return Drill(self.world.store, plan, clock, entropy, PACE, self.told.append)

    async def killed(self, names: str, after_s: float) -> None:
        """Conduct a long drill from a computer of its own, with a store of its own, and kill that."""
        host = self.sim.host("runner")

        async def run() -> None:
            gateway = Gateway(self.world)
            await gateway.store.open()
            plan = plan_shape(outage(names), Shape.REFUSE, 3600)
            await Drill(gateway.store, plan, self.sim.clock, self.sim.entropy, PACE).run()

        host.spawn(run())
        await self.sim.clock.sleep(PACE.before + after_s)
        for number in (0, 1):
            await self.sync(number)
            assert self.failing(number) == names.split()
        host.crash()

    def failing(self, gateway: int) -> list[str]:
        """Who fails at that gateway."""
        drilled = self.world.gateways[gateway].drilled
        return [name for name, fault in drilled.items() if fault.faults]

    async def sync(self, gateway: int) -> None:
        try:
            await self.world.gateways[gateway].catalog.sync()
        except StoreUnavailable:
            pass  # it may have learned just now that too many voters fail


def outage(names: str):  # type: ignore[no-untyped-def]  # a value's type
    return outage_of([Domain("provider", name, frozenset({name})) for name in names.split()])


def play(main: Callable[[Scene], Awaitable[None]], seed: int = 1) -> None:
    async def begin(sim: Simulation) -> None:
        scene = Scene(sim)
        await scene.open()
        await main(scene)
        await scene.world.close()
        for gateway in scene.world.gateways:
            assert not gateway.errors

    simulate(seed, begin)


def failed(report: DrillReport) -> int:
    return sum(one.failed for window in report.requests.values() for one in window.values())


@pytest.mark.slow
@pytest.mark.parametrize("shape", Shape)
def test_one_provider_fails_in_any_shape_and_no_request_does(shape: Shape) -> None:
    async def main(scene: Scene) -> None:
        report = await scene.drill("p1", shape).run()
        assert (report.end, report.kept, report.broken, failed(report)) == ("finished", True, "", 0)
        assert report.verdict == "redundancy-less"
        assert report.promised == ("read", "small write", "large write")
        assert (report.ended - report.began) / 1000 == pytest.approx(60, abs=5)
        for window in report.requests.values():
            assert window["read"].done and window["write"].done
        assert report.back_s is not None
        assert report.whole_s is not None
        assert not scene.failing(0)
        assert (await scene.world.store.status()).counts.objects == 0
        with pytest.raises(NoSuchBucket):
            await scene.world.store.bucket(bucket)
        assert scene.world.store.catalog.state.counts().degraded == 0

    play(main)


def test_a_refusing_provider_is_noticed_and_its_return_too() -> None:
    async def main(scene: Scene) -> None:
        report = await scene.drill("p1").run()
        assert report.noticed_s["p1"] is not None
        assert report.noticed_s["p1"] < 5
        text = "\n".join(lines(report))
        assert "p1: played to its end; the promise was kept" in text
        assert "0 failed" in text

    play(main)


@pytest.mark.slow
def test_all_gateways_obey_and_the_faults_end_with_the_lease_when_the_runner_dies() -> None:
    async def main(scene: Scene) -> None:
        await scene.killed("p1", 60)
        await scene.sim.clock.sleep(PACE.lease)
        assert scene.failing(0) == scene.failing(1) == []

    play(main)


@pytest.mark.slow
def test_what_a_killed_runner_left_behind_is_swept_up_by_the_next_drill() -> None:
    async def main(scene: Scene) -> None:
        await scene.killed("p1", 60)
        await scene.sim.clock.sleep(PACE.lease + left_s + 10)
        store = scene.world.gateways[1].store
        assert (await store.list(bucket)).entries
        report = await Drill(
            store, plan_shape(outage("p0"), Shape.ERR, 20), scene.sim.clock, scene.sim.entropy
        ).run()
        assert report.kept
        assert [one.name for one in await store.buckets()] == []

    play(main)


@pytest.mark.slow
def test_a_provider_that_really_fails_meanwhile_ends_it_and_breaks_no_promise() -> None:
    """That two are away at once was never promised to be borne."""

    async def main(scene: Scene) -> None:
        drill = scene.drill("p1", seconds=600)
        running = scene.sim.host("runner").spawn(drill.run())
        await scene.sim.clock.sleep(PACE.before + 20)
        scene.world.faults["p2"].shape = Shape.REFUSE
        began = scene.sim.clock.monotonic()
        while not any("p2 is down" in text for text in scene.told):
            await scene.sim.clock.sleep(0.1)
            assert scene.sim.clock.monotonic() - began < 30
        await scene.sim.clock.sleep(PACE.lease)
        scene.world.faults["p2"].shape = None
        report = await running
        assert (report.end, report.kept, report.broken) == ("overtaken", True, "")
        assert report.promised == ("read", "small write", "large write"), "what was to be tried"
        assert "ended because a provider failed that was not to" in lines(report)[0]
        assert (report.ended - report.began) / 1000 < 100

    play(main)


def test_what_should_not_have_failed_breaks_the_promise_and_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is promised here, also what cannot be kept."""
    everything = Promise("", ("read", "small write", "large write"))
    monkeypatch.setattr("outlast.outages.drill.promise.promise_of", lambda verdict: everything)

    async def main(scene: Scene) -> None:
        report = await scene.drill("p1 p2", seconds=600).run()
        assert (report.end, report.kept) == ("broken", False)
        assert report.broken
        assert report.broken in "\n".join(lines(report))
        assert (report.ended - report.began) / 1000 < 100

    play(main)


def test_the_promise_is_for_the_store_as_it_is_with_whoever_is_away() -> None:
    """Forced, while another provider is really away: then all stops, as it was said."""

    async def main(scene: Scene) -> None:
        scene.world.faults["p2"].shape = Shape.REFUSE
        await scene.sim.clock.sleep(20)
        report = await scene.drill("p1", seconds=40).run()
        assert report.requests["during"]["write"].failed
        assert (report.verdict, report.promised, report.kept) == ("read-loss", (), True)
        assert any("p2 is down" in note for note in report.notes)

    play(main)


def test_two_drills_at_once_do_not_take_each_others_objects() -> None:
    async def main(scene: Scene) -> None:
        first = scene.sim.host("first").spawn(scene.drill("p1", Shape.SLOW, 60).run())
        await scene.sim.clock.sleep(PACE.before + 10)
        plan = plan_shape(outage("p2"), Shape.SLOW, 20)
        second = await Drill(
            scene.world.gateways[1].store, plan, scene.sim.clock, scene.sim.entropy, PACE
        ).run()
        for report in (second, await first):
            assert (report.end, report.kept, failed(report)) == ("finished", True, 0)
        assert await scene.world.store.buckets() == []

    play(main)


def test_a_second_drill_that_takes_too_much_ends_the_first_and_breaks_no_promise() -> None:
    async def main(scene: Scene) -> None:
        first = scene.sim.host("first").spawn(scene.drill("p1", seconds=600).run())
        await scene.sim.clock.sleep(PACE.before + 20)
        plan = plan_shape(outage("p2"), Shape.REFUSE, 20)
        second = await Drill(
            scene.world.gateways[1].store, plan, scene.sim.clock, scene.sim.entropy, PACE
        ).run()
        report = await first
        assert (report.end, report.kept) == ("overtaken", True)
        assert (second.verdict, second.promised, second.kept) == ("read-loss", (), True)

    play(main)


def test_the_store_is_not_called_whole_while_others_still_write_what_misses_a_fragment() -> None:
    """A gateway that does not know yet that the provider is back goes on without it."""

    async def main(scene: Scene) -> None:
        other, clock = scene.world.gateways[1], scene.sim.clock
        await other.store.create_bucket("others")
        missed_at = 0.0

        async def write() -> None:
            for number in range(10_000):
                await other.store.put("others", str(number), bytes(300_000))
                await clock.sleep(0.2)

        async def look() -> None:
            nonlocal missed_at
            while True:
                if other.state.counts().degraded:
                    missed_at = clock.now()
                await clock.sleep(0.05)

        host = scene.sim.host("other")
        host.spawn(write())
        host.spawn(look())
        report = await scene.drill("p1", seconds=30).run()
        host.crash()
        assert report.whole_s is not None
        assert missed_at > report.ended / 1000, "or this shows nothing"
        assert report.whole_s >= missed_at - report.ended / 1000 - PACE.look_whole

    play(main)


def test_a_request_that_is_still_running_in_the_end_counts_with_the_time_that_it_took() -> None:
    async def main(scene: Scene) -> None:
        clock = scene.sim.clock
        canary = Canary(scene.world.store, clock, scene.sim.entropy, 0.2, lambda deed, wrong, text: None)
        await canary.open()
        canary.start()
        await clock.sleep(2)
        window = canary.window = Window()
        for fault in scene.world.faults.values():
            fault.shape = Shape.HANG
        await clock.sleep(4)
        with pytest.raises(StoreUnavailable):
            await canary.close()
        figures = requests_of(window)
        assert {kind: one.max_ms is not None and one.max_ms > 3000 for kind, one in figures.items()} == {
            "read": True,
            "write": True,
        }
        for fault in scene.world.faults.values():
            fault.shape = None
        await clock.sleep(20)

    play(main)


def test_it_can_be_stopped() -> None:
    async def main(scene: Scene) -> None:
        drill = scene.drill("p1", seconds=600)
        running = scene.sim.host("runner").spawn(drill.run())
        await scene.sim.clock.sleep(PACE.before + 20)
        drill.stop()
        report = await running
        assert (report.end, report.kept) == ("stopped", True)
        assert (report.ended - report.began) / 1000 < 25

    play(main)


def test_cancelled_it_ends_the_faults_and_clears_away() -> None:
    async def main(scene: Scene) -> None:
        running = scene.sim.host("runner").spawn(scene.drill("p1", seconds=600).run())
        await scene.sim.clock.sleep(PACE.before + 20)
        assert scene.failing(0) == ["p1"]
        running.cancel()
        while not running.done():
            await scene.sim.clock.sleep(0.1)
        assert scene.failing(0) == []
        await scene.sync(1)
        assert scene.failing(1) == []
        assert await scene.world.store.buckets() == []

    play(main)


def test_a_forced_drill_of_two_does_what_was_said_and_ends_without_the_log() -> None:
    async def main(scene: Scene) -> None:
        report = await scene.drill("p1 p2", seconds=40).run()
        assert (report.end, report.kept, report.verdict) == ("finished", True, "read-loss")
        assert report.promised == ()
        assert report.requests["during"]["read"].failed
        assert report.requests["during"]["write"].failed
        assert report.requests["before"]["read"].failed == report.requests["before"]["write"].failed == 0
        assert scene.failing(0) == []
        assert report.back_s is not None

    play(main)


def test_a_killed_runner_of_a_drill_that_takes_the_log_away_ends_too() -> None:
    async def main(scene: Scene) -> None:
        await scene.killed("p1 p2", 0.2)
        await scene.sim.clock.sleep(silent_s_max)
        assert scene.failing(0) == scene.failing(1) == []

    play(main)


def test_the_report_is_kept_and_found_by_whom_it_was_about() -> None:
    async def main(scene: Scene) -> None:
        report = await scene.drill("p1", seconds=20).run()
        await scene.sync(1)
        reports = scene.world.gateways[1].state.drill_reports()
        assert [(one.what, one.providers, one.kept) for one in reports] == [("p1", ("p1",), True)]
        (found,) = reports
        assert (found.began, found.ended) == (report.began, report.ended)
        same = outage_of([Domain("operator", "P1", frozenset({"p1"}))])
        assert last_drill(reports, same) == found
        assert last_drill(reports, outage("p2")) is None
        assert last_drill(reports, outage("p1 p2")) is None

    play(main)


def test_a_drill_had_better_not_begin() -> None:
    async def main(scene: Scene) -> None:
        store = holdings(scene.world.store.catalog.state)
        assert excess(what_if(store, outage("p1"), {})) == []
        (too_much,) = excess(what_if(store, outage("p1 p2"), {}))
        assert "read-loss" in too_much
        (now_too_much,) = excess(what_if(store, outage("p1"), {"p2": "down"}))
        assert "p1 is more than the store tolerates" in now_too_much

    play(main)
    assert ill({}, 0, []) == []
    assert ill({"b": "down"}, 3, [DrillSet("b", "hang", 1)]) == [
        "b is down",
        "3 extents miss a fragment",
        "a drill is in progress at b",
    ]
