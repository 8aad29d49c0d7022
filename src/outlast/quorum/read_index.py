"""Linearizable reads: when the local catalog may answer a reader (Raft's "read index").

A reader is current when the catalog holds everything that was acknowledged to any client before the reader
came. Two events prove that for all readers that came before some moment:

- A majority, asked after that moment, holds nothing accepted for the slot after the last one applied.
- A submission of this gateway, made after that moment and so never shown to a voter before, is decided and
  applied.

So readers ride on the next commit if there is one; otherwise one question is sent to the voters for all of
them. If a round trip is long, the next question begins before the last one is answered, so that no reader
waits for two of them. Questions are also sent while writes find no majority: voters that are full or
read-only can still be read.

Moments are represented by tickets (`waiting.Readers`).
"""

import asyncio
from collections.abc import Callable

from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import NoMajority
from outlast.base.trace import event
from outlast.quorum.context import LogContext
from outlast.quorum.history import History
from outlast.quorum.learn import Learner
from outlast.quorum.proposer import Proposer
from outlast.quorum.waiting import MajorityOutage

# The pause before the next question after one that no majority answered.
NO_MAJORITY_PAUSE_S = 0.2


class ReadIndex:
    """Asks the voters for waiting readers. `rides()`: whether a commit in progress will serve them."""

    def __init__(
        self,
        context: LogContext,
        history: History,
        proposer: Proposer,
        learner: Learner,
        rides: Callable[[], bool],
    ) -> None:
        self._context = context
        self._history = history
        self._proposer = proposer
        self._learner = learner
        self._rides = rides
        self._outage = MajorityOutage(context.clock)
        self._asked_ticket = 0
        self._questions: set[asyncio.Task[None]] = set()
        self._question_waits = False

    def majority_answered(self) -> None:
        """A majority has just answered."""
        self._outage.clear()

    async def close(self) -> None:
        """Cancel all questions."""
        await cancel_and_wait(tuple(self._questions))

    def wake(self) -> None:
        """Ask for the waiting readers, unless a commit or another question will serve them."""
        last = self._context.readers.last
        if last is None or last.ticket <= self._asked_ticket or self._rides() or self._question_waits:
            return
        if len(self._questions) < self._context.pace.questions_max:
            self._question_waits = True
            self._questions.add(asyncio.ensure_future(self._ask()))

    async def _ask(self) -> None:
        """Send one question for all waiting readers."""
        try:
            await self._wait_turn()
            if self._context.readers.last is not None and not self._rides():
                await self._ask_or_pause()
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._questions.discard(task)
            if not self._questions and self._context.readers.last is None:
                self._outage.clear()
        self.wake()

    async def _wait_turn(self) -> None:
        """Wait until enough time has passed since the last question, if it is still in flight."""
        try:
            if len(self._questions) > 1:
                await self._context.clock.sleep(self._context.pace.until_next_question_s())
        finally:
            self._question_waits = False

    async def _ask_or_pause(self) -> None:
        context = self._context
        context.pace.asks()
        ticket = self._asked_ticket = context.readers.ticket
        event("quorum: voters asked for waiting reads", slot=self._history.slot + 1)
        try:
            answered = await self._get_current()
            self._outage.clear()
        except NoMajority as error:
            context.figures.no_majority += 1
            self._outage.extend(context.readers, error, context.pace.last_s)
            pause_s = context.entropy.uniform(NO_MAJORITY_PAUSE_S / 2, NO_MAJORITY_PAUSE_S)
            await context.clock.sleep(pause_s)
            answered = False
        except Exception as error:  # whatever it is, the waiting readers must get it
            context.readers.fail_all(error)
            answered = False
        if answered:
            context.figures.reads_asked += context.readers.resolve(ticket)
        elif self._asked_ticket == ticket:
            self._asked_ticket = 0  # these readers still need a question

    async def _get_current(self) -> bool:
        """Whether the history holds all that was decided before this call.

        False if the history advanced meanwhile.
        """
        slot = self._proposer.slot_at(self._history.slot + 1)
        await self._context.pace.timed(slot.ask())
        if slot.tally.open():
            return True
        async with self._context.turn:
            if self._history.slot + 1 != slot.number:
                return False
            await self._learner.catch_up(slot)
        return True
