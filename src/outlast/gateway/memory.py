"""What requests hold in memory: one budget for small objects, documents, and answers of all connections.

A request takes memory before its body is read, and returns it when its answer has been sent. So whatever
waits for the log, for a quorum, or for a client is counted here: small objects and their records, documents
with ten thousand parts, pages of a listing. Plaintext of larger objects is counted by the store's own budgets
(`store.budget`, `store.read_memory`), and what a connection needs to exist is bounded by `admission`.

A request that finds the budget exhausted waits in line, first come, first served, with its body unread; it
fails with `SlowDown` after `limits.request_wait_s_max`.

A `Lease` that waits for its client, to send a body or to take an answer, may be ended for others after
`patience_s`: stalling clients must not make all others wait. A lease that waits for the store is never
ended.

Invariant: `used` is the sum of what the leases hold, and at most `total`.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.gateway.s3.errors import busy

# How long a client that keeps memory from others may take to send its body or read its answer.
patience_s = 5.0
look_s = 0.5
GONE = "the client has disconnected"


class ClientMemory:
    """The budget of `total` bytes. See the module's docstring."""

    def __init__(self, total: int, clock: Clock) -> None:
        self.total = total
        self.used = 0
        self._clock = clock
        self._stalling: dict[Lease, float] = {}  # since when each waits for its client; ordered
        self._waiting: deque[tuple[Lease, int, asyncio.Future[None]]] = deque()
        self._look: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many requests are waiting for memory."""
        return len(self._waiting)

    async def take(self, lease: "Lease", count: int) -> None:
        """See `Lease.take`."""
        count = min(count, self.total)
        if self.take_now(lease, count):
            return
        turn = asyncio.get_running_loop().create_future()
        entry = lease, count, turn
        self._waiting.append(entry)
        self._end_stalled()
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

    def resize_now(self, lease: "Lease", count: int) -> bool:
        """See `Lease.resize_now`. A request with memory precedes waiting ones: it is nearly done."""
        more = count - lease.held
        if more > 0 and self.used + more > self.total:
            return False
        self._grant(lease, more)
        if more < 0:
            self._serve()
        return True

    def give_back(self, lease: "Lease", count: int) -> None:
        """Make `count` bytes available again."""
        self.used -= count
        lease.held -= count
        self._serve()

    def stop_waiting(self, lease: "Lease", error: Exception) -> None:
        """See `Lease.stop_waiting`."""
        for waiting, _, turn in self._waiting:
            if waiting is lease and not turn.done():
                turn.set_exception(error)  # the waiting request leaves the line by itself

    def stalls(self, lease: "Lease") -> None:
        """Note that the lease waits for its client from now on."""
        self._stalling[lease] = self._clock.monotonic()

    def goes_on(self, lease: "Lease") -> None:
        """Note that it no longer does."""
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

    def _end_stalled(self) -> None:
        """While a request waits for memory, end leases that wait for their clients for too long."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if not self._waiting:
            return
        wanted = self._waiting[0][1] - (self.total - self.used)
        old = self._clock.monotonic() - patience_s
        for lease, since in list(self._stalling.items()):
            if since > old or wanted <= 0:
                break
            wanted -= lease.held
            del self._stalling[lease]
            lease.end()
        self._look = asyncio.get_running_loop().call_later(look_s, self._end_stalled)


class Lease:
    """What the request in progress on one connection holds. Closed when its answer has been sent.

    When the connection is lost it ends for good: a client that has disconnected is granted nothing.
    """

    __slots__ = ("_ended", "_memory", "end", "held")

    def __init__(self, memory: ClientMemory, end: Callable[[], None]) -> None:
        """`end()` breaks off the connection, after which the lease is closed."""
        self.held = 0
        self.end = end
        self._ended = False
        self._memory = memory

    def take_now(self, count: int) -> bool:
        """Whether `count` more bytes are available without waiting; they are held if so."""
        return not self._ended and self._memory.take_now(self, count)

    async def take(self, count: int) -> None:
        """Hold `count` more bytes (at most the total), when it is this lease's turn.

        Raises `SlowDown`, and ConnectionResetError as soon as the client has disconnected.
        """
        if self._ended:
            raise ConnectionResetError(GONE)
        await self._memory.take(self, count)

    def resize_now(self, count: int) -> bool:
        """Hold exactly `count` bytes from now on. False, and no change, if there are not as many."""
        return self._ended or self._memory.resize_now(self, count)

    def stalls(self) -> None:
        """What is held waits for the client to send or read."""
        if self.held:
            self._memory.stalls(self)

    def goes_on(self) -> None:
        """The client has done its part."""
        self._memory.goes_on(self)

    def close(self) -> None:
        """Return all of it. The connection's next request may take some again."""
        self._memory.goes_on(self)
        if self.held:
            self._memory.give_back(self, self.held)

    def stop_waiting(self, error: Exception) -> None:
        """Raise `error` from `take`, if it waits: the memory is of no use any more."""
        self._memory.stop_waiting(self, error)

    def end_for_good(self) -> None:
        """Return all of it, and take nothing any more: the client has disconnected."""
        self._ended = True
        self.stop_waiting(ConnectionResetError(GONE))
        self.close()
