"""Places and machines, and their faults: what both worlds have in common.

A `Scenario` has the options' places and, for each seat, a machine that is restarted when it crashed.
Faults come at their times. One that harms a provider is held back while as many others are harmed as are
tolerated: a provider is harmed until it is *whole* again, which the world decides (erased: repaired).

What happens to a provider is visible to all gateways alike; cut links and bad weather are one gateway's own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from outlast.base import limits
from outlast.base.marks import reached
from outlast.providers.marker import MARKER_KEY
from outlast.testing.checkers import Violation
from outlast.testing.loop import Host, current_host
from outlast.testing.places import Order, Place
from outlast.testing.simulation import Simulation
from outlast.testing.swarm.chance import Chance
from outlast.testing.swarm.options import Mishap, Options, Seat

T = TypeVar("T")

# How long it takes at most until a crashed machine is restarted.
restart_s_max = 5.0
# The longest time for which a fault is held back.
held_back_s_max = 100.0
# An erasure pauses after each file for up to something between these.
erase_pause_s_min, erase_pause_s_max = 0.0005, 1.0
# How many operations clients that work in bursts do in each, on average.
burst_operations = 4
# At a crash point that does not crash: the chances to let others run first, and to wait for up to this long.
yields, waits, wait_s_max = 0.2, 0.1, 2.0


class HostDied(Exception):
    """The machine crashed before there was an answer."""


class Scenario:
    """See the module's docstring."""

    held_back_s = 5.0
    """How long a fault that is held back waits before it checks again."""

    def __init__(self, sim: Simulation, options: Options) -> None:
        self.sim = sim
        self.options = options
        self.chance = Chance(sim.entropy_of("scenario"))
        self.places = [Place(f"p{number}", sim.clock, kind) for number, kind in enumerate(options.providers)]
        self.harmed: dict[int, str] = {}
        """The faults of providers that are not whole."""
        self._befallen: set[int] = set()
        """Those of them that have a fault now; the others are only not whole yet."""
        self.whole_at: dict[str, float] = {}
        """When providers that had a fault became whole again, by name."""
        self.errors: list[BaseException] = []
        """Failures in the background, which have no caller."""
        self.calm = False
        """Whether all faults are over: no machine crashes any more."""
        self._points = Chance(sim.entropy_of("points"))
        self._hosts = 0

    # ------------------------------------------------------------ time

    async def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for the condition, which must hold within that many virtual seconds."""
        deadline = self.sim.clock.monotonic() + seconds
        while not condition():
            if self.sim.clock.monotonic() > deadline:
                self.violated("liveness", f"{what} took more than {seconds:.0f} s")
            await self.sim.clock.sleep(0.25)

    def violated(self, kind: str, detail: str) -> None:
        """Report something that must not happen."""
        if kind in self.options.ignores:
            return
        violation = Violation(kind, detail)
        self.sim.fail(violation)
        raise violation

    def rest_s(self, seat: Seat, pace: Chance, count: int) -> float:
        """Return how long a client of this seat pauses before its operation number `count`.

        Bursts begin at the same moments for all: then they contend, and all pause afterwards.
        """
        if seat.rhythm == "no pause":
            return 0.0 if count else pace.between(0, self.options.span_s)
        if seat.rhythm == "now and then":
            return pace.between(0, 2 * seat.rest_s)
        if count and not pace.happens(1 / burst_operations):
            return 0.0
        left_s = -self.sim.clock.monotonic() % self.options.burst_period_s
        return left_s + pace.between(0, 10 * self.options.delay_s)

    # ------------------------------------------------------------ machines

    def new_host(self, name: str) -> Host:
        """Create a machine that has just been started."""
        self._hosts += 1
        return self.sim.host(f"{name}#{self._hosts}")

    async def on_host(self, host: Host, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on that machine and return its result. Raises `HostDied`.

        A caller that is cancelled meanwhile (a client that gave up) does not stop the machine's work.
        """
        task = host.spawn(work)
        died = asyncio.ensure_future(host.died.wait())
        try:
            await asyncio.wait([task, died], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nothing awaits it now
            raise
        finally:
            died.cancel()
        if not task.done():
            raise HostDied(host.name)
        return task.result()

    async def visit_point(self, name: str) -> None:
        """Pass a crash point: by the seed continue, let others run, wait, or crash the machine."""
        host = current_host()
        if host is None or self.calm:
            return
        only = self.options.crash_points
        if (not only or name in only) and self._points.happens(self.options.crash_at_points):
            reached("scenario: a machine crashed at a crash point")
            self.sim.note("crash at", name, host.name)
            host.crash()
            await asyncio.get_running_loop().create_future()
        elif not self.options.waits_at_points:
            return
        elif self._points.happens(yields):
            await self.sim.clock.sleep(0)
        elif self._points.happens(waits):
            await self.sim.clock.sleep(self._points.between(0, wait_s_max))

    # ------------------------------------------------------------ faults

    async def befall_all(self) -> None:
        """Trigger every fault of the options at its time; return when the last is over."""
        async with asyncio.TaskGroup() as group:
            for fault in self.options.faults:
                group.create_task(self._befall(fault))

    async def _befall(self, fault: Mishap) -> None:
        await self.sim.clock.sleep(fault.at_s)
        kind = fault.kind.replace(" ", "_").replace("-", "_")
        happen: Callable[[Mishap], Awaitable[None]] = getattr(self, f"befall_{kind}")
        await happen(fault)

    @asynccontextmanager
    async def harming(self, fault: Mishap) -> AsyncIterator[Place | None]:
        """Return the place that is harmed meanwhile; None if that would be more than is tolerated."""
        for _ in range(int(held_back_s_max / self.held_back_s)):
            if self._may_harm(fault.target):
                break
            await self.sim.clock.sleep(self.held_back_s)
        else:
            self.sim.note("held back", fault.kind, f"p{fault.target}")
            yield None
            return
        self.harmed[fault.target] = fault.kind
        self._befallen.add(fault.target)
        self.sim.note(fault.kind, f"p{fault.target}", f"{fault.seconds:.2f} s")
        try:
            yield self.places[fault.target]
        finally:
            self._befallen.discard(fault.target)
        await self.wait_whole(fault)
        if fault.target in self.harmed and fault.target not in self._befallen:
            del self.harmed[fault.target]
            self.whole_at[self.places[fault.target].name] = self.sim.clock.monotonic()
            self.sim.note("whole", f"p{fault.target}")

    def _may_harm(self, target: int) -> bool:
        if target in self.harmed:
            return target not in self._befallen
        assume = self.options.assume
        return len(self.harmed) < self.options.tolerate or not assume.no_more_are_harmed_than_tolerated

    async def wait_whole(self, fault: Mishap) -> None:
        """Return when the provider may be considered whole again. The world decides."""

    async def befall_away(self, fault: Mishap) -> None:
        """Refuse connections there."""
        async with self.harming(fault) as place:
            if place is not None:
                place.refuses = True
                await self.sim.clock.sleep(fault.seconds)
                place.refuses = False

    async def befall_full(self, fault: Mishap) -> None:
        """Leave no space there."""
        async with self.harming(fault) as place:
            if place is not None:
                place.full = True
                await self.sim.clock.sleep(fault.seconds)
                place.full = False

    async def befall_unmount(self, fault: Mishap) -> None:
        """Unmount the disk, whose folder is there and empty; then mount it again."""
        async with self.harming(fault) as place:
            if place is not None and place.kind == "disk":
                place.unmount()
                await self.sim.clock.sleep(fault.seconds)
                self.mounted(place, place.mount())

    def mounted(self, place: Place, left_behind: dict[str, bytes]) -> None:
        """The disk is back. `left_behind`: what was written into the empty folder."""
        reached("scenario: a disk was unmounted and is back")

    async def befall_erase(self, fault: Mishap) -> None:
        """Remove everything at the provider, file by file; some time later the store is repaired."""
        async with self.harming(fault) as place:
            if place is not None:
                await self.erase(place, fault)
                await self.sim.clock.sleep(fault.seconds)
                await self.repair(fault.target)

    async def erase(self, place: Place, fault: Mishap) -> None:
        """Remove file after file, in any order and at any speed that the assumptions allow."""
        assume = self.options.assume
        pauses = Chance(self.sim.entropy_of(f"erase {fault.at_s}"))
        longest_s = pauses.scaled(erase_pause_s_min, erase_pause_s_max)
        waits = place.kind == "bucket" and assume.erasure_over_networks_outlasts_a_vote

        def pause_s() -> float:
            nonlocal waits
            if waits and not place.holds(MARKER_KEY):
                waits = False  # once is enough
                return limits.log_operation_s_max + pauses.between(0, 1)
            return pauses.between(0, longest_s)

        await place.erase(self._order(place, fault), pause_s, pauses.shuffled)
        reached("scenario: a provider was erased")

    def _order(self, place: Place, fault: Mishap) -> Order:
        takes_it_first = self.options.assume.erasure_takes_the_marker_first_over_networks
        if place.kind == "bucket" and takes_it_first:
            return "marker first"
        orders: tuple[Order, ...] = ("marker last", "random", "marker last", "marker first")
        return orders[min(3, int(fault.detail * 4))]

    async def befall_rollback(self, fault: Mishap) -> None:
        """Return the provider to an earlier state, marker included."""
        assert not self.options.assume.no_provider_is_rolled_back
        async with self.harming(fault) as place:
            if place is not None:
                before = place.contents()
                await self.sim.clock.sleep(fault.seconds)
                place.restore(before)

    async def repair(self, number: int) -> None:
        """Reattach the provider and give it what it lost."""
        raise NotImplementedError
