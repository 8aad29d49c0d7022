"""What requests hold in memory beyond a connection's own part: one purse for all of them.

Every connection may hold as much as one small object (`call.WHOLE_BYTES_MAX`); that is bounded by how many
connections there are. This is for what is larger, or is held several times over: small objects that wait for
the log in their record, documents with ten thousand parts, pages of a listing. Who finds the purse empty
waits in line, first come, first served, and is told `SlowDown` when that takes longer than a request may.

A `Lease` that waits for its client, to send a document or to take an answer, may be ended for others after
`patience_s`: clients that stall must not keep everybody else waiting. One that waits for us is not.

Invariant: `used` is the sum of what the leases hold. It is above `total` only by what answers turned out to
be larger than was expected of them.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.gateway.s3.errors import busy

# A client that keeps memory from others has so long to send or to take what it holds it for.
patience_s = 5.0
look_s = 0.5


class ClientMemory:
    """The purse. See the module's docstring."""

    def __init__(self, total: int, clock: Clock) -> None:
        self.total = total
        self.used = 0
        self._clock = clock
        self._stalling: dict[Lease, float] = {}  # since when each waits for its client; ordered
        self._waiting: deque[tuple[Lease, int, asyncio.Future[None]]] = deque()
        self._look: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many requests wait for memory."""
        return len(self._waiting)

    async def take(self, lease: "Lease", count: int) -> None:
        """See `Lease.take`."""
        count = min(count, self.total)
        if self.take_now(lease, count):
            return
        turn = asyncio.get_running_loop().create_future()
        entry = lease, count, turn
        self._waiting.append(entry)
        self._press()
        try:
            async with asyncio.timeout(limits.request_wait_s_max):
                await turn
        except BaseException as error:
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._serve()
            if isinstance(error, TimeoutError):
                raise busy("The gateway has no memory left for this request.") from error
            raise

    def take_now(self, lease: "Lease", count: int) -> bool:
        """See `Lease.take_now`."""
        if self._waiting or self.used + count > self.total:
            return False
        self._grant(lease, count)
        return True

    def give_back(self, lease: "Lease", count: int) -> None:
        """`count` bytes are free again."""
        self.used -= count
        lease.held -= count
        self._serve()

    def add(self, lease: "Lease", count: int) -> None:
        """Count `count` more bytes that are there already."""
        self._grant(lease, count)

    def stalls(self, lease: "Lease") -> None:
        """From now on the lease waits for its client."""
        self._stalling[lease] = self._clock.monotonic()

    def goes_on(self, lease: "Lease") -> None:
        """It does not any more."""
        self._stalling.pop(lease, None)

    def _grant(self, lease: "Lease", count: int) -> None:
        self.used += count
        lease.held += count

    def _serve(self) -> None:
        while self._waiting and self.used + self._waiting[0][1] <= self.total:
            lease, count, turn = self._waiting.popleft()
            if not turn.done():
                self._grant(lease, count)
                turn.set_result(None)

    def _press(self) -> None:
        """End leases that wait for their clients for too long, as long as somebody waits for memory."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if not self._waiting:
            return
        wanted, old = self._waiting[0][1], self._clock.monotonic() - patience_s
        for lease, since in list(self._stalling.items()):
            if since > old or wanted <= 0:
                break
            wanted -= lease.held
            del self._stalling[lease]
            lease.end()
        self._look = asyncio.get_running_loop().call_later(look_s, self._press)


class Lease:
    """What one request holds. Closed when its answer has been sent, or its connection is lost."""

    __slots__ = ("_memory", "end", "held")

    def __init__(self, memory: ClientMemory, end: Callable[[], None]) -> None:
        """`end()` breaks the connection off, after which the lease is closed."""
        self.held = 0
        self.end = end
        self._memory = memory

    def take_now(self, count: int) -> bool:
        """Whether `count` more bytes are to be had without waiting; they are held if so."""
        return self._memory.take_now(self, count)

    async def take(self, count: int) -> None:
        """Hold `count` more bytes (all there are at most), when it is this one's turn. Raises `SlowDown`."""
        await self._memory.take(self, count)

    def resize(self, count: int) -> None:
        """Hold exactly `count` bytes from now on: those are there already."""
        if count < self.held:
            self._memory.give_back(self, self.held - count)
        else:
            self._memory.add(self, count - self.held)

    def stalls(self) -> None:
        """What is held is for the client to send or take."""
        if self.held:
            self._memory.stalls(self)

    def goes_on(self) -> None:
        """The client has done its part."""
        self._memory.goes_on(self)

    def close(self) -> None:
        """Give all back."""
        self._memory.goes_on(self)
        if self.held:
            self._memory.give_back(self, self.held)
