"""The store's world at rest: places, machines, what clients must see, and how damaged it is.

Providers are harmed as closely together as the policy tolerates. One counts as harmed until the store reports
that it has recovered: no gateway considers it unavailable, no upload is in progress that may have skipped
it, and the catalog lists no missing fragment. The next may be harmed at that moment.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from outlast.base.errors import StoreError
from outlast.catalog.records import Extent, FragmentsRestored, ProviderReattached
from outlast.catalog.wire import decode
from outlast.coding.seal import Box
from outlast.maintenance.repair import RepairReport, repair
from outlast.placement.members import Domains, Member
from outlast.providers.marker import MARKER_KEY, Marker, decode_marker
from outlast.testing.checkers import LogCheckers
from outlast.testing.loop import Host
from outlast.testing.memory_store import Gateway, World
from outlast.testing.network import Weather
from outlast.testing.simulation import Simulation
from outlast.testing.store_checkers import Fragments
from outlast.testing.swarm.options import Mishap, Options, Seat
from outlast.testing.swarm.scenario import HostDied, Scenario
from outlast.testing.swarm.store_machine import BUCKET, KEYS, SeatLoad, StoreMachine, sizes
from outlast.testing.workload import Mix

# A gateway notices a provider's return within this time.
noticed_s_max = 10.0
repair_pause_s, repair_attempts_max = 3.0, 60
# How often to check whether a provider has recovered.
whole_look_s = 0.5

# The longest time between reading a fragment and the record that it is right, unless the weather is bad
# or one of these faults happens.
proof_s_max = 10.0
delaying = frozenset({"stop", "cut", "away", "full"})


class Repaired(NamedTuple):
    """The result of one `outlast repair`."""

    report: RepairReport
    degraded: int
    """Extents that still lack a fragment."""
    extents: list[Extent]
    """The earlier extents that are still there."""
    noted: Mapping[bytes, int]
    """The fragments that the catalog listed as missing before, a bit each, by extent."""

    @property
    def says_whole(self) -> bool:
        """Whether it reports that nothing is missing any more."""
        report = self.report
        return not (report.unreachable or report.unreadable or report.problems or self.degraded)


class StoreScene(Scenario):
    """See the module's docstring. `folder` is for local catalogs."""

    held_back_s = 0.5

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
        self._writing: dict[int, float] = {}
        """When each write in progress began, by number."""
        self._writes = 0

    def _hear(self, record: bytes) -> tuple[str, bytes] | None:
        """Return the provider that a decided record reattaches, and its new incarnation."""
        decoded = decode(record)
        if isinstance(decoded, FragmentsRestored):
            self._check_proved(decoded)
        return (decoded.provider, decoded.incarnation) if isinstance(decoded, ProviderReattached) else None

    def _check_proved(self, record: FragmentsRestored) -> None:
        """Check that what is recorded as restored was right not long ago."""
        stormy = any(seat.stormy for seat in self.options.seats)
        if stormy or any(fault.kind in delaying for fault in self.options.faults):
            return  # the process that had read it may have been kept from recording it
        for one in record.fragments:
            wrong_s = self.fragments.wrong_for_s(record.extent, one)
            if wrong_s > proof_s_max:
                detail = f"{record.extent.hex()[:8]} at {one.place}, which has been wrong for {wrong_s:.0f} s"
                self.violated("repair", f"recorded as restored: {detail}")

    def weather(self, seat: Seat) -> Weather:
        """Return the network's behavior between this seat and the providers."""
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
        if detail := self.fragments.early(gateway, BUCKET, key, etag, harmed, lately):
            self.violated("early", f"{key}: {detail}")

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Count a write in progress."""
        number, self._writes = self._writes, self._writes + 1
        self._writing[number] = self.sim.clock.monotonic()
        try:
            yield
        finally:
            del self._writing[number]

    # ------------------------------------------------------------ whole again

    def _may_harm(self, target: int) -> bool:
        """Not while anything is missing elsewhere, whichever gateway wrote it (one may be cut off)."""
        may = super()._may_harm(target)
        if not (may and self.options.assume.no_more_are_harmed_than_tolerated):
            return may
        return len((self.damaged() | set(self.harmed)) - {target}) < self.options.tolerate

    def damaged(self) -> set[int]:
        """Return the providers that lack a fragment of an extent, as far as the gateways know.

        What no gateway knows is missing in silence, and that is for the checkers to find.
        """
        states = [machine.gateway.state for machine in self.machines if machine.gateway is not None]
        if not states:
            return set()
        names: set[str] = set()
        for extent in max(states, key=lambda state: state.position.slot).extents():
            names.update(place for i, place in enumerate(extent.places) if extent.missing >> i & 1)
        return {number for number, place in enumerate(self.places) if place.name in names}

    async def wait_whole(self, fault: Mishap) -> None:
        """Return when the provider has recovered, by everything that the store reports."""
        name = self.places[fault.target].name
        noticed_at: float | None = None
        while True:
            gateways = [machine.gateway for machine in self.machines if machine.gateway is not None]
            if not all(gateway.fleet.available(name) for gateway in gateways):
                noticed_at = None
            elif noticed_at is None:
                noticed_at = self.sim.clock.monotonic()
            elif all(began > noticed_at for began in self._writing.values()) and await self._mended():
                return
            await self.sim.clock.sleep(whole_look_s)

    async def _mended(self) -> bool:
        """Whether an up-to-date gateway reports that nothing is missing."""
        for machine in self.machines:
            host, gateway = machine.host, machine.gateway
            if host is None or gateway is None or machine.excused_until == float("inf"):
                continue
            with contextlib.suppress(HostDied, StoreError):
                await self.on_host(host, gateway.catalog.sync())
                return not self.damaged()
        return False

    # ------------------------------------------------------------ the owner's repairs

    async def repair(self, number: int) -> None:
        """Repair the store, as its owner would, by commands, until one reports that nothing is missing."""
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
        """Check sizes only. What was noted must be right then; what decayed unnoticed stays."""
        host = self.new_host("quick")
        with contextlib.suppress(HostDied, StoreError):
            done = await self.on_host(host, self._repair(host, verify=False))
            self.sim.note("looked quickly", done.report.restored)
            if done.says_whole:
                self._check_repaired(done, every=False)
        host.crash()

    def _check_repaired(self, done: "Repaired", every: bool) -> None:
        """A repair reports nothing missing. `every` fragment must be right, or what had been noted."""
        if len(self.harmed) > 1:
            return
        for extent in done.extents:
            noted = done.noted[extent.id]
            for index, place in enumerate(extent.places):
                if (every or noted >> index & 1) and not self.fragments.right(extent, index):
                    detail = f"{extent.id.hex()[:8]} at {place} is not right"
                    self.violated("repair", f"it says that nothing is missing, and {detail}")
        for one in self.places:
            if not isinstance(decode_marker(one.content(MARKER_KEY) or b""), Marker):
                detail = f"{one.name} has no marker that can be read"
                self.violated("repair", f"it says that nothing is missing, and {detail}")

    async def _repair(self, host: Host, verify: bool) -> "Repaired":
        """Run one `outlast repair`."""
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
