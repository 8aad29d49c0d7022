"""The log: one sequence of batches that all gateways agree on, and nothing else is the truth.

**Writing.** `append` puts a record in a queue. One slot is settled at a time, and everything that waits
when it begins goes into it (group commit). A gateway whose batch was decided last owns round 0 of the next
slot and needs one round trip; anybody else takes two. A value once shown to a voter is *pinned*: as long
as anybody waits for it, it is the only value that this gateway proposes for that slot. If another value is
decided, the records move to the next slot. When all who waited have been told that there is no majority, the
next batch takes its place, in a higher round: the first phase finds what a voter may have accepted of it and
carries that on, and what nobody took (all disks were full) does not come up hours later.

A busy owner begins slot after slot, each sooner than anybody else can learn of the one before. So who has
lost a slot *reserves* one a little ahead: a majority promises it, the owner's round 0 is turned away
there, and the other, who has learned of the slots between meanwhile, needs one round trip more. Where the
owner rests before it gets there, the slots before are tried for, and what is reserved is kept for later.

**Reading.** `sync` returns when the local catalog holds everything that was acknowledged to anybody before
the call. Two events prove that: a majority holds nothing accepted for the next slot when asked; or a value
of ours, first shown after the call, is decided for it. So a `sync` rides on the next commit if there is one,
and otherwise asks; all that wait share one question. Where a round trip is long, the next question begins
before the last is answered, so that nobody waits for two of them. It also asks while the log is *stuck*, no
majority taking what is proposed: voters that are full or read-only can still be read.

**Not here.** What records mean (`catalog`), and which voters there are: that is given.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TypeAlias

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.concurrency import Background, cancel_and_wait
from outlast.base.entropy import Entropy
from outlast.base.errors import Estranged, ForkedLog, NoMajority
from outlast.providers.protocol import Provider
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import GENESIS_HASH, Batch, Opener, Seal, seal_batch, value_hash
from outlast.quorum.figures import LogFigures
from outlast.quorum.laggards import Laggards
from outlast.quorum.pace import Pace
from outlast.quorum.replay import replay
from outlast.quorum.slot import Slot
from outlast.quorum.tail import ask_all, newest_possible
from outlast.quorum.voter import Voter
from outlast.quorum.waiting import Pinned, Silence, Waiter, Writer

Apply: TypeAlias = Callable[[int, bytes, Sequence[bytes]], Sequence[object]]
"""(slot, hash of its value, records) -> one outcome a record. Called once a slot, in order."""

# The rest between two tries meanwhile: providers that refuse at once are not asked in a tight loop.
NO_MAJORITY_PAUSE_S = 0.2
# Slots that the voters are asked about at once, by who learns what is new: few, since each asks for votes.
ASKED_AT_ONCE = 8
# How often an accepted but undecided value is given time to be decided by its proposer.
GRACE_ROUNDS = 2
# How far ahead who has lost a slot reserves one; twice as far after a reservation that came too late.
AHEAD_MIN = 3
AHEAD_MAX = 48


class Log:
    """The log as one gateway sees it. `slot` and `hash` are where the local catalog stands.

    `gateway` (16 bytes) is fresh at every start of a process. `append` and `sync` raise `NoMajority`; a
    record whose `append` raised may still be decided later. An error of `apply` is raised to those who wait.
    """

    def __init__(
        self,
        voters: Sequence[Voter],
        seal: Seal,
        gateway: bytes,
        clock: Clock,
        entropy: Entropy,
        apply: Apply,
        position: tuple[int, bytes] = (-1, GENESIS_HASH),
        report: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self.voters = tuple(voters)
        self.slot, self.hash = position
        self.figures = LogFigures()
        self._seal = seal
        self._gateway = gateway
        self._clock = clock
        self._entropy = entropy
        self._apply = apply
        self._owner = b""
        self._newest: SlotState | None = None
        self._sequence = 0
        self._rounds_used: dict[int, int] = {}
        self._lost = 0
        self._ahead = AHEAD_MIN
        self._reserved: Slot | None = None
        self._pace = Pace(clock, entropy)
        self._queue: deque[Writer] = deque()
        self._riders: list[Waiter] = []
        self._pinned: Pinned | None = None
        self._unwritable = Silence(clock)
        self._unreadable = Silence(clock)
        self._turn = asyncio.Lock()
        self._committer: asyncio.Task[None] | None = None
        self._askers: set[asyncio.Task[None]] = set()
        self._asker_waits = False
        self._background = Background(report)
        self._open = Opener(seal)
        self._laggards = Laggards(
            self.voters, self._open, self._background, clock, lambda: (self.slot, self._newest)
        )
        for voter in self.voters:
            voter.check = self._open

    # ------------------------------------------------------------ for callers

    async def append(self, record: bytes) -> object:
        """Have `record` decided and applied; its outcome. Raises `NoMajority`."""
        writer = Writer(self._clock.monotonic(), record=record)
        self._queue.append(writer)
        self._wake()
        return await writer.answer()

    async def sync(self) -> None:
        """Return when everything acknowledged to anybody before this call is applied. Raises `NoMajority`."""
        rider = Waiter(self._clock.monotonic())
        self._riders.append(rider)
        self._wake()
        await rider.answer()

    def expect(self, name: str, incarnation: bytes) -> None:
        """From now on the voter `name` counts only with this incarnation in its marker."""
        for voter in self.voters:
            if voter.name == name:
                voter.incarnation = incarnation

    @property
    def behind(self) -> dict[str, int]:
        """Voters known to miss slots, and the first that each misses."""
        return self._laggards.slots

    async def refill(self, name: str, target: Provider | None = None) -> int:
        """Give the voter `name` every decided slot that it lacks; how many. Raises `ProviderError`.

        `target` is how to reach a voter that is estranged, past the guard that refuses it.
        """
        await self.sync()
        return await self._laggards.refill(name, target)

    async def close(self) -> None:
        """End what runs. Those who still wait are told `NoMajority`."""
        tasks = [*self._askers] if self._committer is None else [self._committer, *self._askers]
        await cancel_and_wait(tasks)
        await self._background.close()
        self._tell_all(NoMajority("the log was closed"))

    # ------------------------------------------------------------ writing

    def _wake(self) -> None:
        """See to it that somebody works for those who wait."""
        if self._committer is None and self._work_waits():
            self._committer = asyncio.ensure_future(self._commit_all())
        elif self._riders and self._must_ask() and self._may_ask():
            self._asker_waits = True
            self._askers.add(asyncio.ensure_future(self._ask()))

    def _must_ask(self) -> bool:
        """Whether no commit takes along those who read. One that begins looks to them when it ends."""
        return self._committer is None or self._unwritable.lasts

    def _work_waits(self) -> bool:
        while self._queue and not self._queue[0].waits:
            self._queue.popleft()
        return bool(self._queue) or (self._pinned is not None and self._pinned.waits)

    async def _commit_all(self) -> None:
        """Settle slot after slot until nobody waits."""
        while self._work_waits():
            try:
                async with self._turn:
                    if self._work_waits():
                        await self._commit_one()
                self._unwritable.ends()
                self._unreadable.ends()
            except NoMajority as error:
                self.figures.no_majority += 1
                self._unwritable.goes_on(self._writers(), error, self._pace.last_s)
                self._let_riders_off()
                self._wake()
                await self._clock.sleep(self._entropy.uniform(NO_MAJORITY_PAUSE_S / 2, NO_MAJORITY_PAUSE_S))
            except Exception as error:  # whatever it is, those who wait must hear of it
                self._tell_all(error)
        self._committer = None
        self._unwritable.ends()
        self._wake()

    def _let_riders_off(self) -> None:
        if self._pinned is not None:
            self._riders = self._pinned.riders + self._riders
            self._pinned.riders = []

    async def _commit_one(self) -> None:
        """Settle the next slot with what waits now."""
        if self._lost:
            await self._reserve()
        reserved = self._take_reserved()
        mine = self._pin()
        fast = not mine.shown and self._owner == self._gateway
        mine.shown = True
        state = await self._decide(mine.slot, mine.value, fast, reserved)
        assert state is not None
        won = state.value == mine.value
        self._lost = 0 if won else self._lost + 1
        if reserved is not None:
            self._ahead = max(AHEAD_MIN, self._ahead // 2) if won else min(AHEAD_MAX, 2 * self._ahead)
        self._learned(mine.slot, state)

    async def _reserve(self) -> None:
        """Reserve a slot ahead, unless one is still or hardly anybody writes, and learn those before it."""
        lost = self.slot
        riders, self._riders = self._riders, []
        try:
            await self._get_current()
        except BaseException:
            self._riders = riders + self._riders
            raise
        for rider in riders:
            rider.tell(None)
        if self._reserved is None or self._reserved.number <= self.slot:
            if self.slot == lost or (self.slot == lost + 1 and self._lost == 1):
                return
            slot = self._slot(self.slot + self._ahead)
            self._reserved = slot if await slot.reserve(self._next_ballot(slot)) else None
        while self._reserved is not None and self.slot < self._reserved.number - 1:
            known = self.slot
            before = await self._learn_window(self._reserved.number - 1 - known)
            if (state := before.tally.decided()) is not None:
                self._learned(before.number, state)
            if self.slot == known:
                break  # nobody is on the way there now: the next slot may be had, and the reserved one keeps

    def _take_reserved(self) -> Slot | None:
        """The next slot, if it is the one that was reserved. One further ahead is kept for later."""
        slot = self._reserved
        if slot is None or slot.number > self.slot + 1:
            return None
        self._reserved = None
        slot.heard = self._laggards.watch(self.slot + 1, self.hash)
        return slot if slot.number == self.slot + 1 else None

    def _pin(self) -> Pinned:
        """The value to propose for the next slot: the one that is waited for, or a new one from the queue."""
        shown = False
        if self._pinned is not None:
            assert self._pinned.slot == self.slot + 1
            if self._pinned.waits:
                return self._pinned
            shown = self._pinned.shown  # then round 0 has had its one value
        writers: list[Writer] = []
        size = 0
        while self._queue and (not writers or size + len(self._queue[0].record) <= limits.batch_bytes_max):
            writer = self._queue.popleft()
            if writer.waits:
                writers.append(writer)
                size += len(writer.record)
        self._sequence += 1
        records = tuple(writer.record for writer in writers)
        batch = Batch(self.hash, self._gateway, self._sequence, records)
        value = seal_batch(self._seal, self.slot + 1, batch)
        self._open.keep(self.slot + 1, value, batch)
        riders: list[Waiter] = []
        if not self._unwritable.lasts:
            riders, self._riders = self._riders, []
        self._pinned = Pinned(self.slot + 1, value, writers, riders, shown)
        return self._pinned

    async def _decide(
        self, number: int, value: bytes | None, fast: bool, reserved: Slot | None = None
    ) -> SlotState | None:
        """Bring a slot to its decision, whosever value it is.

        With no `value`: None if a majority holds nothing accepted. Raises `NoMajority`.
        """
        slot = reserved or self._slot(number)
        losses = 0
        state = None
        if reserved is not None:
            assert value is not None
            state = await self._pace.timed(slot.attempt_reserved(value))
            losses = 1
        elif fast:
            assert value is not None
            state = await self._pace.timed(slot.fast(Ballot(0, self._gateway), value))
            losses = 1
        in_one_round = reserved is None and state is not None
        while state is None:
            if slot.tally.hopeless():
                raise NoMajority(f"slot {number}: {slot.tally.reasons()}")
            if losses:
                await self._clock.sleep(self._pace.backoff_s(losses))
                await slot.ask()
                state = slot.tally.decided()
            if state is None:
                ballot = self._next_ballot(slot)
                state = await self._pace.timed(slot.attempt(ballot, value))
                losses += 1
            if state is None and value is None and slot.tally.open():
                return None
        self.figures.fast += in_one_round
        self.figures.slow += not in_one_round
        return state

    def _next_ballot(self, slot: Slot) -> Ballot:
        """A ballot above all seen, and never one used before: one ballot stands for one value."""
        used = self._rounds_used.get(slot.number, 0)
        self._rounds_used[slot.number] = max(used, slot.tally.highest_round()) + 1
        return Ballot(self._rounds_used[slot.number], self._gateway)

    # ------------------------------------------------------------ learning

    def _learned(self, number: int, state: SlotState) -> None:
        """Apply a decided slot, and tell those who waited for it."""
        assert number == self.slot + 1
        assert state.value is not None
        batch = self._open(number, state.value)
        if batch.previous != self.hash:
            raise ForkedLog(
                f"slot {number} does not follow slot {number - 1} as known here: a provider was rolled back, "
                "or this gateway's state belongs to another history"
            )
        digest = value_hash(state.value)
        outcomes = self._apply(number, digest, batch.records)
        self.slot, self.hash, self._owner = number, digest, batch.gateway
        self._newest = state
        self._open.forget(number)
        self._rounds_used.pop(number, None)
        pinned, self._pinned = self._pinned, None
        if pinned is None:
            return
        if pinned.value == state.value:
            now = self._clock.monotonic()
            waited_s = (now - writer.since for writer in pinned.writers)
            self.figures.committed(len(pinned.value), waited_s, len(pinned.riders))
            for writer, outcome in zip(pinned.writers, outcomes, strict=True):
                writer.tell(outcome)
            for rider in pinned.riders:
                rider.tell(None)
        else:
            self._queue.extendleft(reversed(pinned.writers))
            self._riders = pinned.riders + self._riders

    def _may_ask(self) -> bool:
        """Whether one more question is worth it. One that is about to begin takes along all who wait."""
        return not self._asker_waits and len(self._askers) < self._pace.questions_max

    async def _ask(self) -> None:
        """One question for all who wait to read, unless a commit takes them along."""
        try:
            await self._wait_to_ask()
            await self._ask_for_riders()
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._askers.discard(task)
            if not self._askers and not self._riders:
                self._unreadable.ends()
        self._wake()

    async def _wait_to_ask(self) -> None:
        """Until the last question is a while ago, if it is still under way."""
        try:
            if len(self._askers) > 1:
                await self._clock.sleep(self._pace.until_next_question_s())
        finally:
            self._asker_waits = False

    async def _ask_for_riders(self) -> None:
        if not self._riders or not self._must_ask():
            return
        self._pace.asks()
        riders, self._riders = self._riders, []
        current = False
        try:
            current = await self._ask_once()
            self._unreadable.ends()
        except NoMajority as error:
            self.figures.no_majority += 1
            self._riders, riders = riders + self._riders, []
            self._unreadable.goes_on(self._riders, error, self._pace.last_s)
            await self._clock.sleep(self._entropy.uniform(NO_MAJORITY_PAUSE_S / 2, NO_MAJORITY_PAUSE_S))
        except Exception as error:  # whatever it is, those who wait must hear of it
            for rider in riders:
                rider.fail(error)
        finally:
            if current:
                self.figures.reads_asked += len(riders)
                for rider in riders:
                    rider.tell(None)
            else:
                self._riders = [rider for rider in riders + self._riders if rider.waits]

    async def _ask_once(self) -> bool:
        """Whether the local catalog holds all that was decided before this call; if not, it does soon."""
        slot = self._slot(self.slot + 1)
        await self._pace.timed(slot.ask())
        if slot.tally.open():
            return True
        async with self._turn:
            if self.slot + 1 != slot.number:
                return False
            await self._catch_up(slot)
        return True

    async def _get_current(self) -> None:
        """Learn all that was decided before this call. Raises `NoMajority`."""
        slot = await self._pace.timed(self._learn_window(1))
        if not slot.tally.open():
            slot = await self._learn_window(ASKED_AT_ONCE)
        await self._catch_up(slot)

    async def _catch_up(self, slot: Slot) -> None:
        """Learn all that was decided before `slot` was asked about. Raises `NoMajority`.

        Not more: beside a gateway that writes without a pause, the newest slot is never to be had.
        """
        grace, width = 0, 1
        enough: int | None = None
        while not slot.tally.open() and (enough is None or self.slot < enough):
            known, state = self.slot, slot.tally.decided()
            if state is not None:
                self._learned(slot.number, state)
            if state is None or width > ASKED_AT_ONCE:
                enough = enough or await newest_possible(self._slot, self.slot)
                await self._replay(slot, enough)
            if self.slot > known:
                slot = await self._learn_window(width)
                width *= 2
            elif slot.tally.hopeless():
                raise NoMajority(f"slot {slot.number}: {slot.tally.reasons()}")
            else:
                grace += 1
                await self._carry_on(slot.number, grace)
                slot = await self._learn_window(1)

    async def _learn_window(self, count: int) -> Slot:
        """Ask about the next slots at once, learn those decided, return the first gap or the last of them."""
        slots = await ask_all(self._slot(self.slot + 1 + i) for i in range(min(count, ASKED_AT_ONCE)))
        for slot in slots[:-1]:
            state = slot.tally.decided()
            if state is None:
                return slot
            self._learned(slot.number, state)
        return slots[-1]

    async def _carry_on(self, number: int, grace: int) -> None:
        """Give a value that is accepted and not decided some time; then decide it."""
        if grace <= GRACE_ROUNDS:
            await self._clock.sleep(self._pace.backoff_s(grace))
            return
        state = await self._decide(number, None, fast=False)
        if state is not None:
            self._learned(number, state)

    async def _replay(self, asked: Slot, enough: int | None) -> None:
        """Learn what the hash chain proves, as far as slot `enough`.

        From the voters that answered just now, and from those whose answers do not count: what is chained
        and sealed is true wherever it is found, while a voter that hangs would only cost time.
        """
        failures = asked.tally.failures
        estranged = {name for name, error in failures.items() if isinstance(error, Estranged)}
        # Estranged voters fail at once; if they make the question hopeless, the one that knows had no time.
        unheard = asked.tally.hopeless() and estranged
        answering = [
            voter
            for voter in self.voters
            if voter.name in asked.tally.states
            or voter.name in estranged
            or (unheard and voter.name not in failures)
        ]
        async with aclosing(replay(answering, self._open, self.slot + 1, self.hash)) as decided:
            async for slot, state, _, _ in decided:
                self._learned(slot, state)
                if enough is not None and slot >= enough:
                    return

    def _slot(self, number: int) -> Slot:
        heard = self._laggards.watch(self.slot + 1, self.hash)
        return Slot(number, self.voters, self._background, heard, self.figures.rounds)

    # ------------------------------------------------------------ bad news

    def _writers(self) -> list[Writer]:
        return [*self._queue] if self._pinned is None else [*self._pinned.writers, *self._queue]

    def _tell_all(self, error: Exception) -> None:
        self._let_riders_off()
        for waiter in (*self._writers(), *self._riders):
            waiter.fail(error)
        self._queue.clear()
        self._riders = []
