"""How much plaintext all writers together may hold in memory.

Intuition: one purse for everybody. A writer pays before it keeps a chunk, and gets its money back when the
fragments made of it are written (or given up). What a writer keeps and has not yet sent on its way is
*held*; what is under way to the providers is *shipped* and comes back by itself, at the providers' speed.

The danger is that all of it is held by clients that send slowly: then nobody could go on, and nothing
would come back. So when somebody has to wait and less than half of the purse is shipped, those who hold
most are told to ship what they hold (they end their extents early). A slow client can therefore delay
nobody by more than one shipment, and there is no order of waiting in which everybody waits for somebody.

Invariant: held + shipped <= total; the waiting are served first come, first served.
"""

import asyncio
from collections import deque
from collections.abc import Callable


class BudgetShare:
    """What one writer has of the budget."""

    def __init__(self, budget: "Budget", ship: Callable[[], None]) -> None:
        self.held = 0
        self.ship = ship
        self._budget = budget

    async def take(self, count: int) -> None:
        """Pay for `count` more bytes; waits for them. At most half of the total at once."""
        await self._budget.take(self, count)

    def shipped(self, count: int) -> None:
        """`count` of the held bytes are on their way."""
        self.held -= count
        self._budget.shipped += count

    def landed(self, count: int) -> None:
        """`count` of the shipped bytes need no memory any more."""
        self._budget.shipped -= count
        self._budget.give_back(count)

    def close(self) -> None:
        """Give back what is held."""
        count, self.held = self.held, 0
        self._budget.forget(self, count)


class Budget:
    """The purse. See the module's docstring."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0
        self.shipped = 0
        self._shares: dict[BudgetShare, None] = {}  # ordered, unlike a set
        self._waiting: deque[tuple[BudgetShare, int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many writers wait for memory."""
        return len(self._waiting)

    def open(self, ship: Callable[[], None]) -> BudgetShare:
        """A share for one more writer. `ship()` ships all that it keeps; called between its awaits."""
        share = BudgetShare(self, ship)
        self._shares[share] = None
        return share

    async def take(self, share: BudgetShare, count: int) -> None:
        """See `BudgetShare.take`."""
        assert count <= self.total // 2, "larger than what a shipment can free"
        if not self._waiting and self.used + count <= self.total:
            self.used += count
            share.held += count
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((share, count, turn))
        self._press()
        try:
            await turn
        except asyncio.CancelledError:
            self._waiting = deque(entry for entry in self._waiting if entry[2] is not turn)
            self._serve()
            raise

    def give_back(self, count: int) -> None:
        """`count` bytes are free again."""
        self.used -= count
        self._serve()

    def forget(self, share: BudgetShare, count: int) -> None:
        """The share is closed; `count` is what it still held."""
        self._shares.pop(share, None)
        self.give_back(count)

    def _serve(self) -> None:
        while self._waiting and self.used + self._waiting[0][1] <= self.total:
            share, count, turn = self._waiting.popleft()
            if not turn.done():
                self.used += count
                share.held += count
                turn.set_result(None)
        self._press()

    def _press(self) -> None:
        """Have those who hold most ship it, until half of the total is under way or nobody has to wait."""
        if not self._waiting or self.shipped >= self.total // 2:
            return
        for share in sorted(self._shares, key=lambda share: share.held, reverse=True):
            if not share.held or self.shipped >= self.total // 2:
                return
            share.ship()
