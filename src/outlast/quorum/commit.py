"""Writing: records wait in a queue, are grouped into submissions, and each proposal carries all that wait.

`_commit_one` shows the life of a slot:

    1. If other gateways decide slots faster than this one learns of them, learn what they have decided.
    2. If they still do, announce the pending submissions for a slot ahead and follow the log until they are
       included (`quorum.announcement`).
    3. Otherwise propose the next slot: the pending submissions, and those that others have announced for it.
       The owner of the last slot needs one round trip (round 0), any other gateway two (`quorum.proposer`).
    4. Apply what was decided (`quorum.history`). Own submissions that are not in it wait for the next slot.

Two rules keep a submission from being decided twice. A gateway proposes for a slot only when it knows every
slot before it. And a submission that was shown for a slot is in no other proposal until that slot is known.

A submission whose writers have all been given `NoMajority` is not proposed again. The first phase of the next
proposal finds it if a voter accepted it, and adopts it. If no voter did (all disks were full), it does not
reappear hours later.
"""

import asyncio
import math
from collections import deque
from collections.abc import Iterable, Sequence

from outlast.base import limits
from outlast.base.errors import NoMajority, Tampered
from outlast.base.marks import reached
from outlast.base.points import point
from outlast.base.trace import event
from outlast.quorum.announcement import (
    Announcement,
    included,
    open_announcement,
    seal_announcement,
)
from outlast.quorum.ballot import SlotState
from outlast.quorum.batch import Batch, Submission, seal_batch
from outlast.quorum.context import LogContext
from outlast.quorum.history import History
from outlast.quorum.learn import Learner
from outlast.quorum.proposer import Proposer
from outlast.quorum.read_index import ReadIndex
from outlast.quorum.slot import Slot
from outlast.quorum.waiting import MajorityOutage, Pending, WaitingWriter

# The pause between two attempts without a majority, so that providers that refuse at once are not retried in
# a tight loop.
NO_MAJORITY_PAUSE_S = 0.2
# Submissions of this gateway that wait to be decided. Further records stay in the queue.
PENDING_MAX = 4
# Other gateways are too fast if they decide more slots than this per round trip of this gateway, or if it has
# lost `LOST_MAX` slots in a row.
SLOTS_PER_ROUND_TRIP_MAX = 0.8
LOST_MAX = 3
# After this many rounds in which nothing was decided, no gateway is working toward an announced slot. The
# announced slot itself takes the gateway that finds the announcement up to four round trips.
IDLE_ROUNDS = 2
LAST_IDLE_ROUNDS = 4
# An answer to a question sent this many round trips ago is still fresh: the answer took one of them.
FRESH_ROUNDS = 2.5
# The batch size is halved when a slot took longer than this (or, with distant voters, four round trips) or
# failed, and doubled when it took half as long: over a slow uplink a large batch does not arrive in time,
# however often it is sent.
BATCH_S_MAX = 2.0
BATCH_BYTES_MIN = 64 * limits.KIB
# An attempt also announces its pending submissions, in case it is outvoted, unless they are larger than this.
ANNOUNCED_BYTES_MAX = 256 * limits.KIB


class Committer:
    """Gets records decided, one slot at a time."""

    def __init__(
        self, context: LogContext, history: History, proposer: Proposer, learner: Learner, reads: ReadIndex
    ) -> None:
        self.outage = MajorityOutage(context.clock)
        self._context = context
        self._history = history
        self._proposer = proposer
        self._learner = learner
        self._reads = reads
        self._queue: deque[WaitingWriter] = deque()
        self._pending: list[Pending] = []
        self._sequence = 0
        self._batch_bytes = BATCH_BYTES_MIN
        self._lost = 0
        self._misses = 0
        self._proposed: tuple[int, tuple[Submission, ...], bytes] = -1, (), b""
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ for the log

    def add(self, record: bytes) -> WaitingWriter:
        """Queue a record. Returns a waiter for its outcome."""
        writer = WaitingWriter(self._context.clock.monotonic(), record=record)
        self._queue.append(writer)
        return writer

    @property
    def running(self) -> bool:
        return self._task is not None

    def wake(self) -> None:
        """Start committing what is queued, unless that is already running."""
        if self._task is None and self._work_waits():
            self._task = asyncio.ensure_future(self._run())

    def decided(self, number: int, state: SlotState, batch: Batch, outcomes: Sequence[object]) -> None:
        """A slot was applied, whichever gateway proposed it: answer the callers whose records are in it."""
        self._proposer.forget(number)
        mine = {pending.submission.name: pending for pending in self._pending}
        first, ours = 0, False
        for submission in batch.submissions:
            part = outcomes[first : first + len(submission.records)]
            first += len(submission.records)
            if (pending := mine.get(submission.name)) is not None:
                ours = True
                self._answer(pending, part)
        if ours and batch.proposer == self._context.gateway:
            assert state.value is not None
            self._context.figures.batch_bytes.add(len(state.value))
        elif ours:
            reached("commit: another gateway included our submission")
        self._lost = 0 if ours or not self._pending else self._lost + 1

    def fail_all(self, error: Exception) -> None:
        """Fail all waiting callers with this error."""
        for writer in self._writers():
            writer.fail(error)
        self._queue.clear()
        self._pending.clear()

    async def close(self) -> None:
        """Cancel the committing task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------------------ slot by slot

    async def _run(self) -> None:
        """Decide slot after slot until no caller waits."""
        try:
            while self._work_waits():
                await self._commit_or_pause()
        finally:
            self._task = None
            self._lost = 0
            self.outage.clear()
        self._reads.wake()

    async def _commit_or_pause(self) -> None:
        context = self._context
        try:
            async with context.turn:
                if self._work_waits():
                    await self._commit_one()
            self.outage.clear()
            self._reads.majority_answered()
        except NoMajority as error:
            context.figures.no_majority += 1
            event("quorum: no majority", slot=self._history.slot + 1, error=error)
            self._adapt(math.inf, 0)
            self.outage.extend(self._writers(), error, context.pace.last_s)
            self._reads.wake()
            pause_s = context.entropy.uniform(NO_MAJORITY_PAUSE_S / 2, NO_MAJORITY_PAUSE_S)
            await context.clock.sleep(pause_s)
        except Exception as error:  # whatever it is, the waiting callers must get it
            self.fail_all(error)
            self._context.readers.fail_all(error)

    async def _commit_one(self) -> None:
        """Get the next slot decided with what is pending now. See the module's docstring."""
        self._submit()
        if self._too_slow():
            if self._learner.age_s > FRESH_ROUNDS * self._context.pace.quickest_s:
                await self._learner.look()
            if self._work_waits() and self._too_slow():
                await self._announce()
            if not self._work_waits():
                return
        number = self._history.slot + 1
        await point("commit: about to propose")
        began = self._context.clock.monotonic()
        state = await self._proposer.decide(number, self)
        assert state.value is not None
        self._adapt(self._context.clock.monotonic() - began, len(state.value))
        await point("commit: decided and not applied")
        self._history.learn(number, state)
        if self._lost:
            await self._learner.learn_ahead()

    def _adapt(self, seconds: float, size: int) -> None:
        """Adjust the batch size: the last slot took `seconds` for a value of `size` bytes.

        It never grows to more than twice what has just arrived. If one voter accepted a value that is too
        large for the links to the others, no smaller value could replace it.
        """
        round_s = self._context.pace.quickest_s
        if seconds > max(BATCH_S_MAX, 4 * round_s):
            self._batch_bytes = max(BATCH_BYTES_MIN, self._batch_bytes // 2)
        elif seconds < max(BATCH_S_MAX / 2, 2 * round_s) and 2 * size >= self._batch_bytes:
            self._batch_bytes = min(limits.batch_bytes_max, 2 * self._batch_bytes)

    def _submit(self) -> None:
        """Group the queued records into a submission."""
        writers: list[WaitingWriter] = []
        size = 0
        while self._queue and (not writers or size + len(self._queue[0].record) <= self._batch_bytes):
            if len(self._pending) >= PENDING_MAX:
                return
            writer = self._queue.popleft()
            if writer.waits:
                writers.append(writer)
                size += len(writer.record)
        if writers:
            self._sequence += 1
            records = tuple(writer.record for writer in writers)
            submission = Submission(self._context.gateway, self._sequence, records)
            self._pending.append(Pending(submission, writers, self._context.readers.ticket))

    def value(self, slot: Slot) -> bytes:
        """The value for the next slot: our submissions and those that others have announced for it.

        It is rebuilt only if these changed.
        """
        self._submit()
        context = self._context
        ours = included((), [pending.submission for pending in self._pending], self._batch_bytes)
        # Others get the same amount again: if our own records fill every batch, theirs would never get in.
        both_bytes = sum(one.size for one in ours) + self._batch_bytes
        submissions = tuple(included(ours, self._announced(slot), both_bytes))
        if self._proposed[:2] != (slot.number, submissions):
            batch = Batch(self._history.hash, context.gateway, submissions)
            value = seal_batch(context.seal, slot.number, batch)
            context.open_value.keep(slot.number, value, batch)
            self._proposed = slot.number, submissions, value
        return self._proposed[2]

    def wants(self, value: bytes) -> bool:
        """Whether `value` is what was proposed last and a caller still waits for a record in it."""
        _, submissions, proposed = self._proposed
        return value == proposed and any(pending.submission in submissions for pending in self._pending)

    def _answer(self, pending: Pending, outcomes: Iterable[object]) -> None:
        """Answer the writers of a submission of ours that was decided."""
        self._pending.remove(pending)
        figures, now = self._context.figures, self._context.clock.monotonic()
        figures.batch_records.add(len(pending.writers))
        for writer, outcome in zip(pending.writers, outcomes, strict=True):
            figures.commit_s.add(now - writer.since)
            writer.resolve(outcome)
        figures.reads_rode += self._context.readers.resolve(pending.ticket)

    # ------------------------------------------------------------ announcements

    def _too_slow(self) -> bool:
        """Whether others decide slots faster than this gateway learns of them."""
        if self._history.owner == self._context.gateway:
            return False
        slots = self._learner.speed.slots_per_s * self._context.pace.quickest_s
        return slots > SLOTS_PER_ROUND_TRIP_MAX or self._lost >= LOST_MAX

    def announcement(self, slot: int) -> bytes | None:
        """The pending submissions, for a proposer of `slot` that outvotes this one."""
        submissions = tuple(pending.submission for pending in self._pending)
        if sum(one.size for one in submissions) > ANNOUNCED_BYTES_MAX:
            return None
        return seal_announcement(self._context.seal, slot, Announcement(self._history.slot, submissions))

    async def _announce(self) -> None:
        """Announce the pending submissions and follow the log until they are in it.

        Stops as well when the announced slot has passed, or when no gateway is working toward it. What is
        submitted meanwhile is announced for a slot of its own.
        """
        announced: tuple[Pending, ...] = ()
        until = idle = 0
        while True:
            if any(pending not in announced for pending in self._pending):
                announced, until = tuple(self._pending), max(until, self._announce_pending())
            if not self._work_waits() or self._history.slot >= until:
                break
            idle = 0 if await self._learner.follow(until) else idle + 1
            if idle >= (LAST_IDLE_ROUNDS if self._history.slot == until - 1 else IDLE_ROUNDS):
                break
            self._submit()
        missed = any(pending in self._pending for pending in announced)
        if self._history.slot >= until:
            if missed:
                reached("commit: announced too late")
                self._misses += 1
            else:
                reached("commit: announced and included")
                self._misses = max(0, self._misses - 1)

    def _announce_pending(self) -> int:
        """Announce all pending submissions. Returns the slot that they were announced for."""
        context, known = self._context, self._history.slot
        number = self._learner.speed.slot_to_announce(known, context.clock.monotonic(), self._misses)
        slot = self._proposer.slot_at(number)
        # No more than fits into a batch: a state may hold a batch as well, and there is a next slot.
        ours = included((), [pending.submission for pending in self._pending], limits.batch_bytes_max)
        announcement = Announcement(known, tuple(ours))
        sealed = seal_announcement(context.seal, number, announcement)
        context.background.spawn(slot.announce(self._proposer.next_ballot(slot), sealed))
        return number

    def _announced(self, slot: Slot) -> list[Submission]:
        """What others have announced for the slot, as far as no earlier slot holds it."""
        found: list[Submission] = []
        for sealed in slot.announced:
            try:
                announcement = open_announcement(self._context.seal, slot.number, sealed)
            except Tampered:
                continue  # a voter forged it: the state that it came with is just as valid without it
            found.extend(self._history.recent.undecided(announcement))
        if found:
            reached("commit: includes what another gateway announced")
        return found

    # ------------------------------------------------------------ waiting callers

    def _work_waits(self) -> bool:
        while self._queue and not self._queue[0].waits:
            self._queue.popleft()
        self._pending = [pending for pending in self._pending if pending.waits]
        return bool(self._queue or self._pending)

    def _writers(self) -> list[WaitingWriter]:
        return [*(writer for pending in self._pending for writer in pending.writers), *self._queue]
