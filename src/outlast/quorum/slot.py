"""One slot's agreement, driven over the voters by one gateway.

Ways to deal with a slot, by what the caller knows:

- `fast`: one round trip. Round 0 belongs to the caller, so the value is created as accepted at all
  voters at once; a majority of successes decides it.
- `attempt`: two round trips. Phase 1 promises a ballot at a majority and hears what was accepted; phase 2
  has the adopted value (or, if there is none, the caller's) accepted by a majority.
- `reserve`, `attempt_reserved`: the same two, with any time in between.
- `ask`: one round trip, changes nothing: what do the voters hold?

None of them waits for more voters than it needs. Voters that are late keep working in the background
(`fast`, phase 2), since their copy is durability, or are given up (`ask`, phase 1).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from outlast.base.concurrency import Background, wait_first
from outlast.base.errors import Conflict, Exists, OutlastError, ProviderError, Tampered
from outlast.quorum.ballot import Ballot, SlotState, accept, adopted, promise
from outlast.quorum.tally import Tally
from outlast.quorum.voter import Held, Voter

# How long `ask` waits for further voters once a majority has given inconclusive answers.
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

    `failed` is told of every voter that did not answer, also long after the decision.
    """

    def __init__(
        self,
        number: int,
        voters: Sequence[Voter],
        background: Background,
        failed: Callable[[Voter], None] = lambda voter: None,
    ) -> None:
        self.number = number
        self.tally = Tally(len(voters))
        self._failed = failed
        self._voters = voters
        self._background = background
        self._held: dict[str, Held | None] = {}
        self._reserved: tuple[Ballot, list[SlotState | None]] | None = None

    async def ask(self) -> None:
        """Fill the tally with the voters' present states, as many as a conclusion needs."""
        self.tally = Tally(len(self._voters))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        tasks = self._start(self._look)
        enough = self.tally.majority
        await wait_first(tasks, lambda: len(self.tally.states) >= enough or self.tally.hopeless())
        patience = max(PATIENCE_S_MIN, PATIENCE_FACTOR * (loop.time() - begun))
        await wait_first(tasks, lambda: self.tally.conclusive() or self.tally.hopeless(), patience)
        _give_up(tasks)

    async def fast(self, ballot: Ballot, value: bytes) -> SlotState | None:
        """Create the slot with `value` accepted; the decided state, or None if somebody came between."""
        state = SlotState(ballot, ballot, value)
        lost = 0

        async def create(voter: Voter) -> None:
            nonlocal lost
            try:
                self._remember(voter, await voter.create(self.number, state))
            except Exists:
                lost += 1
                await self._look(voter)

        tasks = self._start(create)
        return await self._decision(tasks, lambda: lost > len(self._voters) - self.tally.majority)

    async def attempt(self, ballot: Ballot, value: bytes | None) -> SlotState | None:
        """Both phases under `ballot`; the decided state (of whatever value), or None.

        None means outvoted, too few answers (`tally.hopeless()`), or, with no `value` to propose, that a
        majority holds nothing accepted.
        """
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

        tasks = self._start(raise_promise)
        needed = self.tally.majority
        await wait_first(
            tasks,
            lambda: (
                len(promised) >= needed
                or outvoted > len(self._voters) - needed
                or self.tally.hopeless()
                or self.tally.decided() is not None
            ),
        )
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

        tasks = self._start(raise_accepted)
        return await self._decision(tasks, lambda: outvoted > len(self._voters) - self.tally.majority)

    async def _decision(
        self, tasks: Sequence["asyncio.Task[None]"], lost: Callable[[], bool]
    ) -> SlotState | None:
        """Wait until the slot is decided or cannot be in this attempt; late voters go on behind our back."""
        await wait_first(tasks, lambda: self.tally.decided() is not None or self.tally.hopeless() or lost())
        for task in tasks:
            if not task.done():
                self._background.spawn(task)
        return self.tally.decided()

    async def _raise(self, voter: Voter, rule: Step) -> SlotState | None:
        """Take one voter to its next state by compare-and-swap; the state before. Raises `OutvotedError`.

        Begins from what is known of the voter (at first: nothing there) and reads only when that was wrong.
        """
        held = self._held.get(voter.name)
        while True:
            before = None if held is None else held[0]
            after = rule(before)
            if after is None:
                raise OutvotedError(before)
            try:
                if held is None:
                    self._remember(voter, await voter.create(self.number, after))
                else:
                    self._remember(voter, await voter.replace(self.number, after, held[1]))
                return before
            except (Exists, Conflict):
                held = await self._look(voter)

    async def _look(self, voter: Voter) -> Held | None:
        held = await voter.read(self.number)
        self._remember(voter, held)
        return held

    def _remember(self, voter: Voter, held: Held | None) -> None:
        self._held[voter.name] = held
        self.tally.heard(voter.name, None if held is None else held[0])

    def _start(self, work: Callable[[Voter], Awaitable[object]]) -> list["asyncio.Task[None]"]:
        """One task a voter. A failing provider is a failed vote in the tally, not an exception."""
        tally = self.tally
        tally.failures.clear()

        async def vote(voter: Voter) -> None:
            try:
                await work(voter)
            except (ProviderError, Tampered) as error:
                tally.failed(voter.name, error)
                self._failed(voter)

        return [asyncio.ensure_future(vote(voter)) for voter in self._voters]


def _give_up(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
