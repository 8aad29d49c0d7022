"""A store over real servers survives any one of them: killed, hung, cut off, without a name, untrusted.

One store goes through all that is listed, so a repair that had left something behind would be found out by
the failure after it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from clouds import CloudScene, build
from scene import CLOCK, ENTROPY, working
from under_load import Moments, nothing_is_lost

from outlast.base.limits import KIB, MIB
from outlast.testing.workload import Load, LoadReport, Mix

CLIENTS = 4
CALM_S, FAILING_S = 0.5, 4.0
SIZES = ((12, 4 * KIB), (3, 100 * KIB), (3, 300 * KIB), (2, 2 * MIB + 1), (1, 5 * MIB + 3))
# The servers are emulators on the same cores: without a rest nobody else would get a turn there.
MIX = Mix(keys=30, sizes=SIZES, rest_s=0.5)

Failures = Sequence[tuple[str, str]]

STORES: dict[str, tuple[Mapping[str, str], Failures]] = {
    "three-clouds": (
        {"moto": "full", "azurite": "full", "gcs": "full"},
        (
            ("gcs", "killed"),
            ("azurite", "hung"),
            ("moto", "blackhole"),
            ("gcs", "nameless"),
            ("azurite", "untrusted"),
        ),
    ),
    "swift-webdav-disk": (
        {"swift": "full", "webdav": "full", "disk": "full", "moto": "witness", "gcs": "witness"},
        (
            ("swift", "killed"),
            ("webdav", "hung"),
            ("moto", "killed"),
            ("gcs", "reset"),
            ("swift", "untrusted"),
        ),
    ),
    "two-clouds-and-witness": (
        {"azurite": "full", "gcs": "full", "disk": "witness"},
        (("azurite", "killed"), ("gcs", "hung"), ("azurite", "blackhole"), ("gcs", "nameless")),
    ),
}


async def survive(scene: CloudScene, load: Load, report: LoadReport, name: str, shape: str) -> None:
    """One place fails and comes back; everything is repaired, and nobody has noticed."""
    calm = CLOCK.monotonic()
    await CLOCK.sleep(CALM_S)
    failing = CLOCK.monotonic()
    await scene.begin(name, shape)
    await CLOCK.sleep(FAILING_S)
    healed = CLOCK.monotonic()
    erased = await scene.end(name, shape)
    await scene.mend(erased)
    mended = CLOCK.monotonic()
    await CLOCK.sleep(CALM_S)
    Moments(calm, failing, healed, mended).tell(f"{name} {shape}", report)
    assert not report.failures, f"{name} {shape}: {report.failures[:10]}"
    assert not report.wrong, f"{name} {shape}: {report.wrong[:10]}"


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.xdist_group("clouds")
@pytest.mark.parametrize("store", STORES)
async def test_a_store_over_real_servers_survives_any_one_of_them(store: str, tmp_path: Path) -> None:
    roles, failures = STORES[store]
    async with AsyncExitStack() as stack:
        scene = await asyncio.to_thread(build, tmp_path / "clouds", stack, roles)
        gateway = await scene.serve()
        load = Load([await scene.target(gateway)], CLOCK, ENTROPY, MIX)
        async with working(load, CLIENTS) as report:
            for name, shape in failures:
                if shape == "nameless" and scene.places[name].names is None:
                    continue
                await survive(scene, load, report, name, shape)
        await nothing_is_lost(scene, load)
        assert (await scene.run("repair"))["bad"] == 0
        assert gateway.is_running()
        print(f"{store}: {report.requests} requests, {report.bytes_written >> 20} MiB written")
