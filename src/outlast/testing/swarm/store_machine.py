"""A gateway's machine in the store's world, and its clients.

A machine is restarted whenever it crashed. For its clients it is the bucket: slow clients take their time
to send and to read, and if a seat is a command each request is a process of its own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from outlast.base import limits
from outlast.catalog.records import Condition
from outlast.maintenance.upkeep import upkeep
from outlast.providers.protocol import Buffer, Provider
from outlast.store import Store
from outlast.store.reading import Reading
from outlast.store.write import Source
from outlast.testing.loop import Host
from outlast.testing.memory_store import Gateway
from outlast.testing.network import Link
from outlast.testing.swarm.chance import Chance
from outlast.testing.swarm.options import Seat
from outlast.testing.swarm.scenario import HostDied, restart_s_max
from outlast.testing.targets import Seen, StoreTarget, Target, Unanswered
from outlast.testing.workload import Load

if TYPE_CHECKING:
    from outlast.testing.swarm.store_scene import StoreScene

T = TypeVar("T")

BUCKET = "bucket"
KEYS = 8

# A request is given up after this time plus the time that a slow client takes for itself.
request_s_max = 30.0
# How long failed requests are excused after a machine was stopped, cut off, or died.
excused_s = 40.0


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
    """A seat's machine, restarted whenever it crashed. For its clients it is the bucket."""

    def __init__(self, world: "StoreScene", number: int, seat: Seat) -> None:
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
        """Run until cancelled."""
        while True:
            with contextlib.suppress(HostDied):
                await self.start()
            if self.host is not None:
                await self.host.died.wait()
            self.gateway = None
            self.excuse()
            await self._world.sim.clock.sleep(self._world.chance.between(0, restart_s_max))

    def excuse(self) -> None:
        """Excuse failures of requests in flight."""
        self.excused_until = self._world.sim.clock.monotonic() + excused_s

    async def start(self) -> None:
        """Start a process. Raises `HostDied`."""
        self.host = self._world.new_host(f"g{self.number}")
        path = self._world.folder / f"g{self.number}.sqlite" if self.seat.on_disk else None
        self.gateway = await self._world.on_host(self.host, self.open(self.host, path))
        entropy = self._world.sim.entropy_of(f"{self.host.name}/upkeep")
        self.host.spawn(upkeep(self.gateway.store, self._clock, entropy))

    async def open(self, host: Host, path: Path | None = None) -> Gateway:
        """Open a gateway on this machine, with its local catalog at `path`."""
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

        with self._world.writing():
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
        """Open the store, send one request, close it, and end. A local catalog stays for the next process."""
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

    async def client(self, world: "StoreScene", machine: StoreMachine, number: int) -> None:
        """Do all operations of one client. A failed request is a violation, unless it is excused."""
        name = f"g{machine.number}.{number}"
        pace = Chance(world.sim.entropy_of(f"client {name}"))
        for count in range(machine.seat.operations):
            await world.sim.clock.sleep(world.rest_s(machine.seat, pace, count))
            operation, key = self._chosen(self._mix.operations), self.key(pace.whole(0, KEYS - 1))
            began, failures = world.sim.clock.monotonic(), len(self.report.failures)
            await self.do(operation, key, name, machine)
            failed = [failure for failure in self.report.failures[failures:] if failure.startswith(name)]
            if failed and not world.excuses(machine, began):
                world.violated("failed", failed[0])
            if self.report.wrong:
                world.violated("wrong", self.report.wrong[0])
