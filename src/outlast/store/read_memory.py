"""How much plaintext all readers together may hold in memory, and which give way when that is not enough.

Intuition: fetched bytes are worth their memory only while their consumer takes them. Dropping them loses
nothing, because they can be fetched again; so what a consumer leaves lying is available to readers that need
it. A slow client costs itself a second fetch, and others nothing. The same holds for a reading that was
forgotten.

The rules:

* A reader that has nothing left and finds no memory waits its turn. It holds nothing meanwhile, so there is
  no deadlock in which all readers wait for one another.
* A reader that needs memory takes it from those whose consumers have had a stripe for longer than a second
  (`patience_s`: less if many wait), the longest first; and while it waits, from those that hold more than
  their share of the total (`share`).
* A reader is *slow* if its consumer takes much longer for its bytes than the providers do. Slow readers
  together hold three quarters of the total at most, and an eighth when others wait; they take turns at it,
  and the others come first. So 800 slow clients slow down one another, and no other client.
* The piece in a consumer's hands cannot be taken back. While such pieces pin less than half of the total they
  are views of what was fetched; beyond that they are small copies, which belong to the consumer (`lend`).

Invariant: `used` is the sum of what the readers hold, and never above `total`. Half of it comes back within
`stripe_s_max`, whatever consumers do.
"""

import asyncio
from collections import deque
from typing import Protocol

from outlast.base import limits
from outlast.base.clock import Clock

# A consumer that takes longer than this for a stripe gives way to one that waits; sooner if more are waiting,
# down to the minimum. On a line of 10 Mbit/s a client takes a stripe in a second.
stripe_s_max = 1.0
stripe_s_min = 0.1
patient_waiters = 8
# The part of the total that slow readers together may hold, and the part when others wait.
slow_part_max = 0.75
slow_part_min = 0.125
# How often to check whether a reader has to give way, while memory is short.
look_s = 0.05
# How long a computed share is used before it is computed again.
share_s = 0.005


class Holder(Protocol):
    """One reader, as the memory sees it."""

    held: int
    """Bytes counted for it. The memory adds to them and takes from them."""

    @property
    def slow(self) -> bool:
        """Whether its consumer is slow."""
        ...

    @property
    def stripe_since(self) -> float | None:
        """When its consumer got its stripe (monotonic, in seconds); None while it waits for one."""
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
        self._looks = float("-inf"), float("-inf")  # the times of the last two checks
        self._share, self._share_at = total // 2, float("-inf")

    # ------------------------------------------------------------ for readers

    @property
    def share(self) -> int:
        """What one more reader may hold, in bytes: its part of what slow ones leave; a stripe at least.

        Cached for a moment, since every reader calls it all the time.
        """
        now = self._clock.monotonic()
        if now - self._share_at >= share_s:
            limit = self._overdue_since()
            fast = sum(not holder.slow for holder in self._holders)
            busy = [one for one in self._holders if (since := one.stripe_since) is None or since > limit]
            kept = sum(one.held for one in busy if one.slow)
            share = (self.total - kept) // max(1, fast + len(self._fast))
            self._share = max(limits.stripe_bytes, min(self.total // 2, share))
            self._share_at = now
        return self._share

    def take_now(self, holder: Holder, count: int) -> bool:
        """Whether `holder` may hold `count` more bytes; they are counted if so."""
        if self._slow if holder.slow else self._fast:
            return False
        if not self._has_room(holder.slow, count) and not holder.slow:
            self._take_overdue(self.used + count - self.total)
        if not self._has_room(holder.slow, count):
            return False
        self._grant(holder, count)
        return True

    async def take(self, holder: Holder, count: int) -> None:
        """Like `take_now`, when it is this reader's turn. It must hold nothing; `count`: a stripe at most."""
        if self.take_now(holder, count):
            return
        turn = asyncio.get_running_loop().create_future()
        waiting = self._slow if holder.slow else self._fast
        waiting.append((holder, count, turn))
        if self._look is None or len(waiting) == 1:
            self._reclaim()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give_back(holder, count)  # it was granted in the same moment
            elif (entry := (holder, count, turn)) in waiting:
                waiting.remove(entry)
            raise

    def give_back(self, holder: Holder, count: int) -> None:
        """Make `count` of the reader's bytes available again."""
        self._free(holder, count)
        self._serve()

    def lend(self, count: int) -> bool:
        """Whether the consumer may get a view that pins `count` bytes; call `returned` when it is back."""
        if self._lent + count > self.total // 2:
            return False
        self._lent += count
        return True

    def returned(self, count: int) -> None:
        """Count a view that pinned `count` bytes as back."""
        self._lent -= count

    # ------------------------------------------------------------ internals

    def _has_room(self, slow: bool, count: int) -> bool:
        if self.used + count > self.total:
            return False
        return not slow or not (held := self._slow_bytes()) or held + count <= self._slow_most()

    def _slow_most(self) -> float:
        """What slow readers together may hold."""
        return self.total * (slow_part_min if self._fast else slow_part_max)

    def _slow_bytes(self) -> int:
        return sum(holder.held for holder in self._holders if holder.slow)

    def _grant(self, holder: Holder, count: int) -> None:
        self.used += count
        holder.held += count
        self._holders[holder] = None
        self._keep_looking()

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

    def _reclaim(self) -> None:
        """Make others give way to readers that wait."""
        self._keep_looking()
        if not self._fast and not self._slow:
            return
        wanted = self.used - self.total + sum(count for _, count, _ in (*self._fast, *self._slow))
        if self._slow:
            wanted = max(wanted, int(self._slow_bytes() + self._slow[0][1] - self._slow_most()))
        self._take_overdue(wanted)
        self._serve()
        if self._fast:
            self._take_surplus()

    def _keep_looking(self) -> None:
        """Check again in a while, if a reader waits or may have to soon."""
        if self._look is None and (self._fast or self._slow or self.used > self.total // 2):
            self._look = asyncio.get_running_loop().call_later(look_s, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        self._looks = self._looks[1], self._clock.monotonic()
        self._reclaim()

    @property
    def patience_s(self) -> float:
        """How long a consumer may have a stripe while others wait."""
        waiters = len(self._fast) + len(self._slow)
        return max(stripe_s_min, stripe_s_max / (1 + waiters / patient_waiters))

    def _overdue_since(self) -> float:
        """Consumers that have had their stripe since before this time are overdue.

        It is the time of the check before the last: since then they have had a turn, on a busy loop too.
        """
        return self._looks[0] - self.patience_s

    def _take_overdue(self, wanted: int) -> None:
        """Take back up to `wanted` bytes that consumers leave lying."""
        enough, limit = self.used - wanted, self._overdue_since()
        had = [(since, holder) for holder in self._holders if (since := holder.stripe_since) is not None]
        for since, holder in sorted(had, key=lambda each: each[0]):
            if since > limit or self.used <= enough:
                return
            holder.spare(0)

    def _take_surplus(self) -> None:
        """Take back what readers hold beyond their share, which is smaller the more of them there are."""
        share = self.share
        for holder in list(self._holders):
            if self._fast and holder.held > share:
                holder.spare(share)
                self._serve()
