"""The catalog: records go into the log, outcomes come back, reads see what has been applied.

The log agrees on the order of records and hands each decided batch to `State.apply`; it gives back the
outcome of the record that was appended. Nothing else changes the state.
"""

from collections.abc import Callable
from typing import Any

from outlast.base.clock import Clock
from outlast.base.errors import ForkedLog, NoMajority, StoreError, StoreUnavailable
from outlast.base.trace import event
from outlast.catalog.applied import AppliedSlots
from outlast.catalog.records import AnyRecord
from outlast.catalog.state import State
from outlast.catalog.wire import encode
from outlast.quorum.log import Log


class Catalog:
    """The log and the state that it leads to."""

    def __init__(self, log: Log, state: State, clock: Clock) -> None:
        """`log` must have been given `state.apply` as what it does with a decided batch."""
        self._log = log
        self._clock = clock
        self.state = state
        self.staleness_s_max = 0.0
        """How old may be what `sync_to_read` is content with, in seconds; 0: nothing may be missing."""
        self.on_fork: Callable[[ForkedLog], None] = lambda error: None
        """Called when a decided slot does not follow what the local catalog holds."""
        self.reached_voters = False
        """Whether enough voters answered when last asked what is newest, or agreed on something since."""
        self._refusal = ""
        self._current_at = float("-inf")
        self._applied = AppliedSlots()

    def refuse(self, reason: str) -> None:
        """Have all reads and writes fail for this reason; "" ends it."""
        self._refusal = reason

    async def commit(self, record: AnyRecord) -> Any:
        """Have the record decided and applied; its outcome, as the record's docstring says.

        Raises the `StoreError` with which the wish was refused. Raises `StoreUnavailable` where the voters
        do not agree in time: the record may be decided later all the same.
        """
        self._check()
        event("catalog: a record waits", record=type(record).__name__)
        asked_at = self._clock.monotonic()
        try:
            outcome = await self._log.append(encode(record))
        except NoMajority as error:
            raise StoreUnavailable(f"the change could not be agreed on: {error}") from error
        except ForkedLog as error:
            raise self._forked(error) from error
        event("catalog: a record was applied", record=type(record).__name__, outcome=outcome)
        self._note_current(asked_at)
        if isinstance(outcome, StoreError):
            raise outcome
        return outcome

    async def sync(self) -> None:
        """Return when the state has all that was acknowledged before the call. Raises `StoreUnavailable`."""
        self._check()
        asked_at = self._clock.monotonic()
        try:
            await self._log.sync()
            self._note_current(asked_at)
        except NoMajority as error:
            self.reached_voters = False
            raise StoreUnavailable(f"cannot tell what is newest: {error}") from error
        except ForkedLog as error:
            raise self._forked(error) from error
        self._check()

    def _note_current(self, asked_at: float) -> None:
        """The state has what was acknowledged before `asked_at`: voters said so, or decided what followed."""
        self._current_at = max(self._current_at, asked_at)
        self.reached_voters = True

    def _check(self) -> None:
        if self._refusal:
            raise StoreUnavailable(self._refusal)

    def _forked(self, error: ForkedLog) -> StoreUnavailable:
        """The local catalog is the first suspect: whoever watches builds it anew."""
        self.reached_voters = False
        self.on_fork(error)
        return StoreUnavailable(str(error))

    def note_applied(self) -> None:
        """Note which slot is applied now, for `slot_applied_for`. To be called every few seconds."""
        self._applied.note(self.state.position.slot, self._clock.monotonic())

    def slot_applied_for(self, seconds: float) -> int:
        """The newest slot that has been applied for `seconds`, here or at another gateway that said so.

        -1 if none is known. With 0 it is the newest applied one.
        """
        self.note_applied()
        here = self._applied.slot_applied_for(seconds, self._clock.monotonic())
        return max(here, self.state.grace_passed(seconds))

    async def sync_to_read(self) -> None:
        """As `sync`, but content with what was acknowledged `staleness_s_max` ago.

        What was written through this same catalog is always there: it is applied before it is acknowledged.
        """
        await self.sync_if_older(self.staleness_s_max)

    async def sync_if_older(self, seconds: float) -> None:
        """As `sync`, but content with what was acknowledged `seconds` ago."""
        self._check()
        if self._clock.monotonic() - self._current_at >= seconds:
            await self.sync()
