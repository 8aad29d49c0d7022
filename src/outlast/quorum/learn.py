"""Learning what others have decided.

To be current, a gateway needs everything that was decided before it asked, not the end of the log. While
another gateway writes without a pause, following slot by slot never reaches the end, because a question takes
as long as the next slot does. What was decided before has a bound, which questions about a few widely spaced
slots find in two round trips: a slot of which a majority holds nothing accepted. Neither that slot nor any
later one had been decided then.

Up to that bound, slots are learned several at a time: from a majority's answers, and by following the hash
chain (`quorum.replay`), which needs only one voter. A value that is accepted but not decided gets a grace
period; then this gateway completes it.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import aclosing

from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import Estranged
from outlast.base.marks import reached
from outlast.quorum.announcement import Speed
from outlast.quorum.context import LogContext
from outlast.quorum.history import History
from outlast.quorum.proposer import Proposer
from outlast.quorum.replay import replay
from outlast.quorum.slot import Slot

# Slots that a learning gateway asks the voters about at once: few, because each requires votes.
ASKED_AT_ONCE = 8
# This many only to keep up with a gateway that decides slots much faster than this one can ask about them.
WINDOW_MAX = 64
# How many times the proposer of an accepted but undecided value gets time to decide it.
GRACE_ROUNDS = 2
# Slots asked about at once to find where the log ends: 1, 2, 4, ... ahead.
PROBES = 8

SlotAt = Callable[[int], Slot]


class Learner:
    """Brings `history` up to date. Used by one task at a time, the one that holds the log's turn."""

    def __init__(self, context: LogContext, history: History, proposer: Proposer) -> None:
        self.speed = Speed()
        self._context = context
        self._history = history
        self._proposer = proposer
        self._looked_at = float("-inf")

    @property
    def age_s(self) -> float:
        """The time since the last question about the next slots."""
        return self._context.clock.monotonic() - self._looked_at

    async def get_current(self) -> None:
        """Learn all that was decided before this call. Raises `NoMajority`."""
        ticket = self._context.readers.ticket
        await self.catch_up(await self._context.pace.timed(self.learn_window(1)))
        self._context.figures.reads_asked += self._context.readers.resolve(ticket)

    async def look(self) -> None:
        """Learn what one round of questions shows, and catch up if that is not all. Raises `NoMajority`."""
        slot = await self._context.pace.timed(self.learn_window(self._slots_in_a_round()))
        if slot.tally.decided() is not None:
            await self.catch_up(slot, behind=True)

    async def learn_ahead(self) -> None:
        """Learn the slots that were read ahead while another gateway took the last one.

        If there are none, call `look`.
        """
        slot = await self._proposer.seen_ahead(self._history.slot + 1)
        if slot is None:
            await self.look()
        while slot is not None and (state := slot.tally.decided()) is not None:
            self._history.learn(slot.number, state)
            slot = await self._proposer.seen_ahead(self._history.slot + 1)

    async def catch_up(self, slot: Slot, behind: bool = False) -> None:
        """Learn all that was decided before the question about `slot`, the next one, was sent.

        Not more: while another gateway writes without a pause, the newest slot cannot be reached. `behind`:
        many slots are certainly missing. Raises `NoMajority`.
        """
        grace, width = 0, ASKED_AT_ONCE if behind else 1
        enough: int | None = None
        while not slot.tally.open() and (enough is None or self._history.slot < enough):
            known, state = self._history.slot, slot.tally.decided()
            if state is not None:
                self._history.learn(slot.number, state)
            if state is None or behind:
                enough = await self._replay_to_end(slot, enough)
            if self._history.slot > known:
                slot = await self.learn_window(width)
                behind = width == ASKED_AT_ONCE and slot.tally.decided() is not None
                width = min(2 * width, ASKED_AT_ONCE)
            elif slot.tally.hopeless():
                raise slot.tally.no_majority(slot.number)
            else:
                grace += 1
                await self._decide_after_grace(slot.number, grace)
                slot = await self.learn_window(1)

    async def learn_window(self, count: int, hasty: bool = False, contended: int = -1) -> Slot:
        """Ask about the next slots at once, learn the decided ones, return the first gap or the last slot.

        `hasty`: do not ask further voters if the next slot is just being decided. `contended`: a slot that is
        known to have several states at each voter.
        """
        context, first = self._context, self._history.slot + 1
        asked_at, ticket = context.clock.monotonic(), context.readers.ticket
        self._looked_at = asked_at
        slots = [self._proposer.slot_at(first + i) for i in range(count)]
        await asyncio.gather(
            *(
                slot.glance(slot.number == contended) if hasty or slot is not slots[0] else slot.ask()
                for slot in slots
            )
        )
        for slot in slots[:-1]:
            state = slot.tally.decided()
            if state is None:
                break
            self._history.learn(slot.number, state)
        else:
            slot = slots[-1]
        if slot.tally.open():
            self.speed.seen(self._history.slot, asked_at)
            context.figures.reads_asked += context.readers.resolve(ticket)
        return slot

    async def follow(self, until: int) -> bool:
        """Learn the slots up to `until` that are already decided. Returns whether there were any.

        Raises `NoMajority`.
        """
        known = self._history.slot
        count = min(until - known, self._slots_in_a_round())
        slot = await self._context.pace.timed(self.learn_window(count, True, until))
        if slot.number == self._history.slot + 1 and (state := slot.tally.decided()) is not None:
            self._history.learn(slot.number, state)
        if self._history.slot == known and slot.tally.hopeless():
            raise slot.tally.no_majority(slot.number)
        return self._history.slot > known

    def _slots_in_a_round(self) -> int:
        """How many slots to ask about to keep up with the gateways that decide them."""
        moved = 2 * self.speed.slots_per_s * self._context.pace.quickest_s
        return min(WINDOW_MAX, ASKED_AT_ONCE + round(moved))

    async def _find_end(self) -> int | None:
        """A slot after which nothing was decided when this was called; None if no majority answers."""
        asked_at = self._context.clock.monotonic()
        end = await newest_possible(self._proposer.slot_at, self._history.slot)
        if end is not None:
            self.speed.seen(end, asked_at)
        return end

    async def _decide_after_grace(self, number: int, grace: int) -> None:
        """Give an accepted but undecided value a grace period; after that, decide it."""
        if grace <= GRACE_ROUNDS:
            await self._context.clock.sleep(self._context.pace.backoff_s(grace))
            return
        reached("learn: an undecided value is carried on")
        state = await self._proposer.carry_on(number)
        if state is not None:
            self._history.learn(number, state)

    async def _replay_to_end(self, asked: Slot, enough: int | None) -> int | None:
        """Learn what the hash chain proves, up to slot `enough`; if that is None, find it concurrently."""
        if enough is not None:
            await self._replay(asked, lambda: enough)
            return enough
        finding = asyncio.ensure_future(self._find_end())
        try:
            await self._replay(asked, lambda: finding.result() if finding.done() else None)
            return await finding
        finally:
            await cancel_and_wait((finding,))

    async def _replay(self, asked: Slot, enough: Callable[[], int | None]) -> None:
        """Learn what the hash chain proves, up to slot `enough()` once that is known.

        Reads from the voters that just answered, and from those whose answers do not count: chained and
        sealed values are true wherever they are found. A voter that hangs would only cost time.
        """
        failures = asked.tally.failures
        estranged = {name for name, error in failures.items() if isinstance(error, Estranged)}
        # Estranged voters fail at once. If they make the question hopeless, a voter that has the answer may
        # not have had time to give it.
        unheard = asked.tally.hopeless() and estranged
        answering = [
            voter
            for voter in self._context.voters
            if voter.name in asked.tally.states
            or voter.name in estranged
            or (unheard and voter.name not in failures)
        ]
        first, previous = self._history.slot + 1, self._history.hash
        async with aclosing(replay(answering, self._context.open_value, first, previous)) as decided:
            async for slot, state, _, _ in decided:
                self._history.learn(slot, state)
                end = enough()
                if end is not None and slot >= end:
                    return


async def ask_all(slots: Iterable[Slot]) -> list[Slot]:
    """Ask about all slots at once."""
    asked = list(slots)
    await asyncio.gather(*(slot.ask() for slot in asked))
    return asked


async def newest_possible(slot_at: SlotAt, known: int) -> int | None:
    """A slot after which nothing had been decided when this was called, not far after the last decided one.

    `known` is a decided slot. Returns None if no majority answers.
    """
    low = known
    while True:
        asked = await ask_all(slot_at(low + (1 << i)) for i in range(PROBES))
        end = _first_open(asked)
        if end is not None:
            break
        if any(slot.tally.hopeless() for slot in asked):
            return None
        low = asked[-1].number
    low = max((slot.number for slot in asked if slot.number < end), default=low)
    step = max(1, (end - low) // PROBES)
    nearer = _first_open(await ask_all(slot_at(number) for number in range(low + step, end, step)))
    return (end if nearer is None else nearer) - 1


def _first_open(asked: Iterable[Slot]) -> int | None:
    return next((slot.number for slot in asked if slot.tally.open()), None)
