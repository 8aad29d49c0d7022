"""Load on the gateway, with every answer compared: what is read must be what was written.

Readers go through everything that is known to be there, once and together; the writer writes new objects
of mixed sizes until it is stopped. The hash of an object is noted when its PUT was answered, never
before, so a later read that differs, fails or finds nothing is a broken promise and counts as one.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.cli.demo.client import DemoClient, RequestFailed

# 4 KiB to 2 MiB: inside the log, and outside of it in extents.
written_sizes = (4 << 10, 64 << 10, 256 << 10, 2 << 20)


@dataclass(slots=True)
class DemoPhase:
    """What was measured during one part of the story."""

    name: str
    begun: float
    ended: float = 0.0
    read: int = 0
    written: int = 0
    bytes: int = 0
    wrong: int = 0
    failures: list[str] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.ended - self.begun

    @property
    def rate(self) -> float:
        """Megabytes (10^6) a second."""
        return self.bytes / 1e6 / self.seconds if self.seconds > 0 else 0.0

    def percentile_ms(self, share: float) -> float:
        """The latency that `share` of the requests did not exceed, in milliseconds."""
        ordered = sorted(self.latencies_s)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class DemoTraffic:
    """Requests to one bucket, and the memory of what must be in it. `phase` is where they are counted."""

    def __init__(self, client: DemoClient, bucket: str, clock: Clock, entropy: Entropy) -> None:
        self._client, self._bucket = client, bucket
        self._clock, self._entropy = clock, entropy
        self._hashes: dict[str, bytes] = {}
        self._writer: asyncio.Task[None] | None = None
        self.phases: list[DemoPhase] = []

    @property
    def phase(self) -> DemoPhase:
        return self.phases[-1]

    @property
    def objects(self) -> int:
        """Objects that were acknowledged."""
        return len(self._hashes)

    def begin(self, name: str) -> None:
        """From here on requests count towards a new phase."""
        self.end()
        self.phases.append(DemoPhase(name, self._clock.monotonic()))

    def end(self) -> None:
        """Close the phase that is open."""
        if self.phases and not self.phase.ended:
            self.phase.ended = self._clock.monotonic()

    async def write(self, key: str, data: bytes) -> None:
        """PUT one object; its hash is noted once it is acknowledged."""
        phase, begun = self.phase, self._clock.monotonic()
        try:
            await self._client.put(self._bucket, key, data)
        except RequestFailed as error:
            phase.failures.append(str(error))
            return
        phase.latencies_s.append(self._clock.monotonic() - begun)
        self._hashes[key] = hashlib.sha256(data).digest()
        phase.written += 1
        phase.bytes += len(data)

    async def read(self, key: str) -> None:
        """GET one object and compare it with what was acknowledged."""
        phase, begun = self.phase, self._clock.monotonic()
        try:
            data = await self._client.get(self._bucket, key)
        except RequestFailed as error:
            phase.failures.append(str(error))
            return
        phase.latencies_s.append(self._clock.monotonic() - begun)
        phase.read += 1
        phase.bytes += len(data)
        if hashlib.sha256(data).digest() != self._hashes[key]:
            phase.wrong += 1

    async def read_all(self, at_once: int) -> None:
        """Read everything that is known now, `at_once` requests at a time."""
        waiting = iter(list(self._hashes))

        async def reader() -> None:
            for key in waiting:
                await self.read(key)

        await asyncio.gather(*(reader() for _ in range(at_once)))

    async def load(self, files: Sequence[tuple[str, bytes]], at_once: int) -> None:
        """Write these objects, `at_once` requests at a time."""
        waiting = iter(files)

        async def writer() -> None:
            for key, data in waiting:
                await self.write(key, data)

        await asyncio.gather(*(writer() for _ in range(at_once)))

    def start_writing(self) -> None:
        """Write new objects, one after the other, until `stop_writing`."""
        self._writer = asyncio.create_task(self._write_on())

    async def stop_writing(self) -> None:
        """Wait until the current object is written, and write no more."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer

    async def _write_on(self) -> None:
        me = self._writer
        number = self.objects
        while self._writer is me and me is not None:
            size = written_sizes[number % len(written_sizes)]
            await self.write(f"written-meanwhile/{number:06}", self._entropy.bytes(size))
            number += 1
            await self._clock.sleep(0.02)  # some load, not all that this machine can carry
