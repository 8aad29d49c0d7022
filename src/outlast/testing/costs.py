"""Counts the requests of each operation to the providers: a store over metered memory, in virtual time.

The meter is production's, in the same position. Each operation is done by a gateway that has been at work for
a while (connections, catalog, and latencies known), one after another, with nothing else going on; what it
leaves in the background is counted, too. Hedges are not: they are up to a tenth of the reads of large
objects, at random.

    counted = count(voters=3, data_only=0)
    counted["PUT 4 KiB"].voters.writes  # 3.0

A test compares `docs/reference/costs.md` with these numbers, so a change that adds a request shows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from outlast.base.concurrency import cancel_and_wait
from outlast.base.limits import KIB, MIB
from outlast.maintenance.follow import follow
from outlast.providers.memory import MemoryProvider
from outlast.providers.wrap.guard import network_quiet_period_s
from outlast.providers.wrap.meter import Meter
from outlast.store import Store
from outlast.store.hedge import Hedges
from outlast.testing.memory_store import World
from outlast.testing.network import Link, Weather
from outlast.testing.simulation import Simulation, simulate

SMALL = 4 * KIB
LARGE = 16 * MIB
"""One extent: a larger object costs a multiple."""
ROUND_TRIP_S = 0.02
# All together within the marker's period, so that none of its reads is counted by chance.
REPEATS = 4
PAUSE_S = 0.25
HOUR_S = 3600.0

_write_verbs = ("put", "create", "list")
_read_verbs = ("get", "head")


@dataclass(frozen=True, slots=True)
class Share:
    """The requests to some providers together, for one operation."""

    writes: float = 0.0
    """`put`, `create` and `list`: what clouds call class A."""
    reads: float = 0.0
    """`get` and `head`: class B."""
    deletes: float = 0.0
    sent_bytes: float = 0.0
    received_bytes: float = 0.0

    def __sub__(self, other: "Share") -> "Share":
        return Share(*(a - b for a, b in zip(self._all(), other._all(), strict=True)))

    def __add__(self, other: "Share") -> "Share":
        return Share(*(a + b for a, b in zip(self._all(), other._all(), strict=True)))

    def of(self, operations: float) -> "Share":
        """Return the part of one operation out of `operations`."""
        return Share(*(value / operations for value in self._all()))

    def _all(self) -> Sequence[float]:
        return self.writes, self.reads, self.deletes, self.sent_bytes, self.received_bytes


@dataclass(frozen=True, slots=True)
class Count:
    """One operation's requests, by the providers' roles."""

    voters: Share
    """All voters together; they hold data as well."""
    data_only: Share

    @property
    def total(self) -> Share:
        return self.voters + self.data_only


def count(voters: int = 3, data_only: int = 0) -> dict[str, Count]:
    """Count the requests of each operation, in a store of tolerance 1 over this many providers."""

    async def main(sim: Simulation) -> dict[str, Count]:
        scene = await _scene(sim, voters, data_only)
        try:
            return {name: await scene.count(operation) for name, operation in _operations(sim)}
        finally:
            await scene.world.close()

    return simulate(1, main, limit_s=10 * HOUR_S)


class _Scene:
    """The store, a second gateway, and the meters."""

    def __init__(self, sim: Simulation, world: World, meters: Mapping[str, Meter]) -> None:
        self.sim = sim
        self.world = world
        self.store = world.store
        self._meters = meters

    async def count(self, operation: "_Operation") -> Count:
        """Count the requests of the operation, once."""
        await operation.prepare(self)
        await self.sim.clock.sleep(operation.rest_s)
        before = self._usage()
        for number in range(operation.repeats):
            await operation.run(self, number)
        await self.sim.clock.sleep(operation.settle_s)
        after = self._usage()
        return Count(*((a - b).of(operation.repeats) for a, b in zip(after, before, strict=True)))

    def _usage(self) -> tuple[Share, Share]:
        voting, others = Share(), Share()
        for name, meter in self._meters.items():
            if name in self.world.voters:
                voting += _share(meter)
            else:
                others += _share(meter)
        return voting, others


class _NoHedges(Hedges):
    def spend(self, *, on_credit: bool = False) -> bool:
        return False


class _Operation:
    """Something that is done `repeats` times. `settle_s` is for its background work."""

    def __init__(
        self,
        run: Callable[[_Scene, int], Awaitable[object]],
        warm: Callable[[_Scene], Awaitable[object]] | None = None,
        repeats: int = REPEATS,
        rest_s: float = PAUSE_S,
        settle_s: float = PAUSE_S,
    ) -> None:
        self.run = run
        self.repeats = repeats
        self.rest_s = rest_s
        self.settle_s = settle_s
        self._warm = warm

    async def prepare(self, scene: _Scene) -> None:
        """Have the markers read now, and not while requests are counted."""
        await scene.sim.clock.sleep(10.0)
        await scene.store.bucket("bucket")
        for guard in scene.world.guards.values():
            await guard.check()
        if self._warm is not None:
            await self._warm(scene)


def _operations(sim: Simulation) -> list[tuple[str, _Operation]]:
    small, large = bytes(SMALL), bytes(LARGE)

    def by(what: Callable[[Store, int], Awaitable[object]]) -> Callable[[_Scene, int], Awaitable[object]]:
        return lambda scene, number: what(scene.store, number)

    async def read(store: Store, key: str) -> None:
        await (await store.get("bucket", key)).read()

    async def other_writes(scene: _Scene) -> None:
        await scene.world.gateways[1].store.put("bucket", "theirs", small)

    async def be_alone(scene: _Scene) -> None:
        await scene.world.gateways.pop().store.close()

    async def idle(scene: _Scene, number: int) -> None:
        following = asyncio.ensure_future(follow(scene.store, sim.clock))
        await sim.clock.sleep(HOUR_S)
        await cancel_and_wait([following])

    return [
        ("PUT 4 KiB", _Operation(by(lambda store, n: store.put("bucket", f"s{n}", small)))),
        (
            "PUT 4 KiB, another gateway wrote last",
            _Operation(by(lambda store, n: store.put("bucket", "s", small)), other_writes, repeats=1),
        ),
        ("PUT 16 MiB", _Operation(by(lambda store, n: store.put("bucket", "l", large)), repeats=1)),
        ("GET 4 KiB", _Operation(by(lambda store, n: read(store, "s0")))),
        ("GET 16 MiB", _Operation(by(lambda store, n: read(store, "l")), repeats=1)),
        ("HEAD", _Operation(by(lambda store, n: store.head("bucket", "s0")))),
        ("LIST, a page", _Operation(by(lambda store, n: store.list("bucket")))),
        ("commit of something else", _Operation(by(lambda store, n: store.create_bucket(f"bucket-{n}")))),
        ("DELETE", _Operation(by(lambda store, n: store.delete("bucket", f"s{n}")))),
        ("an idle gateway, one hour", _Operation(idle, be_alone, repeats=1, rest_s=60.0, settle_s=0.0)),
    ]


def _share(meter: Meter) -> Share:
    def requests(verbs: Sequence[str]) -> float:
        return float(sum(meter.usage[verb].requests for verb in verbs if verb in meter.usage))

    return Share(
        requests(_write_verbs),
        requests(_read_verbs),
        requests(("delete",)),
        float(sum(usage.sent_bytes for usage in meter.usage.values())),
        float(sum(usage.received_bytes for usage in meter.usage.values())),
    )


async def _scene(sim: Simulation, voters: int, data_only: int) -> _Scene:
    meters = {
        f"p{number}": Meter(MemoryProvider(f"p{number}", sim.clock), sim.clock)
        for number in range(voters + data_only)
    }
    steady = Weather(delay_s=(ROUND_TRIP_S / 2, ROUND_TRIP_S / 2))
    links = [Link(meter, sim.clock, sim.entropy_of(name), steady) for name, meter in meters.items()]
    world = World(links, 1, sim.clock, sim.entropy_of("store"), quiet_period_s=network_quiet_period_s)
    assert len(world.voters) == voters
    await world.create()
    for _ in range(2):
        await world.gateway()
    world.store.reader.hedges = _NoHedges()
    await world.store.create_bucket("bucket")
    for number in range(REPEATS):
        await world.store.put("bucket", f"s{number}", bytes(SMALL))
    return _Scene(sim, world, meters)
