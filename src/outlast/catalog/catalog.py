"""The catalog: records go into the log, outcomes come back, reads see what has been applied.

The log agrees on the order of records, passes each decided batch to `State.apply`, and returns the outcome of
the appended record. Nothing else changes the state.
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
    """The log and the state that results from it."""

    def __init__(self, log: Log, state: State, clock: Clock) -> None:
        """`log` must pass decided batches to `state.apply`."""
        self._log = log
        self._clock = clock
        self.state = state
        self.staleness_s_max = 0.0
        """How stale `sync_to_read` may leave the state, in seconds; 0: not at all."""
        self.on_fork: Callable[[ForkedLog], None] = lambda error: None
        """Called when a decided slot does not follow what the local catalog holds."""
        self.reached_voters = False
        """Whether enough voters answered the last `sync`, or have agreed on something since."""
        self._refusal = ""
        self._current_at = float("-inf")
        self._applied = AppliedSlots()

    def refuse(self, reason: str) -> None:
        """Fail all reads and writes for this reason; "" ends it."""
        self._refusal = reason

    async def commit(self, record: AnyRecord) -> Any:
        """Get the record decided and applied. Returns its outcome, as the record's docstring specifies.

        Raises a `StoreError` if the command was refused, and `StoreUnavailable` if the voters do not agree in
        time: the record may still be decided later.
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
            raise StoreUnavailable(f"the newest state cannot be determined: {error}") from error
        except ForkedLog as error:
            raise self._forked(error) from error
        self._check()

    def _note_current(self, asked_at: float) -> None:
        """Record that the state has what was acknowledged before `asked_at`, by an answer or a decision."""
        self._current_at = max(self._current_at, asked_at)
        self.reached_voters = True

    def _check(self) -> None:
        if self._refusal:
            raise StoreUnavailable(self._refusal)

    def _forked(self, error: ForkedLog) -> StoreUnavailable:
        """The local catalog is the first suspect: the observer (`on_fork`) rebuilds it."""
        self.reached_voters = False
        self.on_fork(error)
        return StoreUnavailable(str(error))

    def note_applied(self) -> None:
        """Record the slot that is applied now, for `slot_applied_for`. Call it every few seconds."""
        self._applied.note(self.state.position.slot, self._clock.monotonic())

    def slot_applied_for(self, seconds: float) -> int:
        """The newest slot that has been applied for `seconds`, here or at a gateway that recorded it.

        -1 if none is known. With 0 it is the newest applied one.
        """
        self.note_applied()
        here = self._applied.slot_applied_for(seconds, self._clock.monotonic())
        return max(here, self.state.grace_passed(seconds))

    async def sync_to_read(self) -> None:
        """Like `sync`, but what was acknowledged within the last `staleness_s_max` may be missing.

        Writes through this same catalog are always visible: they are applied before they are acknowledged.
        """
        await self.sync_if_older(self.staleness_s_max)

    async def sync_if_older(self, seconds: float) -> None:
        """Like `sync`, but what was acknowledged within the last `seconds` may be missing."""
        self._check()
        if self._clock.monotonic() - self._current_at >= seconds:
            await self.sync()
