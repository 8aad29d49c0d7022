"""The log: one sequence of batches that all gateways agree on, and nothing else is the truth.

**Writing.** `append` puts a record in a queue. One slot is settled at a time, and everything that waits
when it begins goes into it (group commit). A gateway whose batch was decided last owns round 0 of the next
slot and needs one round trip; anybody else takes two. A value once shown to a voter is the only value that
this gateway ever proposes for that slot: it is *pinned* until the slot is decided, whatever happens to
those who waited for it. If another value is decided, the records move to the next slot.

**Reading.** `sync` returns when the local catalog holds everything that was acknowledged to anybody before
the call. Two events prove that: a majority holds nothing accepted for the next slot when asked; or a value
of ours, first shown after the call, is decided for it. So a `sync` rides on the next commit if there is
one, and otherwise asks; all that wait share one question.

**Not here.** What records mean (`catalog`), and which voters there are: that is given.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.concurrency import Background, cancel_and_wait
from outlast.base.entropy import Entropy
from outlast.base.errors import ForkedLog, NoMajority, OutlastError, ProviderError
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import GENESIS_HASH, Batch, Seal, open_batch, seal_batch, value_hash
from outlast.quorum.refill import refill
from outlast.quorum.replay import replay
from outlast.quorum.slot import Slot
from outlast.quorum.voter import Voter

Apply: TypeAlias = Callable[[int, bytes, Sequence[bytes]], list[object]]
"""(slot, hash of its value, records) -> one outcome a record. Called once a slot, in order."""

Waiter: TypeAlias = "asyncio.Future[object]"

# How long a request keeps trying while no majority answers, before it is told so.
NO_MAJORITY_PATIENCE_S = 2.0
# Back-off after losing a slot to another gateway: this many of the last round trips, doubled each time.
BACKOFF_S_MIN = 0.002
BACKOFF_S_MAX = 0.5
# How often an accepted but undecided value is given time to be decided by its proposer.
GRACE_ROUNDS = 2


@dataclass(slots=True)
class Entry:
    """A record that waits for its slot."""

    record: bytes
    outcome: Waiter
    since: float


@dataclass(slots=True)
class Pinned:
    """The one value that this gateway proposes for `slot`, and who waits for it."""

    slot: int
    value: bytes
    sequence: int
    entries: list[Entry]
    riders: list[Waiter] = field(default_factory=list)
    shown: bool = False


class Log:
    """The log as one gateway sees it. `slot` and `hash` are where the local catalog stands.

    `gateway` (16 bytes) is fresh at every start of a process. `append` and `sync` raise `NoMajority`; a
    record whose `append` raised may still be decided later.
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
        self._seal = seal
        self._gateway = gateway
        self._clock = clock
        self._entropy = entropy
        self._apply = apply
        self._owner = b""
        self._sequence = 0
        self._opened: dict[bytes, Batch] = {}
        self._queue: deque[Entry] = deque()
        self._riders: list[Waiter] = []
        self._pinned: Pinned | None = None
        self._turn = asyncio.Lock()
        self._committer: asyncio.Task[None] | None = None
        self._asker: asyncio.Task[None] | None = None
        self._background = Background(report)
        self._behind: dict[str, tuple[int, bytes]] = {}
        self._refilling: set[str] = set()
        self._round_trip_s = BACKOFF_S_MIN
        for voter in self.voters:
            voter.check = self._open

    # ------------------------------------------------------------ for callers

    async def append(self, record: bytes) -> object:
        """Have `record` decided and applied; its outcome. Raises `NoMajority`."""
        entry = Entry(record, asyncio.get_running_loop().create_future(), self._clock.monotonic())
        self._queue.append(entry)
        self._wake()
        return await _answer(entry.outcome)

    async def sync(self) -> None:
        """Return when everything acknowledged to anybody before this call is applied. Raises `NoMajority`."""
        rider: Waiter = asyncio.get_running_loop().create_future()
        self._riders.append(rider)
        self._wake()
        await _answer(rider)

    @property
    def behind(self) -> dict[str, int]:
        """Voters known to miss slots, and the first one that each misses."""
        return {voter: slot for voter, (slot, _) in self._behind.items()}

    async def refill(self, name: str) -> int:
        """Give the voter `name` every decided slot that it lacks; how many those were. Raises `ProviderError`."""
        target = next(voter for voter in self.voters if voter.name == name)
        others = [voter for voter in self.voters if voter is not target]
        await self.sync()
        written = await refill(target.provider, others, self._open, until=self.slot)
        self._behind.pop(name, None)
        return written

    async def close(self) -> None:
        """End what runs. Those who still wait are told `NoMajority`."""
        tasks = [task for task in (self._committer, self._asker) if task is not None]
        await cancel_and_wait(tasks)
        await self._background.close()
        for waiter in self._waiting():
            if not waiter.done():
                waiter.set_exception(NoMajority("the log was closed"))

    # ------------------------------------------------------------ writing

    def _wake(self) -> None:
        """See to it that somebody works for those who wait."""
        committing = self._committer is not None and not self._committer.done()
        if not committing and (self._queue or self._pinned_waits()):
            self._committer = asyncio.ensure_future(self._commit_all())
        elif not committing and self._riders and (self._asker is None or self._asker.done()):
            self._asker = asyncio.ensure_future(self._ask_all())

    async def _commit_all(self) -> None:
        """Settle slot after slot until nobody waits."""
        while self._queue or self._pinned_waits():
            try:
                async with self._turn:
                    await self._commit_one()
            except NoMajority as error:
                self._tell_impatient(error)
                await self._clock.sleep(self._backoff(3))
            except OutlastError as error:
                self._tell_all(error)
        self._committer = None
        self._wake()

    async def _commit_one(self) -> None:
        """Settle the next slot with what waits now."""
        mine = self._pin()
        first = not mine.shown
        mine.shown = True
        fast = first and self._owner == self._gateway
        state = await self._decide(mine.slot, mine.value, fast)
        assert state is not None
        self._learned(mine.slot, state)

    def _pin(self) -> Pinned:
        """The value to propose for the next slot: the one shown already, or a new one from the queue."""
        slot = self.slot + 1
        if self._pinned is not None:
            assert self._pinned.slot == slot
            return self._pinned
        entries: list[Entry] = []
        size = 0
        while self._queue and (not entries or size + len(self._queue[0].record) <= limits.batch_bytes_max):
            entry = self._queue.popleft()
            if not entry.outcome.done():
                entries.append(entry)
                size += len(entry.record)
        self._sequence += 1
        batch = Batch(self.hash, self._gateway, self._sequence, tuple(entry.record for entry in entries))
        value = seal_batch(self._seal, slot, batch)
        self._keep_opened(value, batch)
        self._pinned = Pinned(slot, value, self._sequence, entries, self._riders)
        self._riders = []
        return self._pinned

    async def _decide(self, number: int, value: bytes | None, fast: bool) -> SlotState | None:
        """Bring a slot to its decision, whosever value it is.

        With no `value`: None if a majority holds nothing accepted. Raises `NoMajority`.
        """
        slot = Slot(number, self.voters, self._background)
        begun = self._clock.monotonic()
        state = None
        if fast:
            assert value is not None
            state = await slot.fast(Ballot(0, self._gateway), value)
        losses = 1 if fast else 0
        while state is None:
            if slot.tally.hopeless():
                raise NoMajority(f"slot {number}: {slot.tally.reasons()}")
            if losses:
                await self._clock.sleep(self._backoff(losses))
                await slot.ask()
                state = slot.tally.decided()
                if state is not None:
                    break
            ballot = Ballot(slot.tally.highest_round() + 1, self._gateway)
            begun = self._clock.monotonic()
            state = await slot.attempt(ballot, value)
            if state is None and value is None and slot.tally.open():
                return None
            losses += 1
        self._round_trip_s = max(BACKOFF_S_MIN, self._clock.monotonic() - begun)
        self._note_missed(slot)
        return state

    def _backoff(self, losses: int) -> float:
        longest = min(BACKOFF_S_MAX, self._round_trip_s * 2.0 ** min(losses, 8))
        return self._entropy.uniform(longest / 4, longest)

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
        self._opened.clear()
        pinned, self._pinned = self._pinned, None
        if pinned is None:
            return
        if pinned.value == state.value:
            for entry, outcome in zip(pinned.entries, outcomes, strict=True):
                _tell(entry.outcome, outcome)
            for rider in pinned.riders:
                _tell(rider, None)
        else:
            self._queue.extendleft(reversed(pinned.entries))
            self._riders = pinned.riders + self._riders

    async def _ask_all(self) -> None:
        """Answer those who wait to read, unless a commit takes them along."""
        while self._riders and self._committer is None:
            riders, self._riders = self._riders, []
            try:
                current = await self._ask_once()
            except NoMajority as error:
                self._riders = riders + self._riders
                self._tell_impatient(error)
                await self._clock.sleep(self._backoff(3))
                continue
            except OutlastError as error:
                for rider in riders:
                    _fail(rider, error)
                continue
            if current:
                for rider in riders:
                    _tell(rider, None)
            else:
                self._riders = riders + self._riders
        self._asker = None
        self._wake()

    async def _ask_once(self) -> bool:
        """Whether the local catalog was current when asked; if not, it is brought further."""
        number = self.slot + 1
        slot = Slot(number, self.voters, self._background)
        await slot.ask()
        if slot.tally.open():
            return True
        if slot.tally.hopeless():
            raise NoMajority(f"slot {number}: {slot.tally.reasons()}")
        async with self._turn:
            if self.slot + 1 == number:
                await self._catch_up(slot)
        return False

    async def _catch_up(self, slot: Slot) -> None:
        """Learn the slot that was asked about, and all that follow it."""
        learned = 0
        grace = 0
        while not slot.tally.open():
            state = slot.tally.decided()
            if state is None and grace >= GRACE_ROUNDS:
                state = await self._decide(slot.number, None, fast=False)
                if state is None:
                    return
            if state is None:
                if slot.tally.hopeless():
                    raise NoMajority(f"slot {slot.number}: {slot.tally.reasons()}")
                grace += 1
                await self._clock.sleep(self._backoff(grace))
            else:
                self._learned(slot.number, state)
                learned, grace = learned + 1, 0
                if learned > 1:  # far behind: many slots a round trip
                    await self._replay()
            slot = Slot(self.slot + 1, self.voters, self._background)
            await slot.ask()

    async def _replay(self) -> None:
        async for number, state in replay(self.voters, self._open, self.slot + 1, self.hash):
            self._learned(number, state)

    def _open(self, slot: int, value: bytes) -> Batch:
        """The batch in a value; the same value, from several voters, is opened once."""
        batch = self._opened.get(value)
        if batch is None:
            batch = open_batch(self._seal, slot, value)
            self._keep_opened(value, batch)
        return batch

    def _keep_opened(self, value: bytes, batch: Batch) -> None:
        if len(self._opened) >= 64:
            self._opened.clear()
        self._opened[value] = batch

    # ------------------------------------------------------------ voters that fell behind

    def _note_missed(self, slot: Slot) -> None:
        """Remember which voters failed this slot; have those that vote again catch up."""
        for voter in self.voters:
            if voter.name in slot.tally.failures:
                self._behind.setdefault(voter.name, (slot.number, self.hash))
            elif voter.name in slot.tally.states and voter.name in self._behind:
                self._refill_soon(voter)

    def _refill_soon(self, voter: Voter) -> None:
        if voter.name in self._refilling:
            return
        self._refilling.add(voter.name)
        self._background.spawn(self._refill_behind(voter))

    async def _refill_behind(self, voter: Voter) -> None:
        """Fill the gap of a voter that was away. If it fails again, the next vote that succeeds tries anew."""
        others = [other for other in self.voters if other is not voter]
        first, previous = self._behind[voter.name]
        try:
            await refill(voter.provider, others, self._open, first, previous, until=self.slot)
            self._behind.pop(voter.name, None)
        except ProviderError:
            pass  # it went away again; it stays in `behind`
        finally:
            self._refilling.discard(voter.name)

    # ------------------------------------------------------------ those who wait

    def _pinned_waits(self) -> bool:
        return self._pinned is not None and any(not entry.outcome.done() for entry in self._pinned.entries)

    def _waiting(self) -> Iterable[Waiter]:
        pinned = self._pinned
        if pinned is not None:
            yield from (entry.outcome for entry in pinned.entries)
            yield from pinned.riders
        yield from (entry.outcome for entry in self._queue)
        yield from self._riders

    def _tell_all(self, error: OutlastError) -> None:
        for waiter in list(self._waiting()):
            _fail(waiter, error)
        self._riders = []

    def _tell_impatient(self, error: NoMajority) -> None:
        """Tell those who have waited long enough. Their records may be decided all the same."""
        raise NotImplementedError
