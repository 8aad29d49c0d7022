"""What this gateway knows to be decided and has applied: slot by slot, each proved to follow the last.

The invariant: `slot` and `hash` are those of the last slot that `apply` was called for, and the local catalog
is at that position too. A decided slot is learned once, by the first part that hears of it (a commit, a
reader, a replay), and all callers that wait for it are answered from here.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from outlast.base.errors import ForkedLog
from outlast.base.trace import event
from outlast.quorum.announcement import RecentSubmissions
from outlast.quorum.ballot import SlotState
from outlast.quorum.batch import Batch, Opener, value_hash

Apply: TypeAlias = Callable[[int, bytes, Sequence[bytes]], Sequence[object]]
"""(slot, hash of its value, records) -> one outcome per record. Called once per slot, in order."""
Decided: TypeAlias = Callable[[int, SlotState, Batch, Sequence[object]], None]
"""(slot, its state, its batch, one outcome per record): called for each slot after it was applied."""

# After this many slots by one gateway the others are assumed to be idle.
SHARED_SLOTS = 16


class History:
    """See the module's docstring. `owner` is the gateway that owns round 0 of the next slot (b"": none)."""

    def __init__(self, open_value: Opener, apply: Apply, position: tuple[int, bytes]) -> None:
        self.decided: Decided = lambda number, state, batch, outcomes: None
        self._open = open_value
        self.begin(apply, position)

    def begin(self, apply: Apply, position: tuple[int, bytes]) -> None:
        """Start at `position` (slot, hash), the position of the local catalog that `apply` updates."""
        self._apply = apply
        self.slot, self.hash = position
        self.owner = b""
        self.newest: SlotState | None = None
        """The last slot's state; None if this process has not seen it."""
        self.recent = RecentSubmissions(self.slot)
        self._changes: deque[int] = deque(maxlen=2)

    @property
    def is_shared(self) -> bool:
        """Whether gateways took turns in the last few slots."""
        return len(self._changes) == 2 and self.slot - self._changes[0] < SHARED_SLOTS

    def learn(self, number: int, state: SlotState) -> None:
        """Apply the next slot, which is decided. Raises `ForkedLog`, and whatever `apply` raises."""
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
        if batch.proposer != self.owner and self.owner:
            self._changes.append(number)
        self.slot, self.hash, self.owner, self.newest = number, digest, batch.proposer, state
        event("quorum: a slot was applied", slot=number, gateway=batch.proposer, records=len(outcomes))
        self.recent.add(number, batch)
        self._open.forget(number)
        self.decided(number, state, batch, outcomes)
