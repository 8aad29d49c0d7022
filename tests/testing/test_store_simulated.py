"""The whole store in the simulator: gateways on hosts that crash, providers far away that fail in every way.

Nothing acknowledged is lost, nothing false is read, and everything is linearizable. While no more fails at
once than the policy tolerates, no request fails, but for those whose own gateway died under them. Between
two failures there is time for a repair, as tolerance 1 asks.

A failure prints its seed and the faults that came before it: `simulate(seed, survive)` has it again.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from outlast.base.limits import KIB, MIB
from outlast.catalog.records import Condition
from outlast.maintenance.repair import repair
from outlast.providers.memory import MemoryProvider
from outlast.providers.wrap.fault import Shape
from outlast.testing.history import linearizable
from outlast.testing.memory_store import World
from outlast.testing.network import Link, Weather
from outlast.testing.simulation import Host, Simulation, simulate
from outlast.testing.targets import Seen, StoreTarget, Target, Unanswered
from outlast.testing.workload import Load, Mix

T = TypeVar("T")

MIX = Mix(keys=10, sizes=((6, 4 * KIB), (3, 100 * KIB), (3, 200 * KIB), (1, 1 * MIB + 1)))
WEATHER = Weather(delay_s=(0.001, 0.02))
FAULTS: list[Shape | None] = [None, *Shape]
"""None: everything at the provider is erased."""

request_timeout_s = 30.0


class OnHost:
    """A target whose requests run on a host. When it dies they have no answer; later ones go to `spare`."""

    def __init__(self, target: Target, host: Host, sim: Simulation) -> None:
        self.target, self.host, self.sim = target, host, sim
        self.spare: OnHost | None = None

    async def call(self, make: Callable[[Target], Awaitable[T]]) -> T:
        if self.host.crashed and self.spare is not None:
            return await self.spare.call(make)

        async def work() -> T:
            return await make(self.target)

        await self.sim.clock.sleep(self.sim.entropy.uniform(0, 0.8))
        request = self.host.spawn(work())
        broken = asyncio.ensure_future(self.host.died.wait())
        await asyncio.wait([request, broken], timeout=request_timeout_s, return_when=asyncio.FIRST_COMPLETED)
        broken.cancel()
        if not request.done():
            raise Unanswered("its host died" if self.host.crashed else "it took too long")
        return request.result()

    async def put(self, key: str, label: str, content: bytes, condition: Condition | None = None) -> str:
        return await self.call(lambda target: target.put(key, label, content, condition))

    async def get(self, key: str, part: slice | None = None) -> Seen | None:
        return await self.call(lambda target: target.get(key, part))

    async def delete(self, key: str, condition: Condition | None = None) -> None:
        await self.call(lambda target: target.delete(key, condition))

    async def list(self, prefix: str) -> dict[str, str]:
        return await self.call(lambda target: target.list(prefix))


class Scene:
    """Three providers behind a network, and gateways on hosts."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.far = {name: MemoryProvider(name) for name in ("p0", "p1", "p2")}
        links = [Link(far, sim.clock, sim.entropy, WEATHER) for far in self.far.values()]
        self.world = World(links, 1, sim.clock, sim.entropy)
        self.over = False

    async def gateway(self, name: str) -> OnHost:
        host = self.sim.host(name)
        gateway = await asyncio.shield(host.spawn(self.world.gateway()))
        return OnHost(StoreTarget(gateway.store, "bucket"), host, self.sim)

    async def fail_in_turn(self, faults: int) -> None:
        """One provider at a time misbehaves for a while, comes back, and is repaired."""
        for _ in range(faults):
            await self.sim.clock.sleep(self.pick(0.5, 2.5))
            name = f"p{int(self.pick(0, 2.999))}"
            shape = FAULTS[int(self.pick(0, len(FAULTS) - 0.001))]
            self.sim.note("fault", name, shape or "erased")
            if shape is None:
                self.far[name].wipe()
            self.world.faults[name].shape = shape
            await self.sim.clock.sleep(self.pick(1, 5))
            self.world.faults[name].shape = None
            self.sim.note("over", name)
            await self.repaired()
            self.sim.note("repaired")
        self.over = True

    async def repaired(self) -> None:
        """Repair, as its owner would, until nothing is missing."""
        for attempt in range(10):
            await self.sim.clock.sleep(2)
            report = await repair(self.world.store, verify=not attempt)
            if not (
                report.missing or report.bad or report.unreachable or report.problems or report.reattached
            ):
                return
        raise AssertionError(f"it cannot be repaired: {report}")

    def pick(self, low: float, high: float) -> float:
        return self.sim.entropy.uniform(low, high)


def judged(sim: Simulation, *problems: list[str]) -> None:
    told = "\n".join(f"{at:9.3f} {what}" for at, what in sim.trace)
    found = [problem for several in problems for problem in several]
    assert not found, "\n".join([*found[:20], told])


async def survive(sim: Simulation, faults: int = 1) -> int:
    """Two gateways under load, providers that fail in turn, a gateway that dies; a new one then reads all."""
    scene = Scene(sim)
    await scene.world.create()
    targets = [await scene.gateway("g0"), await scene.gateway("g1")]
    await targets[0].call(lambda _: scene.world.store.create_bucket("bucket"))
    targets[1].spare = targets[0]
    load = Load(targets, sim.clock, sim.entropy_of("load"), MIX)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(load.run(4, until=lambda: scene.over))
        group.create_task(scene.fail_in_turn(faults))
        await sim.clock.sleep(scene.pick(1, 7))
        targets[1].host.crash()
        sim.note("crash", "g1")
    report = await running
    died = [failure for failure in report.failures if "its host died" in failure]
    assert len(died) <= 2  # the two clients of that gateway
    judged(sim, [failure for failure in report.failures if failure not in died], report.wrong)

    calm = await load.read_all(await scene.gateway("g2"))
    judged(sim, [failure for failure in calm.failures if failure not in died], calm.wrong)
    verdict = linearizable(load.history)
    judged(sim, [str(violation) for violation in verdict.violations])
    assert verdict.operations > 50
    return sim.fingerprint


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50 if os.environ.get("OUTLAST_TEST_MANY") else 12))
def test_nothing_fails_and_nothing_is_lost(seed: int) -> None:
    simulate(seed, survive)


@pytest.mark.skipif(not os.environ.get("OUTLAST_TEST_MANY"), reason="minutes: run by `make many`")
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(50, 1050, 50))
def test_nothing_fails_and_nothing_is_lost_in_a_thousand_runs(first: int) -> None:
    for seed in range(first, first + 50):
        simulate(seed, lambda sim: survive(sim, faults=1 + sim.seed % 2))


def test_a_run_is_the_same_each_time() -> None:
    assert simulate(7, survive) == simulate(7, survive)
