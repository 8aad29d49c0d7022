"""The catalog: wishes go into the log, outcomes come back, reads see what has been applied.

The log agrees on the order of records and hands each decided batch to `State.apply`; it gives back the
outcome of the record that was appended. Nothing else changes the state.
"""

from typing import Any, Protocol

from outlast.base.clock import Clock
from outlast.base.errors import ForkedLog, NoMajority, StoreCorrupt, StoreError, StoreUnavailable
from outlast.catalog.applied import AppliedSlots
from outlast.catalog.records import AnyRecord
from outlast.catalog.state import State
from outlast.catalog.wire import encode


class Log(Protocol):
    """What the catalog needs of the log."""

    async def append(self, record: bytes) -> Any:
        """Have the record decided and applied; its outcome. Raises `NoMajority`, `ForkedLog`."""
        ...

    async def sync(self) -> None:
        """Return when all that was decided before the call is applied. Raises `NoMajority`, `ForkedLog`."""
        ...


class Catalog:
    """The log and the state that it leads to."""

    def __init__(self, log: Log, state: State, clock: Clock) -> None:
        """`log` must have been given `state.apply` as what it does with a decided batch."""
        self._log = log
        self._clock = clock
        self.state = state
        self.staleness_s_max = 0.0
        """How old may be what `sync_to_read` is content with, in seconds; 0: nothing may be missing."""
        self._current_at = float("-inf")
        self._applied = AppliedSlots()

    async def commit(self, record: AnyRecord) -> Any:
        """Have the record decided and applied; its outcome, as the record's docstring says.

        Raises the `StoreError` with which the wish was refused. Raises `StoreUnavailable` where the voters
        do not agree in time: the record may be decided later all the same.
        """
        try:
            outcome = await self._log.append(encode(record))
        except NoMajority as error:
            raise StoreUnavailable(f"the change could not be agreed on: {error}") from error
        except ForkedLog as error:
            raise StoreCorrupt(str(error)) from error
        if isinstance(outcome, StoreError):
            raise outcome
        return outcome

    async def sync(self) -> None:
        """Return when the state has all that was acknowledged before the call. Raises `StoreUnavailable`."""
        asked_at = self._clock.monotonic()
        try:
            await self._log.sync()
            self._current_at = max(self._current_at, asked_at)
        except NoMajority as error:
            raise StoreUnavailable(f"cannot tell what is newest: {error}") from error
        except ForkedLog as error:
            raise StoreCorrupt(str(error)) from error

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
        if self._clock.monotonic() - self._current_at >= self.staleness_s_max:
            await self.sync()
