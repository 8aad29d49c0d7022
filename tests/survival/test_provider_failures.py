"""A provider fails in every way under load, and comes back: no request fails, nothing is wrong or lost."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from live import CLOCK, ENTROPY, Live, judged

from outlast.testing.workload import Load, Mix, Report

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("survival")]

CLIENTS = 16
BEFORE_S, DURING_S, AFTER_S = 3.0, 7.0, 2.0
NOTICED_S = 6.0
"""A provider that was down is probed at least every 5 s or so."""
SHAPES = [
    "refuse",
    "hang",
    "slow",
    "err",
    "throttle",
    "denied",
    "stale",
    "corrupt",
    "truncated",
    "empty",
    "half-open",
]

Fault = Callable[[Live], Awaitable[None]]


async def erase(live: Live) -> None:
    """Everything in the provider's directory is gone at once; the directory is there."""
    trash = live.installation.folder / "trash"
    trash.mkdir()
    for path in sorted(live.installation.provider("b").iterdir()):
        path.rename(trash / path.name)


async def unmount(live: Live) -> None:
    """The directory itself is away, and comes back as it was."""
    provider = live.installation.provider("b")
    provider.rename(provider.with_suffix(".away"))


async def mount(live: Live) -> None:
    provider = live.installation.provider("b")
    provider.with_suffix(".away").rename(provider)


async def nothing(live: Live) -> None:
    pass


def begin(shape: str) -> Fault:
    async def fault(live: Live) -> None:
        await live.run("drill", "b", "--shape", shape, "--seconds", "600")

    return fault


async def end(live: Live) -> None:
    await live.run("drill", "b", "--stop")


FAULTS: dict[str, tuple[Fault, Fault]] = {
    "erased": (erase, nothing),
    "unmounted": (unmount, mount),
    **{shape: (begin(shape), end) for shape in SHAPES},
}


@pytest.mark.parametrize("name", FAULTS)
async def test_no_request_fails(live: Live, name: str) -> None:
    fault, heal = FAULTS[name]
    load = Load([await live.target(await live.serve())], CLOCK, ENTROPY, Mix(keys=60))
    over = asyncio.Event()
    running = asyncio.ensure_future(load.run(CLIENTS, until=over.is_set))
    try:
        await asyncio.sleep(BEFORE_S)
        failing = CLOCK.monotonic()
        await fault(live)
        await asyncio.sleep(DURING_S)
        healed = CLOCK.monotonic()
        await heal(live)
        repaired = await live.run("repair")
        well = CLOCK.monotonic()
        await asyncio.sleep(AFTER_S)
    finally:
        over.set()
        report = await running
    tell(name, report, failing, healed, well)
    judged(load, report)
    assert repaired["degraded"] == 0
    assert repaired["unreadable"] == 0
    await read_from_any_two(live, load, report)


def tell(name: str, report: Report, failing: float, healed: float, well: float) -> None:
    moments = [float("-inf"), failing, healed, well, float("inf")]
    print(f"{name}: {report.requests} requests, p99 in ms:")
    for when, begin, end in zip(["before", "during", "repair", "after"], moments, moments[1:], strict=False):
        get, put = (report.percentile_s(0.99, operation, begin, end) * 1000 for operation in ("get", "put"))
        print(f"    {when:<8} get {get:6.0f}  put {put:6.0f}")


async def read_from_any_two(live: Live, load: Load, report: Report) -> None:
    """After the repair any other provider may go, once the gateway has found that the last one is back."""
    target = await live.target(live.gateways[0])
    for name in ("a", "c"):
        await live.run("drill", name, "--shape", "refuse", "--seconds", "600")
        await load.read_all(target)
        await live.run("drill", name, "--stop")
        await target.list("")  # an idle gateway does not hear of it
        await asyncio.sleep(NOTICED_S)
    judged(load, report)


async def test_losing_two_gives_clear_errors_and_loses_nothing(live: Live) -> None:
    gateway = await live.serve()
    target = await live.target(gateway)
    load = Load([target], CLOCK, ENTROPY, Mix(keys=30))
    over = asyncio.Event()
    running = asyncio.ensure_future(load.run(CLIENTS, until=over.is_set))
    await asyncio.sleep(3)
    healthy = len(load.report.failures)
    for name in ("a", "b"):
        live.installation.provider(name).rename(live.installation.provider(name).with_suffix(".away"))
    await asyncio.sleep(5)
    for name in ("a", "b"):
        live.installation.provider(name).with_suffix(".away").rename(live.installation.provider(name))
    await asyncio.sleep(8)
    failed = len(load.report.failures)
    await asyncio.sleep(4)
    over.set()
    report = await running
    assert healthy == 0
    assert failed > 0
    assert len(report.failures) == failed, "when they are back, all is well"
    assert all("503 " in failure for failure in report.failures), report.failures[:5]
    await live.run("repair")
    await load.read_all(target)
    judged(load, report, failures=True)
    assert gateway.is_running()
