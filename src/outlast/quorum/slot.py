"""One slot's agreement, driven over the voters by one gateway.

Operations on a slot, depending on what the caller knows:

- `fast`: one round trip. Round 0 belongs to the caller, so the value is created as accepted at all
  voters at once; a majority of successes decides it.
- `attempt`: two round trips. Phase 1 promises a ballot at a majority and learns what was accepted; phase 2
  gets the adopted value (or, if there is none, the caller's) accepted by a majority.
- `announce`: one round trip. A promise ahead of time that carries submissions which its author wants decided.
- `finish`: one round trip. Phase 2 again, under the ballot of an attempt that was not outvoted.
- `ask`: one round trip, read-only: what do the voters hold? `glance` is content with the nearest majority.

None of them waits for more voters than it needs. Late voters finish in the background: in `fast` and phase 2
because their copies add durability, in `ask` because cancelling costs a connection and teaches nothing. In
phase 1 they are cancelled.

A slot has one view: the incarnations that its voters had when it was begun. A vote of another incarnation is
a failed vote, so nothing that a voter said before it was erased is combined with what it says afterwards.

`ask` sends requests to the majority that is expected to be fastest. The others get one only when one of those
fails, is late, or answers differently from the rest. So reads do not send distant voters requests whose
answers are not needed.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from outlast.base.concurrency import Background, wait_first
from outlast.base.errors import (
    Cause,
    ConfigError,
    Estranged,
    Exists,
    OutlastError,
    ProviderError,
    Tampered,
    Unavailable,
)
from outlast.base.marks import reached
from outlast.base.trace import event
from outlast.quorum.ballot import Ballot, SlotState, accept, adopted, promise
from outlast.quorum.figures import Round
from outlast.quorum.tally import Tally
from outlast.quorum.voter import Vote, Voter

# `ask`: a voter that takes longer than this multiple of its expected time is late. If a majority's answers
# were inconclusive, the wait for the others is this multiple of the time that the majority took.
PATIENCE_FACTOR = 2.0
PATIENCE_S_MIN = 0.005
# In one phase a voter is given up after other gateways created the next state this many times. The next round
# pauses first.
RAISES_MAX = 8

Step = Callable[[SlotState | None], SlotState | None]
"""The acceptor's rule to apply: from the present state to the next one, or None if outvoted."""
Heard = Callable[[Voter, Exception | None], None]
"""Called with each voter and its error, or None if it answered; also long after the decision."""


class OutvotedError(OutlastError):
    """A voter has promised a higher ballot. Never leaves this package."""

    def __init__(self, state: SlotState | None) -> None:
        super().__init__("a higher ballot is promised")
        self.state = state


class Slot:
    """What one gateway knows about one slot. `tally` collects the answers of all attempts."""

    def __init__(
        self,
        number: int,
        voters: Sequence[Voter],
        background: Background,
        heard: Heard = lambda voter, error: None,
        rounds: Counter[Round] | None = None,
    ) -> None:
        """`rounds`: the counter of rounds to update."""
        self.number = number
        self.tally = Tally(len(voters))
        self.announced: dict[bytes, None] = {}
        """The sealed announcements in the states seen so far, in the order in which they were seen."""
        self._heard = heard
        self._rounds: Counter[Round] = Counter() if rounds is None else rounds
        self._voters = voters
        self._view = {voter.name: voter.incarnation for voter in voters}
        self._background = background
        self._votes: dict[str, Vote | None] = {}
        self._proposed: tuple[Ballot, bytes] | None = None
        """The ballot and value of phase 2, until it is outvoted."""
        self._adopted = False
        """Whether that value was already accepted at a voter: then nothing else can be proposed instead."""

    def is_current(self) -> bool:
        """Whether no voter was reattached since the slot was begun."""
        return all(voter.incarnation == self._view[voter.name] for voter in self._voters)

    # ------------------------------------------------------------ asking

    async def glance(self, contended: bool = False) -> None:
        """Like `ask`, but stop if the nearest majority's answers are inconclusive: the slot is in flight.

        For a slot that is known to be `contended`, all voters get a request at once: which of them an attempt
        has reached is chance.
        """

        async def look(voter: Voter) -> None:
            await self._look(voter, contended=contended)

        self._rounds["question"] += 1
        tally = self.tally = Tally(len(self._voters))
        ranked = sorted(self._voters, key=lambda voter: voter.rank)
        tasks = self._start(look, ranked if contended else ranked[: tally.majority])
        await wait_first(tasks, lambda: bool(tally.failures) or len(tally.states) >= tally.majority)
        if contended and not tally.conclusive():
            await wait_first(tasks, tally.conclusive, PATIENCE_S_MIN)
        self._leave(tasks)
        if tally.failures:
            await self.ask()

    async def ask(self) -> None:
        """Fill the tally with as many of the voters' present states as a conclusion needs."""
        self._rounds["question"] += 1
        self.tally = Tally(len(self._voters))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        enough = self.tally.majority
        ranked = sorted(self._voters, key=lambda voter: voter.rank)
        # Late voters that may have recovered, or that were late only once and are otherwise much faster.
        slowest_s = max(voter.expected_s for voter in ranked[:enough])
        again = [
            voter
            for voter in ranked[enough:]
            if voter.overdue or PATIENCE_FACTOR * voter.expected_s < slowest_s
        ]
        tasks = self._start(self._look, ranked[:enough])
        extra = self._start(self._look, again)
        tasks += await self._ask_others(tasks, extra, [voter for voter in ranked if voter not in again])
        tasks += extra
        await wait_first(tasks, lambda: len(self.tally.states) >= enough or self.tally.hopeless())
        patience = max(PATIENCE_S_MIN, PATIENCE_FACTOR * (loop.time() - begun))
        await wait_first(tasks, lambda: self.tally.conclusive() or self.tally.hopeless(), patience)
        tasks += await self._ask_last_states()
        self._leave(tasks)

    async def _ask_others(
        self,
        tasks: Sequence["asyncio.Task[None]"],
        extra: Sequence["asyncio.Task[None]"],
        ranked: Sequence[Voter],
    ) -> list["asyncio.Task[None]"]:
        """Send requests to the remaining voters as soon as the first ones turn out not to suffice."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for voter, task in zip(ranked, tasks, strict=False):  # the fastest first
            patience = max(PATIENCE_S_MIN, PATIENCE_FACTOR * voter.expected_s)
            await self._wait_voter(task, extra, begun + patience - loop.time())
            if self.tally.conclusive():
                return []
            if not task.done() and not self.tally.failures:
                voter.was_late()
            if not task.done() or self.tally.failures:
                break
        return self._start(self._look, ranked[len(tasks) :])

    async def _wait_voter(
        self, task: "asyncio.Task[None]", extra: Sequence["asyncio.Task[None]"], patience_s: float
    ) -> None:
        """Wait for one voter, until the concurrent tasks make that unnecessary or one fails."""

        def enough() -> bool:
            return task.done() or bool(self.tally.failures) or self.tally.conclusive()

        await wait_first([task, *extra], enough, patience_s)

    async def _ask_last_states(self) -> list["asyncio.Task[None]"]:
        """If voters hold different values, read their last states: one may have moved on to another value."""
        accepted = [voter for voter in self._voters if self.tally.has_accepted(voter.name)]
        if self.tally.conclusive() or len(accepted) < self.tally.majority:
            return []
        reached("slot: last states asked for")
        tasks = self._start(self._look_on, accepted)
        await wait_first(tasks, lambda: self.tally.conclusive() or self.tally.hopeless())
        return tasks

    # ------------------------------------------------------------ deciding

    async def fast(self, ballot: Ballot, value: bytes) -> SlotState | None:
        """Create the slot with `value` accepted; the decided state, or None if another gateway was first."""
        self._rounds["fast"] += 1
        event("quorum: round 0 begun", slot=self.number, gateway=ballot.gateway, bytes=len(value))
        state = SlotState(ballot, ballot, value)
        lost = 0

        async def create(voter: Voter) -> None:
            nonlocal lost
            try:
                self._remember(voter, await voter.create(self.number, None, state))
            except Exists:
                await self._look_beyond(voter, None)
                lost += 1

        tasks = self._start_all(create)
        return await self._decision(tasks, lambda: lost > len(self._voters) - self.tally.majority)

    async def attempt(
        self, ballot: Ballot, propose: Callable[[], bytes | None], announced: bytes | None = None
    ) -> SlotState | None:
        """Run both phases under `ballot`. Returns the decided state (with whatever value), or None.

        The promises carry `announced`, for a proposer that outvotes this one. `propose` returns the value for
        a slot in which nothing was accepted; it is called after phase 1, when `self.announced` holds every
        announcement that a majority has. None means outvoted, too few answers (`tally.hopeless()`), or, with
        nothing to propose, that a majority holds nothing accepted.
        """
        self._rounds["ballot"] += 1
        event("quorum: phase 1 begun", slot=self.number, round=ballot.round, gateway=ballot.gateway)
        promised = await self._promise(lambda state: promise(state, ballot, announced))
        if (state := self.tally.decided()) is not None:
            return state
        if promised is None:
            return None
        chosen = adopted(promised)
        self._adopted = chosen is not None
        if chosen is None:
            chosen = propose()
        else:
            reached("slot: a value was adopted")
        if chosen is None:
            return None
        return await self._accept(ballot, chosen)

    async def announce(self, ballot: Ballot, announced: bytes) -> bool:
        """Store `announced` at a majority. Returns False if the slot is taken or the ballot is outvoted."""
        self._rounds["announcement"] += 1
        event("quorum: announcement begun", slot=self.number, round=ballot.round, bytes=len(announced))
        promised = await self._promise(lambda state: promise(state, ballot, announced), keep=True)
        return promised is not None and adopted(promised) is None

    async def _promise(self, rule: Step, keep: bool = False) -> list[SlotState | None] | None:
        """Phase 1: the states that a majority held when it promised; None without a majority.

        `keep`: let the other voters finish in the background.
        """
        promised: list[SlotState | None] = []
        outvoted = 0

        async def raise_promise(voter: Voter) -> None:
            nonlocal outvoted
            try:
                promised.append(await self._raise(voter, rule))
            except OutvotedError:
                outvoted += 1

        needed = self.tally.majority
        spare = len(self._voters) - needed

        def over() -> bool:
            return (
                len(promised) >= needed
                or outvoted > spare
                or self.tally.hopeless()
                or self.tally.decided() is not None
            )

        self.tally.failures.clear()
        first = [voter for voter in self._voters if voter.refuses]
        tasks: list[asyncio.Task[None]] = []
        if len(first) > spare:
            # There is no majority without some of these. Until one of them answers, a gateway that keeps
            # trying must not create state after state at the rest.
            tasks += self._start(raise_promise, first)
            enough = len(first) - spare
            await wait_first(tasks, lambda: len(promised) + outvoted >= enough or over())
        if not over():
            asked = first if tasks else []
            tasks += self._start(raise_promise, [voter for voter in self._voters if voter not in asked])
            await wait_first(tasks, over)
        if keep:
            self._leave(tasks)
        else:
            for task in tasks:
                task.cancel()
        return promised if len(promised) >= needed else None

    def is_unfinished(self, wanted: Callable[[bytes], bool], present: Callable[[], bytes]) -> bool:
        """Whether phase 2 was begun, was not outvoted, and should be retried rather than restarted.

        `wanted(value)`: whether a caller still waits for it. A value whose callers have all got an error is
        not proposed again, unless a voter has it. `present()`: what would be proposed now; if that is much
        smaller, it is worth a new ballot.
        """
        if self._proposed is None or not self.is_current():
            return False
        value = self._proposed[1]
        return self.is_adopted() or (wanted(value) and 2 * len(present()) > len(value))

    def is_adopted(self) -> bool:
        """Whether phase 2 was begun with a value that a voter had: nothing else can be proposed instead."""
        return self._proposed is not None and self._adopted and self.is_current()

    async def finish(self) -> SlotState | None:
        """Retry phase 2. Returns the decided state, or None as `attempt` does.

        A gateway that keeps trying while voters accept promises but refuse values must not create promise
        after promise: rows would grow without end.
        """
        assert self._proposed is not None and self.is_current()
        reached("slot: phase 2 was tried again under its ballot")
        self._rounds["ballot"] += 1
        return await self._accept(*self._proposed)

    async def _accept(self, ballot: Ballot, value: bytes) -> SlotState | None:
        """Phase 2."""
        event("quorum: phase 2 begun", slot=self.number, round=ballot.round, gateway=ballot.gateway)
        self._proposed = ballot, value
        outvoted = 0

        async def raise_accepted(voter: Voter) -> None:
            nonlocal outvoted
            try:
                await self._raise(voter, lambda state: accept(state, ballot, value))
            except OutvotedError:
                outvoted += 1

        def lost() -> bool:
            return outvoted > len(self._voters) - self.tally.majority

        state = await self._decision(self._start_all(raise_accepted), lost)
        if state is not None or lost():
            self._proposed = None
        return state

    async def _decision(
        self, tasks: Sequence["asyncio.Task[None]"], lost: Callable[[], bool]
    ) -> SlotState | None:
        """Wait until the slot is decided, or cannot be decided in this attempt.

        Late voters finish in the background.
        """
        await wait_first(tasks, lambda: self.tally.decided() is not None or self.tally.hopeless() or lost())
        self._leave(tasks)
        return self.tally.decided()

    def _leave(self, tasks: Sequence["asyncio.Task[None]"]) -> None:
        """Let unfinished tasks continue in the background."""
        for task in tasks:
            if not task.done():
                self._background.spawn(task)

    # ------------------------------------------------------------ one voter

    async def _raise(self, voter: Voter, rule: Step) -> SlotState | None:
        """Move one voter to its next state. Returns the state before. Raises `OutvotedError`.

        Starts from what is known about the voter (initially nothing), and reads further states only if
        another gateway has created the next one meanwhile.
        """
        for _ in range(RAISES_MAX):
            vote = self._votes.get(voter.name)
            before = _state(vote)
            after = rule(before)
            if after is None:
                raise OutvotedError(before)
            if after is before:
                return before
            try:
                self._remember(voter, await voter.create(self.number, vote, after))
                return before
            except Exists:
                await self._look_beyond(voter, vote)
        raise Unavailable(voter.name, "vote", f"slot {self.number} is contended", Cause.CONFLICT)

    async def _look(
        self, voter: Voter, after: Vote | None = None, last: bool = False, contended: bool = False
    ) -> None:
        tally = self.tally
        vote = await voter.read(self.number, after, last, contended)
        self._check_view(voter)
        self._votes[voter.name] = vote
        self._note_announced(vote)
        tally.heard(voter.name, _state(vote))  # a past tally, if another question was sent since

    async def _look_beyond(self, voter: Voter, vote: Vote | None) -> None:
        """Read what other gateways created after `vote`. A state that cannot be read is a failed vote."""
        await self._look(voter, vote, last=True, contended=True)
        if self._votes[voter.name] is vote:
            reached("slot: a state exists and is not shown")
            detail = f"slot {self.number}: it has a next state, but does not return it"
            raise Unavailable(voter.name, "vote", detail, Cause.CORRUPT)

    async def _look_on(self, voter: Voter) -> None:
        await self._look(voter, self._votes[voter.name], last=True)

    def _remember(self, voter: Voter, vote: Vote) -> None:
        self._check_view(voter)
        self._votes[voter.name] = vote
        event("quorum: a voter voted", slot=self.number, voter=voter.name, place=vote.held.place)
        self.tally.heard(voter.name, vote.held.state)

    def _note_announced(self, vote: Vote | None) -> None:
        if vote is not None:
            self.announced.update(dict.fromkeys(vote.announced))

    def _check_view(self, voter: Voter) -> None:
        """See the module's docstring."""
        if voter.incarnation != self._view[voter.name]:
            reached("slot: a voter was taken back while its slot was open")
            raise Estranged(voter.name, "vote", "it was reattached since the slot was begun")

    def _start_all(self, work: Callable[[Voter], Awaitable[object]]) -> list["asyncio.Task[None]"]:
        """Start a new attempt at all voters: those that failed before may have recovered."""
        self.tally.failures.clear()
        return self._start(work, self._voters)

    def _start(
        self, work: Callable[[Voter], Awaitable[object]], voters: Sequence[Voter]
    ) -> list["asyncio.Task[None]"]:
        """One task per voter. A failing provider is a failed vote in the tally, not an exception."""
        tally = self.tally

        async def vote(voter: Voter) -> None:
            try:
                await work(voter)
            except (ProviderError, Tampered, ConfigError) as error:
                event("quorum: a vote failed", slot=self.number, voter=voter.name, error=error)
                tally.failed(voter.name, error)
                self._heard(voter, error)
            else:
                self._heard(voter, None)

        return [asyncio.ensure_future(vote(voter)) for voter in voters]


def _state(vote: Vote | None) -> SlotState | None:
    return None if vote is None else vote.held.state
