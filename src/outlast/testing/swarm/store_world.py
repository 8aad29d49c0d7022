"""The whole store: gateways and commands on machines of their own, providers that fail, a mixed load.

Everything but the providers and the network is production code: guards, log, catalog, store, repair,
collection. Clients write down what they ask and see (`testing.workload`); in the end the history must be
linearizable, and all the while the checkers look at what the providers really hold.

The phases are those of the log's world: *safety*, *liveness*, *calm*.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from outlast.base import limits
from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import StoreError
from outlast.catalog.records import Condition, Extent, FragmentsRestored, ProviderReattached
from outlast.catalog.wire import decode
from outlast.coding.seal import Box
from outlast.maintenance.collect import collect
from outlast.maintenance.repair import RepairReport, repair
from outlast.maintenance.upkeep import upkeep
from outlast.placement.members import Domains, Member
from outlast.providers.marker import MARKER_KEY, Marker, decode_marker
from outlast.providers.protocol import Buffer, Provider
from outlast.providers.wrap.fault import Shape
from outlast.store import Store
from outlast.store.reading import Reading
from outlast.store.write import Source
from outlast.testing.checkers import LogCheckers
from outlast.testing.history import linearizable
from outlast.testing.loop import Host
from outlast.testing.memory_store import Gateway, World
from outlast.testing.network import Link, Weather
from outlast.testing.places import Place
from outlast.testing.simulation import Simulation
from outlast.testing.store_checkers import FRAGMENTS, Fragments
from outlast.testing.swarm.chance import Chance
from outlast.testing.swarm.options import Mishap, Options, Seat
from outlast.testing.swarm.scenario import HostDied, Scenario, restart_s_max
from outlast.testing.targets import Seen, StoreTarget, Target, Unanswered
from outlast.testing.workload import Load, Mix

T = TypeVar("T")

BUCKET = "bucket"
KEYS = 8

# A request is given up after this, and what a slow client takes for itself.
request_s_max = 30.0
# After a provider failed and is back, what it missed is mended within a minute; a little more is waited for.
mended_s_max = 90.0
# A machine that was stopped or cut off, or died, is excused for failed requests for so long afterwards.
excused_s = 40.0
# A gateway knows of a provider's return within this.
noticed_s_max = 10.0
safety_s_max, liveness_s_max = 6_000.0, 60.0
repair_pause_s, repair_attempts_max = 3.0, 60
# How long what nobody refers to is left alone: short, so that collections meet readers.
grace_s, collect_pause_s = 45.0, 4.0

# How often somebody has a quick look at the store (sizes only) first, and only then a thorough one.
quick_share = 0.5

# Between reading a fragment and the record that it is right lies no more than this, unless the weather is bad
# or one of these faults happens.
proof_s_max = 10.0
delaying = frozenset({"stop", "cut", "away", "full"})

SHAPES = tuple(shape for shape in Shape if shape is not Shape.STALE)
"""How a provider fails. (Reads that show the past are an assumption's affair.)"""


def sizes(weights: Sequence[float]) -> tuple[tuple[float, int], ...]:
    """(weight, bytes): small, inline at most, one stripe, half an extent, several extents."""
    inline, extent = limits.inline_bytes_max, limits.extent_bytes_max
    counts = inline // 4, inline, 4 * inline, extent // 2, 2 * extent + 1
    return tuple(zip(weights, counts, strict=True))


class SlowTarget(StoreTarget):
    """A bucket whose clients take `slow_s` to send a large object, and to read one."""

    def __init__(self, store: Store, slow_s: float, sleep: Callable[[float], Awaitable[None]]) -> None:
        super().__init__(store, BUCKET)
        self._slow_s = slow_s
        self._sleep = sleep

    def source(self, content: bytes) -> Source:
        if not self._slow_s or len(content) <= limits.inline_bytes_max:
            return content
        return self._slowly(content)

    async def _slowly(self, content: bytes) -> AsyncIterator[Buffer]:
        step = len(content) // 6 + 1
        for start in range(0, len(content), step):
            await self._sleep(self._slow_s / 6)
            yield content[start : start + step]

    async def read(self, reading: Reading) -> bytes:
        if not self._slow_s:
            return await reading.read()
        content = b""
        async with reading:
            async for chunk in reading:
                content += chunk
                await self._sleep(self._slow_s * len(chunk) / reading.version.size)
        return content


class StoreMachine:
    """A seat's machine, started again whenever it crashed. For its clients it is the bucket."""

    def __init__(self, world: "StoreWorld", number: int, seat: Seat) -> None:
        self.number = number
        self.seat = seat
        self.host: Host | None = None
        self.gateway: Gateway | None = None
        self.excused_until = 0.0
        """Until when requests through it may fail."""
        self.links: list[Link] = []
        self._world = world
        self._clock = world.sim.clock_of(seat.clock_offset_s)
        self._catalogs = 0
        self._free_catalogs: list[Path] = []

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(HostDied):
                await self.start()
            if self.host is not None:
                await self.host.died.wait()
            self.gateway = None
            self.excuse()
            await self._world.sim.clock.sleep(self._world.chance.between(0, restart_s_max))

    def excuse(self) -> None:
        """What was under way may fail."""
        self.excused_until = self._world.sim.clock.monotonic() + excused_s

    async def start(self) -> None:
        """A process is started. Raises `HostDied`."""
        self.host = self._world.new_host(f"g{self.number}")
        path = self._world.folder / f"g{self.number}.sqlite" if self.seat.on_disk else None
        self.gateway = await self._world.on_host(self.host, self.open(self.host, path))
        entropy = self._world.sim.entropy_of(f"{self.host.name}/upkeep")
        self.host.spawn(upkeep(self.gateway.store, self._clock, entropy))

    async def open(self, host: Host, path: Path | None = None) -> Gateway:
        """A gateway on this machine, with its local catalog at `path`."""
        world = self._world
        self.links = []

        def reach(provider: Provider) -> Provider:
            entropy = world.sim.entropy_of(f"{host.name}/{provider.name}")
            link = Link(provider, world.sim.clock, entropy, world.weather(self.seat), attests=True)
            self.links.append(link)
            return link

        entropy = world.sim.entropy_of(host.name)
        return await world.world.gateway(path, self._clock, entropy, reach, world.errors)

    # ------------------------------------------------------------ as a target

    async def put(self, key: str, label: str, content: bytes, condition: Condition | None = None) -> str:
        began = self._world.sim.clock.monotonic()

        async def put(target: Target, gateway: Gateway) -> str:
            etag = await target.put(key, label, content, condition)
            if not self._world.excuses(self, began):
                self._world.acknowledged(gateway, key, etag, began)
            return etag

        return await self._request(put)

    async def get(self, key: str, part: slice | None = None) -> Seen | None:
        return await self._request(lambda target, _: target.get(key, part))

    async def delete(self, key: str, condition: Condition | None = None) -> None:
        await self._request(lambda target, _: target.delete(key, condition))

    async def list(self, prefix: str) -> dict[str, str]:
        return await self._request(lambda target, _: target.list(prefix))

    async def _request(self, ask: Callable[[Target, Gateway], Awaitable[T]]) -> T:
        if self.seat.command:
            return await self._in_a_process(ask)
        for _ in range(100):
            if self.gateway is not None:
                break
            await self._world.sim.clock.sleep(0.25)
        host, gateway = self.host, self.gateway
        if host is None or gateway is None:
            raise Unanswered("it is not up")
        return await self._ask(host, lambda: ask(self._target(gateway), gateway))

    async def _in_a_process(self, ask: Callable[[Target, Gateway], Awaitable[T]]) -> T:
        """Open the store, ask once, close it, and end. A local catalog stays for the next process."""
        host = self._world.new_host(f"command{self.number}")
        path = self._free_catalog()

        async def process() -> T:
            gateway = await self.open(host, path)
            try:
                return await ask(self._target(gateway), gateway)
            finally:
                await gateway.store.close()

        try:
            return await self._ask(host, process)
        finally:
            host.crash()
            self._free_catalogs.append(path)

    def _free_catalog(self) -> Path:
        if not self._free_catalogs:
            self._catalogs += 1
            self._free_catalogs.append(self._world.folder / f"command{self.number}.{self._catalogs}.sqlite")
        return self._free_catalogs.pop()

    async def _ask(self, host: Host, request: Callable[[], Awaitable[T]]) -> T:
        async def answer() -> T:
            return await request()

        try:
            async with asyncio.timeout(request_s_max + 2 * self.seat.slow_s):
                return await self._world.on_host(host, answer())
        except HostDied:
            self.excuse()
            raise Unanswered("its host died") from None
        except TimeoutError:
            raise Unanswered("it took too long") from None

    def _target(self, gateway: Gateway) -> Target:
        return SlowTarget(gateway.store, self.seat.slow_s, self._clock.sleep)


class SeatLoad(Load):
    """A load whose clients each have the rhythm of their seat."""

    async def client(self, world: "StoreWorld", machine: StoreMachine, number: int) -> None:
        """All operations of one client. A failed request is a violation, unless it is excused."""
        name = f"g{machine.number}.{number}"
        pace = Chance(world.sim.entropy_of(f"client {name}"))
        for count in range(machine.seat.operations):
            await world.sim.clock.sleep(world.rest_s(machine.seat, pace, count))
            operation, key = self._chosen(self._mix.operations), self.key(pace.whole(0, KEYS - 1))
            began, failures = world.sim.clock.monotonic(), len(self.report.failures)
            await self.do(operation, key, name, machine)
            failed = [told for told in self.report.failures[failures:] if told.startswith(name)]
            if failed and not world.excuses(machine, began):
                world.violated("failed", failed[0])
            if self.report.wrong:
                world.violated("wrong", self.report.wrong[0])


class Repaired(NamedTuple):
    """What came of one `outlast repair`."""

    report: RepairReport
    degraded: int
    """Extents that still miss a fragment."""
    extents: list[Extent]
    """Those of before that are still there."""
    noted: Mapping[bytes, int]
    """What the catalog called missing before, a bit each, by extent."""

    @property
    def says_whole(self) -> bool:
        """Whether it says that nothing is missing any more."""
        report = self.report
        return not (report.unreachable or report.unreadable or report.problems or self.degraded)


class StoreWorld(Scenario):
    """See the module's docstring. `folder` is for local catalogs."""

    def __init__(self, sim: Simulation, options: Options, folder: Path) -> None:
        super().__init__(sim, options)
        self.folder = folder
        members = [
            Member(place.name, Domains(operator=place.name), True, True, sim.entropy.bytes(16))
            for place in self.places
        ]
        self.world = World(self.places, options.tolerate, sim.clock, sim.entropy_of("world"), members)
        self.fragments = Fragments(self.places, sim.clock.monotonic)
        self.checkers = LogCheckers(
            self.world.voters,
            Box(self.world.keyring.log, sim.entropy_of("checkers")),
            {name: self.world.incarnation(name) for name in self.world.voters},
            sim.fail,
            self._hear,
            sim.clock.monotonic,
        )
        self.checkers.off.update(options.ignores)
        self.machines = [StoreMachine(self, number, seat) for number, seat in enumerate(options.seats)]
        mix = Mix(KEYS, "load/", sizes(options.sizes))
        self.load = SeatLoad(self.machines, sim.clock, sim.entropy_of("load"), mix)

    async def run(self) -> None:
        """All three phases. A violation ends the simulation."""
        await self._create()
        running = [asyncio.ensure_future(machine.run()) for machine in self.machines]
        faults = asyncio.ensure_future(self.befall_all())
        clients = [
            asyncio.ensure_future(self.load.client(self, machine, number))
            for machine in self.machines
            for number in range(machine.seat.clients)
        ]
        everything = [faults, *clients]
        await self.wait_until(
            lambda: all(task.done() for task in everything), safety_s_max, "the clients and the faults"
        )
        for task in everything:
            task.result()
        self.calm = True
        await self._check_liveness()
        await cancel_and_wait(running)
        await self._check_calm()

    def _hear(self, record: bytes) -> tuple[str, bytes] | None:
        """A record was decided: the provider that it takes back, and its new incarnation."""
        decoded = decode(record)
        if isinstance(decoded, FragmentsRestored):
            self._check_proved(decoded)
        return (decoded.provider, decoded.incarnation) if isinstance(decoded, ProviderReattached) else None

    def _check_proved(self, record: FragmentsRestored) -> None:
        """What is recorded as restored was right not long ago."""
        stormy = any(seat.stormy for seat in self.options.seats)
        if stormy or any(fault.kind in delaying for fault in self.options.faults):
            return  # whoever had read it may have been kept from saying so
        for one in record.fragments:
            wrong_s = self.fragments.wrong_for_s(record.extent, one)
            if wrong_s > proof_s_max:
                told = f"{record.extent.hex()[:8]} at {one.place}, which has been wrong for {wrong_s:.0f} s"
                self.violated("repair", f"somebody recorded as restored {told}")

    async def _create(self) -> None:
        self.calm = True
        await self.world.create()
        for place in self.places:
            if place.name in self.world.voters:
                self.checkers.watch(place)
        host = self.new_host("init")
        gateway = await self.on_host(host, self.world.gateway())
        await self.on_host(host, gateway.store.create_bucket(BUCKET))
        await self.on_host(host, gateway.store.close())
        self.calm = False

    def weather(self, seat: Seat) -> Weather:
        """What the network between this seat and the providers is like."""
        delay_s = self.options.delay_s * seat.distance
        lost = 0.01 if seat.stormy and not self.calm else 0.0
        return Weather((delay_s / 2, delay_s * 1.5), lost, lost, lost, stray_s=20.0)

    # ------------------------------------------------------------ what clients see

    def excuses(self, machine: StoreMachine, began: float) -> bool:
        """Whether a request through this machine that began then may have failed."""
        if machine.seat.stormy or machine.excused_until > began:
            return True
        return len(self.harmed) > self.options.tolerate

    def acknowledged(self, gateway: Gateway, key: str, etag: str, began: float) -> None:
        """A gateway has just acknowledged a write that began then."""
        harmed = {self.places[number].name for number in self.harmed}
        lately = {name for name, at in self.whole_at.items() if at > began - noticed_s_max}
        if told := self.fragments.early(gateway, BUCKET, key, etag, harmed, lately):
            self.violated("early", f"{key}: {told}")

    # ------------------------------------------------------------ faults

    async def wait_whole(self, fault: Mishap) -> None:
        """A writer may have died between its commit and what follows: gateways mend that in a minute."""
        await self.sim.clock.sleep(mended_s_max)

    async def befall_away(self, fault: Mishap) -> None:
        """The provider fails in one of the shapes."""
        shape = SHAPES[int(fault.detail * len(SHAPES)) % len(SHAPES)]
        async with self.harming(fault) as place:
            if place is not None:
                self.sim.note("shape", place.name, shape)
                self.world.faults[place.name].shape = shape
                await self.sim.clock.sleep(fault.seconds)
                self.world.faults[place.name].shape = None

    def mounted(self, place: Place, left_behind: dict[str, bytes]) -> None:
        super().mounted(place, left_behind)
        if any(key.startswith(FRAGMENTS) for key in left_behind):
            self.violated("left behind", f"{place.name}: fragments are in its empty mount point")

    async def befall_rot(self, fault: Mishap) -> None:
        """Some fragments at the provider decay, or vanish; some time later somebody repairs the store."""
        async with self.harming(fault) as place:
            if place is None:
                return
            decay = Chance(self.sim.entropy_of(f"rot {fault.at_s}"))
            for key in sorted(key for key in place.contents() if key.startswith(FRAGMENTS)):
                if decay.happens(0.4):
                    self._decay(place, key, decay)
            await self.sim.clock.sleep(fault.seconds)
            if fault.detail < quick_share:
                await self._repair_quickly()
            await self.repair(fault.target)

    def _decay(self, place: Place, key: str, decay: Chance) -> None:
        content = bytearray(place.content(key) or b"\x00")
        if decay.happens(0.3):
            place.remove(key)
            return
        content[decay.whole(0, len(content) - 1)] ^= 0xFF
        place.damage(key, bytes(content))

    async def befall_marker(self, fault: Mishap) -> None:
        """The marker is damaged: no bytes, other bytes, or one byte of it. Somebody repairs the store."""
        async with self.harming(fault) as place:
            if place is not None and (marker := place.content(MARKER_KEY)) is not None:
                damaged = (b"", b"{}", b"\x00" * 64, marker[:-9] + b"?" + marker[-8:])
                place.damage(MARKER_KEY, damaged[min(3, int(fault.detail * 4))])
                await self.sim.clock.sleep(fault.seconds)
                await self.repair(fault.target)

    async def befall_crash(self, fault: Mishap) -> None:
        machine = self.machines[fault.target]
        if machine.host is not None:
            self.sim.note("crash", machine.host.name)
            machine.excuse()
            machine.host.crash()

    async def befall_close(self, fault: Mishap) -> None:
        machine = self.machines[fault.target]
        host, gateway = machine.host, machine.gateway
        if host is not None and gateway is not None:
            self.sim.note("close", host.name)
            machine.excuse()
            with contextlib.suppress(HostDied):
                await self.on_host(host, gateway.store.close())
            host.crash()

    async def befall_stop(self, fault: Mishap) -> None:
        machine = self.machines[fault.target]
        if (host := machine.host) is not None:
            self.sim.note("stop", host.name, fault.seconds)
            machine.excused_until = float("inf")
            host.stop()
            await self.sim.clock.sleep(fault.seconds)
            host.resume()
            machine.excuse()

    async def befall_cut(self, fault: Mishap) -> None:
        """One gateway's link to the provider carries nothing one way. Counts as no harm."""
        machine = self.machines[int(fault.detail * len(self.machines)) % len(self.machines)]
        links = [link for link in machine.links if link.name == self.places[fault.target].name]
        machine.excused_until = float("inf")
        for link in links:
            link.cut = "requests" if fault.detail * 10 % 1 < 0.5 else "answers"
            self.sim.note("cut", machine.number, link.name, link.cut)
        await self.sim.clock.sleep(fault.seconds)
        for link in links:
            link.cut = ""
        machine.excuse()

    async def befall_collect(self, fault: Mishap) -> None:
        """A gateway deletes what nobody refers to any more, again and again."""
        until = self.sim.clock.monotonic() + fault.seconds
        await self._collect(self.machines[fault.target])
        while self.sim.clock.monotonic() < until:
            await self.sim.clock.sleep(collect_pause_s)
            await self._collect(self.machines[fault.target])

    async def _collect(self, machine: StoreMachine) -> None:
        if machine.host is not None and machine.gateway is not None:
            with contextlib.suppress(HostDied, StoreError):
                report = await self.on_host(machine.host, collect(machine.gateway.store, grace_s))
                self.sim.note("collected", report.extents, "left", report.left)

    async def repair(self, number: int) -> None:
        """Repair the store, as its owner would, by commands, until one says that nothing is missing."""
        last = ""
        for attempt in range(repair_attempts_max):
            await self.sim.clock.sleep(repair_pause_s)
            host = self.new_host("repair")
            with contextlib.suppress(HostDied, StoreError):
                done = await self.on_host(host, self._repair(host, attempt % 2 == 0))
                if done.report.unreadable:
                    self.violated("lost", done.report.problems[0])
                if done.says_whole:
                    self._check_repaired(done, every=True)
                    self.sim.note("repaired", done.report.restored, done.report.reattached)
                    host.crash()
                    return
                last = str(done.report)
            host.crash()
        self.violated("liveness", f"p{number} cannot be repaired: {last}")

    async def _repair_quickly(self) -> None:
        """Somebody looks at sizes only. What was noted must be right then; what decayed unnoticed stays."""
        host = self.new_host("quick")
        with contextlib.suppress(HostDied, StoreError):
            done = await self.on_host(host, self._repair(host, verify=False))
            self.sim.note("looked quickly", done.report.restored)
            if done.says_whole:
                self._check_repaired(done, every=False)
        host.crash()

    def _check_repaired(self, done: "Repaired", every: bool) -> None:
        """A repair says that nothing is missing. `every` fragment must be right, or what had been noted."""
        if len(self.harmed) > 1:
            return
        for extent in done.extents:
            noted = done.noted[extent.id]
            for index, place in enumerate(extent.places):
                if (every or noted >> index & 1) and not self.fragments.right(extent, index):
                    told = f"{extent.id.hex()[:8]} at {place} is not right"
                    self.violated("repair", f"it says that nothing is missing, and {told}")
        for one in self.places:
            if not isinstance(decode_marker(one.content(MARKER_KEY) or b""), Marker):
                told = f"{one.name} has no marker that can be read"
                self.violated("repair", f"it says that nothing is missing, and {told}")

    async def _repair(self, host: Host, verify: bool) -> "Repaired":
        """One `outlast repair`."""
        machine = StoreMachine(self, 99, Seat())
        gateway = await machine.open(host)
        try:
            await gateway.catalog.sync()
            noted = {extent.id: extent.missing for extent in gateway.state.extents()}
            report = await repair(gateway.store, verify)
            alive = [extent for extent in gateway.state.extents() if extent.id in noted]
            return Repaired(report, gateway.state.counts().degraded, alive, noted)
        finally:
            await gateway.store.close()

    # ------------------------------------------------------------ afterwards

    async def _check_liveness(self) -> None:
        """A random majority is whole, the rest stays bad: all must write and read."""
        bad = self.chance.shuffled(range(len(self.places)))[: self.chance.whole(0, self.options.tolerate)]
        for number in bad:
            self._leave_bad(number)
        for machine in self.machines:
            for link in machine.links:
                link.weather = self.weather(machine.seat)
        await asyncio.gather(*map(self._write_and_read, self.machines))
        for number in bad:
            self.world.faults[self.places[number].name].shape = None
            del self.harmed[number]

    def _leave_bad(self, number: int) -> None:
        place = self.places[number]
        self.harmed[number] = "left bad"
        shape = self.chance.pick(("erased", *SHAPES))
        self.sim.note("left bad", place.name, shape)
        if isinstance(shape, Shape):
            self.world.faults[place.name].shape = shape
        else:
            place.wipe()

    async def _write_and_read(self, machine: StoreMachine) -> None:
        began = self.sim.clock.monotonic()
        for size in (10, 4 * limits.inline_bytes_max):
            content = f"{machine.number}".encode() * size
            while True:
                with contextlib.suppress(Unanswered):
                    await machine.put(f"live/{machine.number}/{size}", f"live.{size}", content)
                    seen = await machine.get(f"live/{machine.number}/{size}")
                    if seen is None or seen.content != content:
                        self.violated("wrong", f"{machine.number} does not read what it wrote")
                    break
                took = self.sim.clock.monotonic() - began
                if took > liveness_s_max + 2 * machine.seat.slow_s:
                    self.violated(
                        "liveness", f"g{machine.number} does not write and read within {took:.0f} s"
                    )
                await self.sim.clock.sleep(0.25)

    async def _check_calm(self) -> None:
        """Nothing acknowledged is lost, all is repaired, and all answers make one history."""
        await self._check_silent()
        await self.repair(0)
        reader = StoreMachine(self, 98, Seat())
        await reader.start()
        assert reader.gateway is not None
        assert reader.host is not None
        report = await self.load.read_all(reader)
        if lost := [failure for failure in report.failures if failure.startswith("reader")]:
            self.violated("lost", lost[0])
        if report.wrong:
            self.violated("wrong", report.wrong[0])
        state = reader.gateway.state
        if unsafe := self.fragments.unsafe(state.extents(), self.options.tolerate):
            self.violated("unsafe", unsafe[0])
        self.checkers.check_held(self.options.tolerate)
        verdict = linearizable(self.load.history)
        if not verdict.ok:
            self.violated("history", str(verdict))
        if self.errors:
            self.violated("error", repr(self.errors[0]))
        await self._check_garbage(reader)

    async def _check_silent(self) -> None:
        """The catalog knows of every fragment that is not right, but for what was left bad just now."""
        reader = StoreMachine(self, 97, Seat())
        await reader.start()
        assert reader.gateway is not None
        assert reader.host is not None
        await self.on_host(reader.host, reader.gateway.catalog.sync())
        bad = {place.name for place in self.places if not place.holds(MARKER_KEY)}
        told = self.fragments.silent(reader.gateway.state.extents(), bad)
        reader.host.crash()
        if told:
            self.violated("silent", f"the catalog takes for present what is not right: {told[:3]}")

    async def _check_garbage(self, reader: StoreMachine) -> None:
        """What was deleted can be collected, whatever clocks said."""
        assert reader.gateway is not None
        assert reader.host is not None
        await self.sim.clock.sleep(grace_s + 20)
        await self.on_host(reader.host, collect(reader.gateway.store, grace_s))
        if left := reader.gateway.state.counts().dead:
            self.violated("garbage", f"{left} dead extents are not collected")
