"""How much plaintext all writers together may hold in memory.

Intuition: one shared budget. A writer reserves memory before it keeps a chunk, and gets it back when the
fragments made of the chunk are written (or given up). Bytes that a writer keeps and has not yet sent are
*held*; bytes that are in flight to the providers are *shipped* and return by themselves, at the providers'
speed.

The danger is that clients that send slowly hold all of it: then no writer could continue, and nothing would
return. So when a writer has to wait and less than half of the budget is shipped, the largest holders ship
what they hold (they end their extents early). A slow client can therefore delay another writer by no more
than one delivery, and there is no deadlock in which all writers wait for one another.

Invariant: held + shipped <= total; waiting writers are served first come, first served.
"""

import asyncio
from collections import deque
from collections.abc import Callable


class BudgetShare:
    """One writer's part of the budget."""

    def __init__(self, budget: "Budget", ship: Callable[[], None]) -> None:
        self.held = 0
        self.ship = ship
        self._budget = budget

    async def take(self, count: int) -> None:
        """Reserve `count` more bytes, waiting for them. At most half of the total at once."""
        await self._budget.take(self, count)

    def shipped(self, count: int) -> None:
        """Count `count` of the held bytes as in flight."""
        self.held -= count
        self._budget.shipped += count

    def landed(self, count: int) -> None:
        """Return `count` of the shipped bytes, which need no memory any more."""
        self._budget.shipped -= count
        self._budget.give_back(count)

    def close(self) -> None:
        """Return what is held."""
        count, self.held = self.held, 0
        self._budget.forget(self, count)


class Budget:
    """The shared budget. See the module's docstring."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0
        self.shipped = 0
        self._shares: dict[BudgetShare, None] = {}  # ordered, unlike a set
        self._waiting: deque[tuple[BudgetShare, int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many writers are waiting for memory."""
        return len(self._waiting)

    def open(self, ship: Callable[[], None]) -> BudgetShare:
        """Open a share for one more writer. `ship()` ships all that it holds; called between its awaits."""
        share = BudgetShare(self, ship)
        self._shares[share] = None
        return share

    async def take(self, share: BudgetShare, count: int) -> None:
        """See `BudgetShare.take`."""
        assert count <= self.total // 2, "larger than what a delivery can free"
        if not self._waiting and self.used + count <= self.total:
            self.used += count
            share.held += count
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((share, count, turn))
        self._flush_largest()
        try:
            await turn
        except asyncio.CancelledError:
            self._waiting = deque(entry for entry in self._waiting if entry[2] is not turn)
            self._serve()
            raise

    def give_back(self, count: int) -> None:
        """Make `count` bytes available again."""
        self.used -= count
        self._serve()

    def forget(self, share: BudgetShare, count: int) -> None:
        """Close the share, which still held `count` bytes."""
        self._shares.pop(share, None)
        self.give_back(count)

    def _serve(self) -> None:
        while self._waiting and self.used + self._waiting[0][1] <= self.total:
            share, count, turn = self._waiting.popleft()
            if not turn.done():
                self.used += count
                share.held += count
                turn.set_result(None)
        self._flush_largest()

    def _flush_largest(self) -> None:
        """Ship for the largest holders until half of the total is in flight or no writer is waiting."""
        if not self._waiting or self.shipped >= self.total // 2:
            return
        for share in sorted(self._shares, key=lambda share: share.held, reverse=True):
            if not share.held or self.shipped >= self.total // 2:
                return
            share.ship()
