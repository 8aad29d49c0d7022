"""How much plaintext all readers together may hold in memory, and who gives way when that is not enough.

Intuition: what a reader has fetched is worth memory only as long as its consumer takes it. Nothing is lost
when it is dropped, because it can be fetched again; so what a consumer lets lie belongs to whoever needs
it. A slow client costs itself a second fetch, and others nothing. The same holds for a reading that was
forgotten.

The rules:

* A reader that has nothing left and finds no memory waits its turn. It holds nothing meanwhile, so there is
  no order of waiting in which everybody waits for somebody.
* Who needs memory takes it from those whose consumers have let their bytes lie for `sitting_s_max`, the
  longest first; and while it waits, from those that hold more than their share of the total (`share`).
* A reader is *slow* whose consumer takes much longer for its bytes than the providers do. Slow readers
  together hold three quarters of the total at most, and an eighth where others wait; they take turns at it,
  and the others come first. So 800 slow clients slow down each other, and nobody else.
* The piece in a consumer's hands cannot be taken back. While such pieces pin less than half of the total they
  are views of what was fetched; beyond that they are small copies, which belong to the consumer (`lend`).

Invariant: `used` is the sum of what the readers hold, and never above `total`. Half of it comes back within
`sitting_s_max`, whatever consumers do.
"""

import asyncio
from collections import deque
from typing import Protocol

from outlast.base.clock import Clock

# A consumer that lets bytes lie for so long is not waited for. A client on a line of 10 Mbit/s takes a
# stripe in a second.
sitting_s_max = 1.0
# The same for its first stripe: many may begin at once, and it is not known yet how fast they are.
first_sitting_s_max = 0.1
# The part of the total that slow readers have together at most, and where others wait.
slow_part_max = 0.75
slow_part_min = 0.125
# How often it is looked whether somebody has to give way, while a reader waits.
look_s = 0.1


class Holder(Protocol):
    """One reader, as the memory knows it."""

    held: int
    """Bytes that are counted for it. The memory adds to them and takes from them."""

    @property
    def slow(self) -> bool:
        """Whether its consumer is."""
        ...

    def overdue_s(self, now: float) -> float:
        """For how long its consumer has let bytes lie beyond what it may; negative if it has not."""
        ...

    def spare(self, keep: int) -> None:
        """Drop what it can until it holds `keep` bytes. Called between its awaits."""
        ...


class ReadMemory:
    """The memory. See the module's docstring."""

    def __init__(self, total: int, clock: Clock) -> None:
        self.total = total
        self.used = 0
        self._clock = clock
        self._lent = 0
        self._holders: dict[Holder, None] = {}  # ordered, unlike a set
        self._fast: deque[tuple[Holder, int, asyncio.Future[None]]] = deque()
        self._slow: deque[tuple[Holder, int, asyncio.Future[None]]] = deque()
        self._look: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ for readers

    def share(self, holder: Holder) -> int:
        """What this reader may hold, in bytes: its part of what slow ones leave, and half of it at most."""
        now = self._clock.monotonic()
        others = [other for other in self._holders if other is not holder]
        fast = sum(not other.slow for other in others)
        kept = sum(other.held for other in others if other.slow and other.overdue_s(now) < 0)
        return min(self.total // 2, (self.total - kept) // (1 + fast + len(self._fast)))

    def take_now(self, holder: Holder, count: int) -> bool:
        """Whether `holder` may hold `count` more bytes; they are counted if so."""
        if self._slow if holder.slow else self._fast:
            return False
        if not self._has_room(holder.slow, count) and not holder.slow:
            self._take_overdue(count)
        if not self._has_room(holder.slow, count):
            return False
        self._grant(holder, count)
        return True

    async def take(self, holder: Holder, count: int) -> None:
        """As `take_now`, when it is this reader's turn. It must hold nothing; `count`: a stripe at most."""
        if self.take_now(holder, count):
            return
        turn = asyncio.get_running_loop().create_future()
        waiting = self._slow if holder.slow else self._fast
        waiting.append((holder, count, turn))
        self._press()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give_back(holder, count)  # it was granted in the same moment
            elif (entry := (holder, count, turn)) in waiting:
                waiting.remove(entry)
            raise

    def give_back(self, holder: Holder, count: int) -> None:
        """`count` of the reader's bytes are free again."""
        self._free(holder, count)
        self._serve()

    def lend(self, count: int) -> bool:
        """Whether the consumer may be given a view that pins `count` bytes; `returned` when it is back."""
        if self._lent + count > self.total // 2:
            return False
        self._lent += count
        return True

    def returned(self, count: int) -> None:
        """A view that pinned `count` bytes is back."""
        self._lent -= count

    # ------------------------------------------------------------ within

    def _has_room(self, slow: bool, count: int) -> bool:
        if self.used + count > self.total:
            return False
        most = self.total * (slow_part_min if self._fast else slow_part_max)
        return not slow or not (held := self._slow_bytes()) or held + count <= most

    def _slow_bytes(self) -> int:
        return sum(holder.held for holder in self._holders if holder.slow)

    def _grant(self, holder: Holder, count: int) -> None:
        self.used += count
        holder.held += count
        self._holders[holder] = None

    def _free(self, holder: Holder, count: int) -> None:
        self.used -= count
        holder.held -= count
        if not holder.held:
            self._holders.pop(holder, None)

    def _serve(self) -> None:
        for waiting, slow in ((self._fast, False), (self._slow, True)):
            while waiting and self._has_room(slow, waiting[0][1]):
                holder, count, turn = waiting.popleft()
                if not turn.done():
                    self._grant(holder, count)
                    turn.set_result(None)

    # ------------------------------------------------------------ giving way

    def _press(self) -> None:
        """Have others give way to those who wait, and look again in a while if some wait on."""
        if waiting := self._fast or self._slow:
            self._take_overdue(waiting[0][1])
            self._serve()
        if self._fast:
            self._take_surplus()
        if (self._fast or self._slow) and self._look is None:
            self._look = asyncio.get_running_loop().call_later(look_s, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        self._press()

    def _take_overdue(self, count: int) -> None:
        """Take back what consumers let lie, until there is room for `count` bytes, if that is enough."""
        now = self._clock.monotonic()
        overdue = [(holder.overdue_s(now), holder) for holder in self._holders]
        for seconds, holder in sorted(overdue, key=lambda each: each[0], reverse=True):
            if seconds < 0 or self.used + count <= self.total:
                return
            holder.spare(0)

    def _take_surplus(self) -> None:
        """Take back what some hold beyond their share, which is smaller the more there are."""
        for holder in list(self._holders):
            if self._fast and holder.held > (share := self.share(holder)):
                holder.spare(share)
                self._serve()
