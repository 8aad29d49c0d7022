"""One slot's agreement, driven over the voters by one gateway.

Ways to deal with a slot, by what the caller knows:

- `fast`: one round trip. Round 0 belongs to the caller, so the value is created as accepted at all
  voters at once; a majority of successes decides it.
- `attempt`: two round trips. Phase 1 promises a ballot at a majority and hears what was accepted; phase 2
  has the adopted value (or, if there is none, the caller's) accepted by a majority.
- `reserve`, `attempt_reserved`: the same two, with any time in between.
- `ask`: one round trip, changes nothing: what do the voters hold?

None of them waits for more voters than it needs. Voters that are late keep working in the background: in
`fast` and phase 2 since their copy is durability, in `ask` since breaking off costs a connection and teaches
nothing. In phase 1 they are given up.

`ask` goes to the majority that is expected to be fastest, and to the others only when one of those fails, is
late, or tells something else than the rest. A far voter is not asked in vain, at every read, for an answer
that nobody waits for.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from outlast.base.concurrency import Background, wait_first
from outlast.base.errors import Exists, OutlastError, ProviderError, Tampered
from outlast.quorum.ballot import Ballot, SlotState, accept, adopted, promise
from outlast.quorum.figures import Round
from outlast.quorum.tally import Tally
from outlast.quorum.voter import Held, Voter

# `ask`: beyond this multiple of what was expected of it a voter is late; and of what a majority took, this
# is how long others are waited for when the majority's answers were inconclusive.
PATIENCE_FACTOR = 2.0
PATIENCE_S_MIN = 0.005

Step = Callable[[SlotState | None], SlotState | None]
"""The acceptor's rule to apply: the present state to the next one, or None if outvoted."""


class OutvotedError(OutlastError):
    """A voter has promised a higher ballot. Never leaves this package."""

    def __init__(self, state: SlotState | None) -> None:
        super().__init__("a higher ballot is promised")
        self.state = state


class Slot:
    """What one gateway knows of one slot. `tally` gathers the answers over all attempts.

    `heard` is told of every voter whether it answered, also long after the decision. `rounds` counts.
    """

    def __init__(
        self,
        number: int,
        voters: Sequence[Voter],
        background: Background,
        heard: Callable[[Voter, bool], None] = lambda voter, answered: None,
        rounds: Counter[Round] | None = None,
    ) -> None:
        self.number = number
        self.tally = Tally(len(voters))
        self.heard = heard
        self._rounds: Counter[Round] = Counter() if rounds is None else rounds
        self._voters = voters
        self._background = background
        self._held: dict[str, Held | None] = {}
        self._reserved: tuple[Ballot, list[SlotState | None]] | None = None

    async def ask(self) -> None:
        """Fill the tally with the voters' present states, as many as a conclusion needs."""
        self._rounds["question"] += 1
        self.tally = Tally(len(self._voters))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        enough = self.tally.majority
        ranked = sorted(self._voters, key=lambda voter: voter.rank)
        # Of those that were late: who may be back, and who is late for once and would else be far nearer.
        slowest_s = max(voter.expected_s for voter in ranked[:enough])
        again = [
            voter
            for voter in ranked[enough:]
            if voter.overdue or PATIENCE_FACTOR * voter.expected_s < slowest_s
        ]
        tasks = self._start(self._look, ranked[:enough])
        beside = self._start(self._look, again)
        tasks += await self._ask_others(tasks, beside, [voter for voter in ranked if voter not in again])
        tasks += beside
        await wait_first(tasks, lambda: len(self.tally.states) >= enough or self.tally.hopeless())
        patience = max(PATIENCE_S_MIN, PATIENCE_FACTOR * (loop.time() - begun))
        await wait_first(tasks, lambda: self.tally.conclusive() or self.tally.hopeless(), patience)
        tasks += await self._ask_on()
        self._leave(tasks)

    async def _ask_others(
        self,
        tasks: Sequence["asyncio.Task[None]"],
        beside: Sequence["asyncio.Task[None]"],
        ranked: Sequence[Voter],
    ) -> list["asyncio.Task[None]"]:
        """Ask those that were not asked at first, as soon as the first turn out not to suffice."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for voter, task in zip(ranked, tasks, strict=False):  # the quickest first
            patience = max(PATIENCE_S_MIN, PATIENCE_FACTOR * voter.expected_s)
            await self._hear(task, beside, begun + patience - loop.time())
            if self.tally.conclusive():
                return []
            if not task.done() and not self.tally.failures:
                voter.was_late()
            if not task.done() or self.tally.failures:
                break
        return self._start(self._look, ranked[len(tasks) :])

    async def _hear(
        self, task: "asyncio.Task[None]", beside: Sequence["asyncio.Task[None]"], patience_s: float
    ) -> None:
        """Wait for one voter, unless those beside it make that needless or somebody fails."""

        def enough() -> bool:
            return task.done() or bool(self.tally.failures) or self.tally.conclusive()

        await wait_first([task, *beside], enough, patience_s)

    async def _ask_on(self) -> list["asyncio.Task[None]"]:
        """Where voters tell different values, ask what they hold last: one may have gone on to another's."""
        accepted = [voter for voter in self._voters if self.tally.has_accepted(voter.name)]
        if self.tally.conclusive() or len(accepted) < self.tally.majority:
            return []
        tasks = self._start(self._look_on, accepted)
        await wait_first(tasks, lambda: self.tally.conclusive() or self.tally.hopeless())
        return tasks

    async def fast(self, ballot: Ballot, value: bytes) -> SlotState | None:
        """Create the slot with `value` accepted; the decided state, or None if somebody came between."""
        self._rounds["fast"] += 1
        state = SlotState(ballot, ballot, value)
        lost = 0

        async def create(voter: Voter) -> None:
            nonlocal lost
            try:
                self._remember(voter, await voter.create(self.number, 0, state))
            except Exists:
                lost += 1
                await self._look(voter)

        tasks = self._start_all(create)
        return await self._decision(tasks, lambda: lost > len(self._voters) - self.tally.majority)

    async def attempt(self, ballot: Ballot, value: bytes | None) -> SlotState | None:
        """Both phases under `ballot`; the decided state (of whatever value), or None.

        None means outvoted, too few answers (`tally.hopeless()`), or, with no `value` to propose, that a
        majority holds nothing accepted.
        """
        self._rounds["ballot"] += 1
        promised = await self._promise(ballot)
        if (state := self.tally.decided()) is not None:
            return state
        if promised is None:
            return None
        chosen = adopted(promised)
        if chosen is None:
            chosen = value
        if chosen is None:
            return None
        return await self._accept(ballot, chosen)

    async def reserve(self, ballot: Ballot) -> bool:
        """Phase 1 ahead of time, when the slot's value cannot be known yet; whether a majority has promised.

        Who comes there with round 0 is turned away, and phase 2 (`attempt_reserved`) has a head start.
        """
        promised = await self._promise(ballot)
        self._reserved = None if promised is None else (ballot, promised)
        return self._reserved is not None

    async def attempt_reserved(self, value: bytes) -> SlotState | None:
        """Phase 2 of what was reserved, once; as `attempt`."""
        assert self._reserved is not None
        (ballot, promised), self._reserved = self._reserved, None
        chosen = adopted(promised)
        return await self._accept(ballot, value if chosen is None else chosen)

    async def _promise(self, ballot: Ballot) -> list[SlotState | None] | None:
        """Phase 1: the states that a majority held when it promised; None without a majority."""
        promised: list[SlotState | None] = []
        outvoted = 0

        async def raise_promise(voter: Voter) -> None:
            nonlocal outvoted
            try:
                promised.append(await self._raise(voter, lambda state: promise(state, ballot)))
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
            # There is no majority without some of these. As long as there is none, who keeps trying must not
            # leave one state after another at the rest.
            tasks += self._start(raise_promise, first)
            enough = len(first) - spare
            await wait_first(tasks, lambda: len(promised) + outvoted >= enough or over())
        if not over():
            asked = first if tasks else []
            tasks += self._start(raise_promise, [voter for voter in self._voters if voter not in asked])
            await wait_first(tasks, over)
        _give_up(tasks)
        return promised if len(promised) >= needed else None

    async def _accept(self, ballot: Ballot, value: bytes) -> SlotState | None:
        """Phase 2."""
        outvoted = 0

        async def raise_accepted(voter: Voter) -> None:
            nonlocal outvoted
            try:
                await self._raise(voter, lambda state: accept(state, ballot, value))
            except OutvotedError:
                outvoted += 1

        tasks = self._start_all(raise_accepted)
        return await self._decision(tasks, lambda: outvoted > len(self._voters) - self.tally.majority)

    async def _decision(
        self, tasks: Sequence["asyncio.Task[None]"], lost: Callable[[], bool]
    ) -> SlotState | None:
        """Wait until the slot is decided or cannot be in this attempt; late voters go on behind our back."""
        await wait_first(tasks, lambda: self.tally.decided() is not None or self.tally.hopeless() or lost())
        self._leave(tasks)
        return self.tally.decided()

    def _leave(self, tasks: Sequence["asyncio.Task[None]"]) -> None:
        """Let those that are not done go on without anybody who waits."""
        for task in tasks:
            if not task.done():
                self._background.spawn(task)

    async def _raise(self, voter: Voter, rule: Step) -> SlotState | None:
        """Take one voter to its next state; the state before. Raises `OutvotedError`.

        Begins from what is known of the voter (at first: nothing), and reads on only where somebody else
        has made the next state meanwhile.
        """
        while True:
            held = self._held.get(voter.name)
            before, place = (None, 0) if held is None else (held[0], held[1] + 1)
            after = rule(before)
            if after is None:
                raise OutvotedError(before)
            if after is before:
                return before
            try:
                self._remember(voter, await voter.create(self.number, place, after))
                return before
            except Exists:
                await self._look(voter, held)

    async def _look(self, voter: Voter, after: Held | None = None, last: bool = False) -> None:
        tally = self.tally
        self._held[voter.name] = held = await voter.read(self.number, after, last)
        tally.heard(voter.name, _state(held))  # which is of the past when another question was asked since

    async def _look_on(self, voter: Voter) -> None:
        await self._look(voter, self._held[voter.name], last=True)

    def _remember(self, voter: Voter, held: Held) -> None:
        self._held[voter.name] = held
        self.tally.heard(voter.name, _state(held))

    def _start_all(self, work: Callable[[Voter], Awaitable[object]]) -> list["asyncio.Task[None]"]:
        """A new attempt at all voters: who failed before may have come back."""
        self.tally.failures.clear()
        return self._start(work, self._voters)

    def _start(
        self, work: Callable[[Voter], Awaitable[object]], voters: Sequence[Voter]
    ) -> list["asyncio.Task[None]"]:
        """One task a voter. A failing provider is a failed vote in the tally, not an exception."""
        tally = self.tally

        async def vote(voter: Voter) -> None:
            try:
                await work(voter)
            except (ProviderError, Tampered) as error:
                tally.failed(voter.name, error)
                self.heard(voter, False)
            else:
                self.heard(voter, True)

        return [asyncio.ensure_future(vote(voter)) for voter in voters]


def _state(held: Held | None) -> SlotState | None:
    return None if held is None else held[0]


def _give_up(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
