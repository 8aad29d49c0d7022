"""The log alone: gateways on machines of their own, voters that fail, and clients that append and read.

What a gateway knows about incarnations it has learned by applying records, as in production. A voter that was
erased is reattached by a process of its own, which may itself crash on the way.

Three phases. *Safety*: everything in the options, at once. *Liveness*: a random majority of the voters is
healthy and near, the rest stays bad, and each gateway must write and read in good time, and then be quiet.
*Calm*: everything is repaired, and a gateway that starts from nothing finds one history with everything that
was acknowledged.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import count

from outlast.base.errors import NoMajority, ProviderError
from outlast.base.marks import reached
from outlast.providers.marker import MARKER_KEY, Marker
from outlast.providers.wrap.attest import Attest
from outlast.quorum.batch import GENESIS_HASH
from outlast.quorum.genesis import write_genesis
from outlast.quorum.log import Log, VoterPlace
from outlast.testing.checkers import LogCheckers
from outlast.testing.loop import Host
from outlast.testing.network import FAIR, STORMY, AccessLine, Link, Weather
from outlast.testing.places import Lie, Place
from outlast.testing.plain_seal import PlainSeal
from outlast.testing.simulation import Simulation
from outlast.testing.swarm import lies
from outlast.testing.swarm.chance import Chance
from outlast.testing.swarm.options import Mishap, Options, Seat
from outlast.testing.swarm.scenario import HostDied, Scenario, restart_s_max

STORE = b"s" * 16
FIRST = b"%016d" % 0
"""The initial incarnation."""

# Clients and faults must be done this long after the last fault was due: a request takes 15 s at most, and
# every client makes a few dozen.
safety_s_max = 4_000.0
# With a healthy and near majority, every gateway writes and reads within this time, whatever came before.
liveness_s_max = 60.0
# Over a slow line it gets the time, too, in which that carries the whole log this many times: it reads each
# state from several voters before it knows which to believe.
log_copies_max = 8
# An idle gateway sends a voter no more requests per second than this, once it had this long to finish.
idle_requests_per_s_max, idle_after_s, idle_for_s = 20.0, 60.0, 10.0
# The pause before a failed repair of a provider is retried.
repair_pause_s, repair_attempts_max = 1.0, 200
# How often an idle gateway checks for news.
follow_s = 8.0
# In a storm some calls take longer by up to this, one way.
storm_jitter_s = 0.3
fragments_count = 12
# The additional delay while a voter is slow.
slow_factor = 40.0


def taken_back(record: bytes) -> tuple[str, bytes] | None:
    """Parse the voter and the incarnation of a record `reattach <voter> <incarnation>`."""
    parts = record.split(b" ")
    return (parts[1].decode(), parts[2]) if parts[0] == b"reattach" else None


class Memory:
    """The content of a gateway's state file: what it applied, and what it learned from that."""

    def __init__(self) -> None:
        self.applied: list[bytes] = []
        self.position: tuple[int, bytes] = (-1, GENESIS_HASH)
        self.incarnations: dict[str, bytes] = {}


class LogGateway:
    """One run of a gateway's process: a log, and its own links to the voters."""

    def __init__(
        self, world: "LogWorld", name: str, links: Sequence[Link], memory: Memory, line_bytes_per_s: float = 0
    ) -> None:
        """`line_bytes_per_s`: see `Seat`."""
        self.name = name
        self.line_bytes_per_s = line_bytes_per_s
        if line_bytes_per_s:
            up, down = (AccessLine(world.sim.clock, line_bytes_per_s) for _ in range(2))
            for link in links:
                link.up, link.down = up, down
        self.links = links
        self.memory = memory
        self._world = world
        sim = world.sim
        self.voters = {
            link.name: Attest(
                link, Marker(STORE, link.name, memory.incarnations.get(link.name, FIRST)), sim.clock
            )
            for link in links
        }
        self.log = Log(
            [VoterPlace(voter, link) for voter, link in zip(self.voters.values(), links, strict=True)],
            PlainSeal(),
            sim.entropy_of(f"{name}/id").bytes(16),
            sim.clock,
            sim.entropy_of(name),
            self._apply,
            memory.position,
            world.errors.append,
        )

    def _apply(self, slot: int, digest: bytes, records: Sequence[bytes]) -> list[object]:
        self._world.applied(self, slot, digest)
        first = len(self.memory.applied)
        self.memory.applied.extend(records)
        self.memory.position = slot, digest
        for record in records:
            if (named := taken_back(record)) is not None:
                self.memory.incarnations[named[0]] = named[1]
                self.voters[named[0]].expect(named[1])
        return list(range(first, len(self.memory.applied)))


class LogMachine:
    """A seat's machine, restarted whenever it crashed, with the clients of that seat."""

    def __init__(self, world: "LogWorld", number: int, seat: Seat) -> None:
        self.number = number
        self.seat = seat
        self.host: Host
        self.gateway: LogGateway
        self.done = [0] * seat.clients
        """How many operations each client has done."""
        self._world = world
        self._memory = Memory()

    @property
    def finished(self) -> bool:
        return min(self.done) >= self.seat.operations

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await self._start()
            await self.host.died.wait()
            await self._world.sim.clock.sleep(self._world.chance.between(0, restart_s_max))

    async def _start(self) -> None:
        if self._world.chance.happens(0.5):
            self._memory = Memory()
            reached("log world: a gateway started from nothing")
        self.host = self._world.new_host(f"g{self.number}")
        weather = self._world.weather(self.seat)
        links = [self._world.link(place, self.host.name, weather) for place in self._world.places]
        self.gateway = LogGateway(
            self._world, self.host.name, links, self._memory, self.seat.line_bytes_per_s
        )
        self.host.spawn(self._follow(self.gateway))
        for client in range(self.seat.clients):
            self.host.spawn(self._client(client))

    async def _follow(self, gateway: LogGateway) -> None:
        """As `maintenance.follow`: learn what is new, even while there are no requests."""
        while True:
            await self._world.sync(gateway)
            await self._world.sim.clock.sleep(follow_s)

    async def _client(self, number: int) -> None:
        pace = Chance(self._world.sim.entropy_of(f"{self.host.name}/{number}"))
        while self.done[number] < self.seat.operations:
            await self._world.sim.clock.sleep(self._world.rest_s(self.seat, pace, self.done[number]))
            before, self.done[number] = self.done[number], self.done[number] + 1
            record = (b"%d/%d/%d" % (self.number, number, before)).ljust(self.seat.record_bytes, b".")
            await self._world.append(self.gateway, record)
            await self._world.sync(self.gateway)

    async def restart(self) -> None:
        """End the process in an orderly way."""
        with contextlib.suppress(HostDied):
            await self._world.on_host(self.host, self.gateway.log.close())
        self.host.crash()


class LogWorld(Scenario):
    """See the module's docstring."""

    def __init__(self, sim: Simulation, options: Options) -> None:
        super().__init__(sim, options)
        names = [place.name for place in self.places]
        first = dict.fromkeys(names, FIRST)
        self.checkers = LogCheckers(names, PlainSeal(), first, sim.fail, taken_back, sim.clock.monotonic)
        self.checkers.off.update(options.ignores)
        self.acknowledged: set[bytes] = set()
        self.machines = [LogMachine(self, number, seat) for number, seat in enumerate(options.seats)]
        self._digests: dict[int, tuple[bytes, str]] = {}
        self._incarnations = 0
        self._links: list[tuple[Link, Weather]] = []
        self._slow: set[str] = set()

    async def run(self) -> None:
        """Run all three phases. A violation ends the simulation."""
        await self._create()
        running = [asyncio.ensure_future(machine.run()) for machine in self.machines]
        await self.sim.clock.sleep(0)
        faults = asyncio.ensure_future(self.befall_all())
        await self.wait_until(
            lambda: faults.done() and all(machine.finished for machine in self.machines),
            safety_s_max,
            "the clients and the faults",
        )
        await faults
        self.calm = True
        await self._check_liveness()
        for task in running:
            task.cancel()
        await self._check_calm()

    async def _create(self) -> None:
        for place in self.places:
            await place.put(MARKER_KEY, Marker(STORE, place.name, FIRST).encode())
            for number in range(fragments_count):  # what an erasure has to remove in addition to the log
                await place.put(f"x/{number:02x}/fragment", b"")
        await write_genesis(self.places, PlainSeal(), b"g" * 16, b"genesis")
        for place in self.places:
            self.checkers.watch(place)

    # ------------------------------------------------------------ the network

    def weather(self, seat: Seat) -> Weather:
        """Return the network's behavior between this seat and the providers."""
        base = STORMY if seat.stormy and not self.calm else FAIR
        delay_s = self.options.delay_s * seat.distance
        jitter_s = storm_jitter_s if base is STORMY else 0.0
        return Weather(
            (delay_s / 2, delay_s * 1.5 + jitter_s),
            base.lost_request,
            base.lost_answer,
            base.stray_request,
            patience_s=5.0,
        )

    def link(self, place: Place, gateway: str, weather: Weather) -> Link:
        """Return the link from one gateway to one provider."""
        entropy = self.sim.entropy_of(f"{gateway}/{place.name}")
        link = Link(place, self.sim.clock, entropy, weather, attests=True)
        self._links.append((link, weather))
        self._set_weather(link, weather)
        return link

    def _set_weather(self, link: Link, usual: Weather) -> None:
        link.weather = _slower(usual) if link.name in self._slow else usual

    # ------------------------------------------------------------ clients' operations

    async def append(self, gateway: LogGateway, record: bytes) -> bool:
        """Append through a gateway; return whether it was acknowledged."""
        try:
            await gateway.log.append(record)
        except NoMajority as error:
            slow = gateway.line_bytes_per_s > 0
            if not slow and not self.options.faults and not any(seat.stormy for seat in self.options.seats):
                self.violated("starved", f"{gateway.name}, although nothing has a fault: {error}")
            return False
        self.acknowledged.add(record)
        return True

    async def sync(self, gateway: LogGateway) -> bool:
        """Read through a gateway, which must then know everything acknowledged to any client before."""
        expected = set(self.acknowledged)
        with contextlib.suppress(NoMajority):
            await gateway.log.sync()
            missing = expected.difference(gateway.memory.applied)
            if missing:
                self.violated("freshness", f"{gateway.name} is current without {_shortened(missing)}")
            return True
        return False

    def applied(self, gateway: LogGateway, slot: int, digest: bytes) -> None:
        """A gateway has applied a slot: every gateway must apply the same value."""
        known, by = self._digests.setdefault(slot, (digest, gateway.name))
        if known != digest:
            self.violated("fork", f"slot {slot} is one thing to {gateway.name} and another to {by}")

    # ------------------------------------------------------------ faults

    async def befall_crash(self, fault: Mishap) -> None:
        machine = self.machines[fault.target]
        self.sim.note("crash", machine.host.name)
        machine.host.crash()

    async def befall_close(self, fault: Mishap) -> None:
        machine = self.machines[fault.target]
        self.sim.note("close", machine.host.name)
        await machine.restart()

    async def befall_stop(self, fault: Mishap) -> None:
        host = self.machines[fault.target].host
        self.sim.note("stop", host.name, fault.seconds)
        host.stop()
        await self.sim.clock.sleep(fault.seconds)
        host.resume()

    async def befall_cut(self, fault: Mishap) -> None:
        """Cut one direction of one gateway's link to the provider. Counts as no harm."""
        machine = self.machines[int(fault.detail * len(self.machines)) % len(self.machines)]
        link = machine.gateway.links[fault.target]
        link.cut = "requests" if fault.detail * 10 % 1 < 0.5 else "answers"
        self.sim.note("cut", machine.host.name, link.name, link.cut)
        await self.sim.clock.sleep(fault.seconds)
        link.cut = ""

    async def befall_slow(self, fault: Mishap) -> None:
        """Move the provider far away from every gateway."""
        name = self.places[fault.target].name
        self.sim.note("slow", name)
        for slow in (True, False):
            (self._slow.add if slow else self._slow.discard)(name)
            for link, weather in self._links:
                self._set_weather(link, weather)
            if slow:
                await self.sim.clock.sleep(fault.seconds)

    async def befall_stale(self, fault: Mishap) -> None:
        assert not self.options.assume.reads_see_writes
        async with self.harming(fault) as place:
            if place is not None:
                place.lie = lies.stale(place.contents())
                await self.sim.clock.sleep(fault.seconds)
                place.lie = None

    async def befall_nonsense(self, fault: Mishap) -> None:
        async with self.harming(fault) as place:
            if place is not None:
                place.lie = self._nonsense(place, fault)
                await self.sim.clock.sleep(fault.seconds)
                place.lie = None

    def _nonsense(self, place: Place, fault: Mishap) -> Lie:
        return lies.nonsense(place.contents, Chance(self.sim.entropy_of(f"lie {fault.at_s}")))

    async def befall_marker(self, fault: Mishap) -> None:
        """Damage the marker: no bytes, other bytes, or one byte of it. Then it is rewritten."""
        async with self.harming(fault) as place:
            if place is not None and (marker := place.contents().get(MARKER_KEY)) is not None:
                damaged = (b"", b"{}", b"\x00" * 64, marker[:-9] + b"?" + marker[-8:])
                place.damage(MARKER_KEY, damaged[min(3, int(fault.detail * 4))])
                await self.sim.clock.sleep(fault.seconds)
                place.damage(MARKER_KEY, marker)

    async def repair(self, number: int) -> None:
        """Reattach the voter: record, then refill, then marker. The order is essential (amnesia)."""
        last = ""
        for _ in range(repair_attempts_max):
            host = self.new_host(f"repair-{self.places[number].name}")
            try:
                await self.on_host(host, self._take_back(host, self.places[number]))
            except (HostDied, NoMajority, ProviderError) as error:
                last = repr(error)
                self.sim.note("repair failed", host.name, last)
            else:
                reached("log world: a voter was erased and taken back")
                return
            host.crash()
            await self.sim.clock.sleep(repair_pause_s)
        self.violated("liveness", f"{self.places[number].name} cannot be taken back: {last}")

    async def _take_back(self, host: Host, place: Place) -> None:
        near = Weather((self.options.delay_s / 2, self.options.delay_s))
        links = [self.link(one, host.name, near) for one in self.places]
        gateway = LogGateway(self, host.name, links, Memory())
        await gateway.log.sync()
        self._incarnations += 1
        incarnation = b"%016d" % self._incarnations
        await gateway.log.append(b"reattach %s %s" % (place.name.encode(), incarnation))
        await self.visit_point("log world: incarnation decided, log not refilled")
        way = next(link for link in links if link.name == place.name)
        await gateway.log.refill(place.name, way)
        await self.visit_point("log world: log refilled, marker not written")
        await place.put(MARKER_KEY, Marker(STORE, place.name, incarnation).encode())
        await self.visit_point("log world: marker written, not followed by a record")
        await gateway.log.append(b"followed %s" % incarnation)
        await gateway.log.close()

    # ------------------------------------------------------------ afterwards

    async def _check_liveness(self) -> None:
        """A random majority is healthy, the rest stays bad: all must write and read, and then be quiet."""
        assert not self.harmed, self.harmed
        bad = self.chance.shuffled(range(len(self.places)))[: self.chance.whole(0, self.options.tolerate)]
        for number in bad:
            self._leave_bad(self.places[number])
        for machine in self.machines:
            for link in machine.gateway.links:
                link.weather = self.weather(machine.seat)
        await asyncio.gather(*map(self._write_and_read, self.machines))
        await self._check_idle()
        for number in bad:
            place = self.places[number]
            place.refuses, place.full, place.lie = False, False, None
            if not place.holds(MARKER_KEY):
                await self.repair(number)

    def _leave_bad(self, place: Place) -> None:
        kinds = ["refuses", "full", "erased", "nonsense"]
        kinds = [kind for kind in kinds if kind != "nonsense" or self._may_lie()]
        if not self.options.assume.reads_see_writes:
            kinds.append("stale")
        kind = self.chance.pick(kinds)
        self.sim.note("left bad", place.name, kind)
        if kind == "erased":
            place.wipe()
        elif kind == "nonsense":
            place.lie = lies.nonsense(place.contents, Chance(self.sim.entropy_of(f"lie {place.name}")))
        elif kind == "stale":
            place.lie = lies.stale(place.contents())
        else:
            setattr(place, kind, True)

    def _may_lie(self) -> bool:
        return any(fault.kind == "nonsense" for fault in self.options.faults)

    async def _write_and_read(self, machine: LogMachine) -> None:
        began, longest_s = self.sim.clock.monotonic(), liveness_s_max
        if machine.seat.line_bytes_per_s:
            log_bytes = max(sum(map(len, place.contents().values())) for place in self.places)
            longest_s += log_copies_max * log_bytes / machine.seat.line_bytes_per_s
        for number in count():
            record = b"%d/live/%d" % (machine.number, number)
            with contextlib.suppress(HostDied):
                if await self.on_host(machine.host, self._append_and_sync(machine.gateway, record)):
                    return
            took = self.sim.clock.monotonic() - began
            if took > longest_s:
                self.violated("liveness", f"{machine.host.name} does not write and read within {took:.0f} s")
            await self.sim.clock.sleep(0.25)

    async def _append_and_sync(self, gateway: LogGateway, record: bytes) -> bool:
        return await self.append(gateway, record) and await self.sync(gateway)

    async def _check_idle(self) -> None:
        await self.sim.clock.sleep(idle_after_s)
        before = [place.asked for place in self.places]
        await self.sim.clock.sleep(idle_for_s)
        limit = idle_requests_per_s_max * idle_for_s * len(self.machines)
        for place, asked in zip(self.places, before, strict=True):
            if place.asked - asked > limit:
                detail = f"{place.name} got {place.asked - asked} requests in {idle_for_s:.0f} s, all idle"
                self.violated("pace", detail)

    async def _check_calm(self) -> None:
        """Check for one history, in which nothing acknowledged is missing and nothing occurs twice."""
        links = [self.link(place, "reader", FAIR) for place in self.places]
        reader = LogGateway(self, "reader", links, Memory())
        await reader.log.sync()
        history = [record for record in reader.memory.applied if b"/" in record]
        if len(history) != len(set(history)):
            self.violated("twice", "a record was applied twice")
        if lost := self.acknowledged.difference(history):
            self.violated("lost", f"{_shortened(lost)}")
        if self.errors:
            self.violated("error", repr(self.errors[0]))
        self.checkers.check_held(0)
        await reader.log.close()


def _shortened(records: set[bytes]) -> list[bytes]:
    """Return some of them, for people."""
    return [record.rstrip(b".") for record in sorted(records)[:5]]


def _slower(weather: Weather) -> Weather:
    low, high = weather.delay_s
    return Weather(
        (low * slow_factor, high * slow_factor),
        weather.lost_request,
        weather.lost_answer,
        weather.stray_request,
        patience_s=weather.patience_s,
    )
