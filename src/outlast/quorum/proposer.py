"""The proposer of Paxos: brings a slot to its decision, whichever gateway's value is chosen.

It remembers which rounds it has used for a slot, because one ballot stands for one value, and a second
attempt may not see what the first one left. Between attempts it backs off by its own round-trip time and
reads the slot first, so that two proposers do not compete for long.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from outlast.base.concurrency import wait_first
from outlast.base.errors import Estranged, ForkedLog, NoMajority
from outlast.base.marks import reached
from outlast.base.trace import event
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import value_hash
from outlast.quorum.context import LogContext
from outlast.quorum.history import History
from outlast.quorum.laggards import Laggards
from outlast.quorum.slot import Slot
from outlast.quorum.voter import Voter

# For this many slots after an announcement, the next slot is read ahead.
WATCHED_SLOTS = 32
# How many slots are read ahead when gateways take turns.
SHARED_SLOTS_AHEAD = 3
# How long to wait for that read if the present slot is decided first, in round trips.
LOOK_AHEAD_PATIENCE = 0.25


class Proposal(Protocol):
    """What a gateway wants decided in the next slot."""

    def value(self, slot: Slot) -> bytes:
        """The value to propose, given what the voters were seen to hold for the slot."""
        ...

    def wants(self, value: bytes) -> bool:
        """Whether `value`, which was proposed before and not decided, is still worth proposing."""
        ...

    def announcement(self, slot: int) -> bytes | None:
        """What to leave with a promise, for a proposer that outvotes this one; None if it is too large to."""
        ...


class Proposer:
    """Creates slots and decides them. `history` determines which one is next."""

    def __init__(self, context: LogContext, history: History, laggards: Laggards) -> None:
        self._context = context
        self._history = history
        self._laggards = laggards
        self._rounds_used: dict[int, int] = {}
        self._forgotten = -1, 0
        """The last slot whose rounds were forgotten, and the highest of all those rounds."""
        self._ahead: dict[int, tuple[Slot, asyncio.Task[None]]] = {}
        self._watched_until = -1
        self._unfinished: Slot | None = None

    def slot_at(self, number: int) -> Slot:
        """A slot under the voters' present incarnations."""
        context, first, previous = self._context, self._history.slot + 1, self._history.hash

        def heard(voter: Voter, error: Exception | None) -> None:
            self._laggards.heard(voter, error, first, previous)
            if isinstance(error, Estranged):
                self._doubt(voter)

        return Slot(number, context.voters, context.background, heard, context.figures.rounds)

    def next_ballot(self, slot: Slot) -> Ballot:
        """A ballot that this gateway never used and that a majority has promised nothing above."""
        last, highest = self._forgotten
        used = self._rounds_used.get(slot.number, highest if slot.number <= last else 0)
        self._rounds_used[slot.number] = max(used, slot.tally.round_to_beat()) + 1
        return Ballot(self._rounds_used[slot.number], self._context.gateway)

    def forget(self, number: int) -> None:
        """The slot was decided and applied: drop the rounds of all earlier ones (see `_decide_again`).

        When a local catalog is rebuilt, slots in which this gateway has proposed come up a second time. So it
        forgets which rounds it used, but not that it may have used some.
        """
        last, highest = self._forgotten
        rounds = [self._rounds_used.pop(known) for known in [*self._rounds_used] if known < number]
        self._forgotten = max(last, number - 1), max([highest, *rounds])

    async def decide(self, number: int, proposal: Proposal) -> SlotState:
        """Bring the next slot to its decision. Raises `NoMajority`."""
        assert number == self._history.slot + 1, "proposed for a slot without knowing the one before"
        slot = await self.seen_ahead(number)
        if slot is None or not slot.announced:
            slot = self.slot_at(number)
        else:
            reached("proposer: an announcement was seen ahead")
        self._look_ahead(number + 1)
        losses = 0
        if self._owns(number) and not slot.announced:
            state = await self._decide_in_round_0(slot, proposal)
            if state is not None:
                self._context.figures.fast += 1
                return state
            # A gateway that only announces something does not compete, so no back-off is needed.
            losses = 0 if slot.announced else 1
        if slot.announced:
            self._watched_until = number + WATCHED_SLOTS
        state = await self._decide_by_ballots(slot, proposal, losses)
        assert state is not None
        return state

    def _owns(self, number: int) -> bool:
        """Whether this gateway owns round 0 of the slot and has not used it."""
        return (
            self._history.owner == self._context.gateway
            and number > self._forgotten[0]
            and number not in self._rounds_used
        )

    # ------------------------------------------------------------ slots seen ahead

    def _look_ahead(self, first: int) -> None:
        """If other gateways write, read the following slots concurrently with this one.

        While others announce, read the next one: that saves its round 0. While gateways take turns, read
        several, because this gateway may have missed some.
        """
        count = SHARED_SLOTS_AHEAD if self._history.is_shared else int(first <= self._watched_until)
        self._ahead = {number: self._looked_at(number) for number in range(first, first + count)}

    def _looked_at(self, number: int) -> "tuple[Slot, asyncio.Task[None]]":
        slot = self.slot_at(number)
        looking = asyncio.ensure_future(slot.glance(contended=True))
        self._context.background.spawn(looking)
        return slot, looking

    async def seen_ahead(self, number: int) -> Slot | None:
        """The slot as it was read ahead, or None."""
        if number not in self._ahead:
            return None
        slot, looking = self._ahead[number]
        await wait_first((looking,), looking.done, LOOK_AHEAD_PATIENCE * self._context.pace.quickest_s)
        return slot if slot.is_current() else None

    async def carry_on(self, number: int) -> SlotState | None:
        """Decide what a voter may have accepted; None if a majority holds nothing. Raises `NoMajority`."""
        return await self._decide_by_ballots(self.slot_at(number), None, losses=0)

    # ------------------------------------------------------------ votes in doubt

    def _doubt(self, voter: Voter) -> None:
        """The voter is estranged. It may have been erased in the middle of its last vote, unnoticed."""
        if voter.in_doubt is not None and voter.in_doubt == self._history.slot:
            voter.doubt_resolved()
            self._context.background.spawn(self._decide_again(self._history.slot))

    async def _decide_again(self, number: int) -> None:
        """Get the newest slot accepted by a majority of voters that certainly remember it.

        What an erased voter had accepted earlier may have been decided together with a voter that did not
        answer. Then this gateway has applied a value that lost.
        """
        async with self._context.turn:
            if self._history.slot != number:
                return
            reached("proposer: a slot was decided again after a vote in doubt")
            try:
                state = await self._decide_by_ballots(self.slot_at(number), None, losses=0)
            except NoMajority:
                return  # a separate outage; the next caller of the log gets it
        if state is None or state.value is None or value_hash(state.value) != self._history.hash:
            raise ForkedLog(f"slot {number} was decided otherwise: a voter was erased while it voted")

    async def _decide_in_round_0(self, slot: Slot, proposal: Proposal) -> SlotState | None:
        self._rounds_used[slot.number] = 0
        ballot = Ballot(0, self._context.gateway)
        return await self._context.pace.timed(slot.fast(ballot, proposal.value(slot)))

    async def _decide_by_ballots(
        self, slot: Slot, proposal: Proposal | None, losses: int
    ) -> SlotState | None:
        pace, clock = self._context.pace, self._context.clock
        state = None
        if (unfinished := self._unfinished_as(slot, proposal)) is not None:
            slot = unfinished
            state = await slot.finish()
        while state is None:
            if proposal is not None or slot.is_adopted():
                self._unfinished = slot
            if slot.tally.hopeless():
                raise slot.tally.no_majority(slot.number)
            if losses:
                reached("proposer: back off")
                event("quorum: outvoted", slot=slot.number, losses=losses)
                await clock.sleep(pace.backoff_s(losses))
                await slot.ask()
                state = slot.tally.decided()
            if state is None:
                ballot = self.next_ballot(slot)
                announced = None if proposal is None else proposal.announcement(slot.number)
                state = await pace.timed(slot.attempt(ballot, _value(proposal, slot), announced))
                losses += 1
            if state is None and proposal is None and slot.tally.open():
                return None
        self._unfinished = None
        self._context.figures.slow += 1
        return state

    def _unfinished_as(self, slot: Slot, proposal: Proposal | None) -> Slot | None:
        """The slot as an earlier attempt left it, if that attempt can be continued."""
        unfinished = self._unfinished
        if unfinished is None or unfinished.number != slot.number:
            return None
        if proposal is None:
            return unfinished if unfinished.is_adopted() else None
        return unfinished if unfinished.is_unfinished(proposal.wants, lambda: proposal.value(slot)) else None


def _value(proposal: Proposal | None, slot: Slot) -> Callable[[], bytes | None]:
    return lambda: None if proposal is None else proposal.value(slot)
