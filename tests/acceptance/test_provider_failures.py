"""Providers fail one after the other, each in another way, under load, and come back (acceptance 3).

One store goes through all of it, so a repair that had left something behind would be found out by the
failure after it: every provider gets its turn.
"""

import xml.etree.ElementTree as ET

import pytest
from scene import ANSWER_S_MAX, BUCKET, CLOCK, ENTROPY, NOTICED_S, Scene, answered, working
from under_load import Moments, nothing_is_lost

from outlast.base.limits import KIB, MIB
from outlast.providers.wrap.fault import Shape
from outlast.testing.s3_client import Response
from outlast.testing.workload import Load, Mix

CLIENTS = 8
CALM_S, FAILING_S = 1.0, 4.0
"""How long it is well before and after each failure, and how long that lasts: p99 is told of these spans."""

DRILL_S, SECOND_DRILL_S = 24, 12
COLLECT_S = "20"
"""No reader is at something for so long after it was overwritten. Without this, it takes tens of GiB."""

WELL_S_MAX = 2 * NOTICED_S
FAILURES = [
    ("b", "erased"),
    ("c", "refuse"),
    ("a", "hang"),
    ("b", "err"),
    ("c", "throttle"),
    ("a", "corrupt"),
    ("b", "empty"),
]
# Without a rest both cores would be the clients' and their gateway's alone, and nothing else could be tested.
MIX = Mix(keys=60, rest_s=0.2)
IN_TURN = {shape for _, shape in FAILURES}
QUICK = ("erased",)
SMALL = Mix(keys=20, sizes=((6, 4 * KIB), (2, 100 * KIB), (2, 300 * KIB), (1, 2 * MIB)))


async def begin(scene: Scene, name: str, shape: str) -> None:
    if shape == "erased":
        await scene.erase(name)
    elif shape == "away":
        scene.take_away(name)
    else:
        await scene.drill(name, shape)


async def end(scene: Scene, name: str, shape: str) -> None:
    if shape != "erased":
        await scene.end_drill(name)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("survival")
async def test_no_request_fails_whatever_a_provider_does(scene: Scene) -> None:
    gateway = await scene.serve()
    load = Load([await scene.target(gateway)], CLOCK, ENTROPY, MIX)
    async with working(load, CLIENTS) as report:
        for name, shape in FAILURES:
            calm = CLOCK.monotonic()
            await CLOCK.sleep(CALM_S)
            failing = CLOCK.monotonic()
            await begin(scene, name, shape)
            await CLOCK.sleep(FAILING_S)
            healed = CLOCK.monotonic()
            await end(scene, name, shape)
            await scene.mend(erased=shape == "erased")
            await scene.run("collect", "--grace", COLLECT_S)
            mended = CLOCK.monotonic()
            await CLOCK.sleep(CALM_S)
            Moments(calm, failing, healed, mended).tell(f"{name} {shape}", report)
            assert not report.failures, f"{name} {shape}: {report.failures[:10]}"
            assert not report.wrong, f"{name} {shape}: {report.wrong[:10]}"
    await nothing_is_lost(scene, load)
    assert not report.failures, report.failures[:10]
    assert (await scene.run("repair"))["bad"] == 0
    assert gateway.is_running()
    written, read = report.bytes_written >> 20, report.bytes_read >> 20
    print(f"{report.requests} requests, {written} MiB written, {read} MiB read")


async def survive(scene: Scene, shape: str) -> None:
    """The short form: one failure, and another machine that reads it all while that lasts."""
    load = Load([await scene.target(await scene.serve())], CLOCK, ENTROPY, SMALL)
    async with working(load, 6) as report:
        await answered(load, 30)
        await begin(scene, "b", shape)
        await answered(load, 60)
    await nothing_is_lost(scene, load)
    assert not report.failures, report.failures[:10]


@pytest.mark.parametrize("shape", QUICK)
async def test_no_request_fails(scene: Scene, shape: str) -> None:
    await survive(scene, shape)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [shape for shape in ("away", *Shape) if shape not in IN_TURN])
async def test_no_request_fails_in_any_other_shape(scene: Scene, shape: str) -> None:
    await survive(scene, shape)


def is_clear_503(response: Response) -> bool:
    """Whether it says, in S3's XML, that the service is not to be had now."""
    error = ET.fromstring(bytes(response.body))
    code, message = error.findtext("Code"), error.findtext("Message")
    return response.status == 503 and code in ("ServiceUnavailable", "SlowDown") and bool(message)


def is_clear(failure: str) -> bool:
    """Whether a load was told in time. What is lost in the middle of an answer can only be cut off."""
    return ": 503 ServiceUnavailable" in failure or (" get " in failure and "was closed" in failure)


@pytest.mark.slow
async def test_with_two_providers_away_errors_are_clear_and_nothing_is_lost(scene: Scene) -> None:
    gateway = await scene.serve()
    client = await scene.client(gateway)
    load = Load([await scene.target(gateway)], CLOCK, ENTROPY, SMALL)
    async with working(load, 6) as report:
        await answered(load, 60)
        assert not report.failures, report.failures[:10]
        for name in ("a", "b"):
            scene.take_away(name)
        for size in (1, MIB):
            assert is_clear_503(await client.put(BUCKET, "other", bytes(size)))
        assert is_clear_503(await client.get(BUCKET, "other"))
        for name in ("a", "b"):
            scene.bring_back(name)
        await well_again(load)
    await nothing_is_lost(scene, load)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("survival")
@pytest.mark.parametrize("shape", ["refuse", "hang"])
async def test_a_second_provider_that_fails_too_gives_clear_errors_in_bounded_time(
    scene: Scene, shape: str
) -> None:
    load = Load([await scene.target(await scene.serve())], CLOCK, ENTROPY, MIX)
    async with working(load, CLIENTS) as report:
        await answered(load, 100)
        # They end by themselves: two failing voters could not agree that it is over.
        await scene.drill("b", shape, DRILL_S)
        over = CLOCK.monotonic() + DRILL_S
        await answered(load, 30)
        assert not report.failures, report.failures[:10]
        await scene.drill("c", shape, SECOND_DRILL_S, "--force")
        failing = CLOCK.monotonic()
        await CLOCK.sleep(max(over - failing, SECOND_DRILL_S))
        assert report.failures, "two of three providers were away"
        await well_again(load)
    unclear = [failure for failure in report.failures if not is_clear(failure)]
    assert not unclear, unclear[:10]
    slowest = report.percentile_s(1, begin=failing)
    print(f"{shape}: {len(report.failures)} requests failed, the slowest answer took {slowest:.1f} s")
    assert slowest < ANSWER_S_MAX
    await nothing_is_lost(scene, load)


async def well_again(load: Load) -> None:
    """Soon no more requests fail, though nobody did anything about it."""
    deadline = CLOCK.monotonic() + WELL_S_MAX
    failed = -1
    while len(load.report.failures) > failed:
        assert CLOCK.monotonic() < deadline, load.report.failures[-5:]
        failed = len(load.report.failures)
        await answered(load, 50)
