"""Faults of the store: providers that fail, decay, and lose their disks; machines; collections."""

import contextlib

from outlast.base.errors import StoreError
from outlast.maintenance.collect import collect
from outlast.providers.marker import MARKER_KEY
from outlast.providers.wrap.fault import Shape
from outlast.testing.places import Place
from outlast.testing.store_checkers import FRAGMENTS
from outlast.testing.swarm.chance import Chance
from outlast.testing.swarm.options import Mishap
from outlast.testing.swarm.scenario import HostDied
from outlast.testing.swarm.store_machine import StoreMachine
from outlast.testing.swarm.store_scene import StoreScene

# How long unreferenced extents are kept: short, so that collections meet readers.
grace_s, collect_pause_s = 45.0, 4.0

# How often a quick repair (sizes only) comes first, and only then a thorough one.
quick_share = 0.5

SHAPES = tuple(shape for shape in Shape if shape is not Shape.STALE)
"""How a provider fails. (Stale reads are covered by an assumption.)"""


class StoreFaults(StoreScene):
    """See the module's docstring."""

    async def befall_away(self, fault: Mishap) -> None:
        """Make the provider fail in one of the shapes."""
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
        """Make some fragments at the provider decay or vanish; some time later the store is repaired."""
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
        """Damage the marker: no bytes, other bytes, or one byte of it. Then the store is repaired."""
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
        """Cut one direction of one gateway's link to the provider. Counts as no harm."""
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
        """Have a gateway delete unreferenced extents, again and again."""
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
