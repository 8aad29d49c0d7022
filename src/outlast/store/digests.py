"""MD5 (the S3 ETag) and any further digests of a writer, computed concurrently with the data path.

Intuition: MD5 is the one slow step of a write (0.7 GB/s, where sealing and coding do several), but it
releases the GIL. So buffers are queued in order, and one job at a time in the loop's thread pool drains the
queue while the loop continues. Short buffers are not worth the two thread switches and are hashed at once.

Invariant: every digest sees every buffer once, in the order of `feed`. At most `backlog_bytes_max` wait.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from outlast.base.concurrency import offload
from outlast.base.limits import KIB, MIB
from outlast.providers.protocol import Buffer

# Below this a thread switch costs more than the hash (128 KiB take 0.2 ms).
inline_hash_bytes_max = 128 * KIB
# How much may wait for the hash: one extent, so that the first fragments are sent before it is hashed.
backlog_bytes_max = 16 * MIB
# How much one job hashes before it frees the thread for another writer: some 10 ms.
job_bytes_max = 8 * MIB


class Digest(Protocol):
    """A running hash: one of hashlib, or one of the gateway's checksums."""

    def update(self, data: Buffer, /) -> object: ...


class Digests:
    """MD5 and further digests over one stream of buffers."""

    def __init__(self, further: Sequence[Digest]) -> None:
        self.fed = 0
        """Bytes taken so far."""
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._all: tuple[Digest, ...] = (self._md5, *further)
        self._queue: deque[Buffer] = deque()
        self._backlog = 0
        self._job: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()

    def feed(self, buffer: Buffer) -> None:
        """Take the next buffer, which must not be changed any more. Never waits."""
        self.fed += len(buffer)
        if self._job is None and len(buffer) <= inline_hash_bytes_max:
            self._update(buffer)
            return
        self._queue.append(buffer)
        self._backlog += len(buffer)
        if self._job is None:
            self._job = asyncio.ensure_future(self._work())

    async def wait_room(self) -> None:
        """Return when the backlog is small enough to feed more. Raises what a digest raised."""
        await self._wait_backlog(backlog_bytes_max)

    async def wait_hashed(self, count: int) -> None:
        """Return when the first `count` bytes are hashed. Raises what a digest raised."""
        while self.fed - self._backlog < count:
            await self._wait_backlog(self.fed - count)

    async def _wait_backlog(self, least: int) -> None:
        while self._backlog > least:
            self._raise_failure()
            self._moved.clear()
            await self._moved.wait()

    async def finish(self) -> bytes:
        """Wait until everything is hashed and return the MD5 (16 bytes). Raises what a digest raised."""
        if self._job is not None:
            await asyncio.wait((self._job,))
            self._raise_failure()
        return self._md5.digest()

    async def cancel(self) -> None:
        """Give up. A buffer that a thread is hashing is hashed to its end."""
        self._queue.clear()
        if self._job is not None:
            self._job.cancel()
            await asyncio.wait((self._job,))

    def _raise_failure(self) -> None:
        if self._job is not None and self._job.done():
            self._job.result()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                await offload(self._work_off, loop)
            self._job = None
        finally:
            self._moved.set()

    def _work_off(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread: hash what is queued, including what is added meanwhile, up to `job_bytes_max`."""
        count = 0
        while count < job_bytes_max:
            try:
                buffer = self._queue.popleft()
            except IndexError:
                return
            self._update(buffer)
            count += len(buffer)
            loop.call_soon_threadsafe(self._progress, len(buffer))

    def _progress(self, count: int) -> None:
        self._backlog -= count
        self._moved.set()

    def _update(self, buffer: Buffer) -> None:
        for digest in self._all:
            digest.update(buffer)
