"""The whole store: gateways and commands on machines of their own, providers that fail, a mixed load.

Everything except the providers and the network is production code: guards, log, catalog, store, repair,
collection. Clients record their requests and answers (`testing.workload`); at the end the history must be
linearizable, and during the run the checkers examine what the providers really hold.

The phases are those of the log's world: *safety*, *liveness*, *calm*.
"""

import asyncio
import contextlib

from outlast.base import limits
from outlast.base.concurrency import cancel_and_wait
from outlast.maintenance.collect import collect
from outlast.providers.marker import MARKER_KEY
from outlast.providers.wrap.fault import Shape
from outlast.testing.history import linearizable
from outlast.testing.swarm.options import Seat
from outlast.testing.swarm.store_faults import SHAPES, StoreFaults, grace_s
from outlast.testing.swarm.store_machine import BUCKET, StoreMachine
from outlast.testing.targets import Unanswered

safety_s_max, liveness_s_max = 6_000.0, 60.0


class StoreWorld(StoreFaults):
    """See the module's docstring."""

    async def run(self) -> None:
        """Run all three phases. A violation ends the simulation."""
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

    # ------------------------------------------------------------ afterwards

    async def _check_liveness(self) -> None:
        """A random majority is healthy, the rest stays bad: all must write and read."""
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
        """Check that nothing acknowledged is lost, all is repaired, and all answers form one history."""
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
        """Check that the catalog lists every fragment that is not right, except those just left bad."""
        reader = StoreMachine(self, 97, Seat())
        await reader.start()
        assert reader.gateway is not None
        assert reader.host is not None
        await self.on_host(reader.host, reader.gateway.catalog.sync())
        bad = {place.name for place in self.places if not place.holds(MARKER_KEY)}
        wrong = self.fragments.silent(reader.gateway.state.extents(), bad)
        reader.host.crash()
        if wrong:
            self.violated("silent", f"the catalog lists wrong fragments as present: {wrong[:3]}")

    async def _check_garbage(self, reader: StoreMachine) -> None:
        """Check that what was deleted can be collected, whatever clocks said."""
        assert reader.gateway is not None
        assert reader.host is not None
        for _ in range(2):  # the first collection may decide a write that a process left behind unfinished
            await self.sim.clock.sleep(grace_s + 20)
            await self.on_host(reader.host, collect(reader.gateway.store, grace_s))
        if left := reader.gateway.state.counts().dead:
            self.violated("garbage", f"{left} dead extents are not collected")
