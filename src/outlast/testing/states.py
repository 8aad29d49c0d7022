"""What is stored below `log/` at a voter, for the simulator's checkers: the one place that knows the format.

A name contains the slot and the zero-based index of the state in its row; the bytes are the encoding of
`quorum.state`.
"""

import re
from typing import NamedTuple

import msgspec

from outlast.base.errors import Tampered
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import Seal
from outlast.quorum.state import Placed, ProvenState, StateCodec, decode_proven, decode_state

__all__ = ["Ballot", "Row", "SlotState", "StatePosition", "forged", "position", "unproven"]

_name = re.compile(r"log/main/([0-9a-f]{16})(?:\.([0-9]+))?")


class StatePosition(NamedTuple):
    """A slot and the index of a state in its row."""

    slot: int
    place: int


def position(key: str) -> StatePosition | None:
    """Parse the name; None for a name that no state has."""
    found = _name.fullmatch(key)
    return None if found is None else StatePosition(int(found[1], 16), int(found[2] or 0))


class Row:
    """The states of one slot at one voter, as far as they are proved: each follows from the previous one.

    A state beyond a gap, or one that was written over another state than the one that is there now (by a
    request from before an erasure), is never read.
    """

    def __init__(self, seal: Seal, voter: str, slot: int) -> None:
        self._codec = StateCodec(seal, voter)
        self._slot = slot
        self._contents: dict[int, bytes] = {}
        self._states: list[Placed] = []

    @property
    def states(self) -> list[SlotState]:
        return [placed.state for placed in self._states]

    def holds(self, place: int) -> bool:
        """Whether there is anything at this index."""
        return place in self._contents

    def write(self, place: int, content: bytes) -> list[SlotState]:
        """Store this; return the states that it proves, in order."""
        self.remove(place)
        self._contents[place] = content
        known = len(self._states)
        while (content_ := self._contents.get(len(self._states))) is not None:
            before = self._states[-1] if self._states else None
            try:
                self._states.append(self._codec.decode(self._slot, before, content_))
            except Tampered:
                break
        return self.states[known:]

    def remove(self, place: int) -> None:
        """Remove what is there."""
        self._contents.pop(place, None)
        del self._states[place:]


def unproven(content: bytes) -> SlotState | None:
    """Return the state in these bytes, without checking who wrote them; None if there is none."""
    try:
        return decode_state(content)
    except msgspec.DecodeError:
        return None


def forged(state: SlotState, real: bytes) -> bytes:
    """Return a state's bytes as written by an attacker who knows the format but not the store's key.

    `real`: the bytes that are stored there, whose proof is copied.
    """
    try:
        proven = decode_proven(real)
    except msgspec.DecodeError:
        proven = ProvenState(state.promised, None, None, None, b"", b"")
    return msgspec.msgpack.encode(
        ProvenState(
            state.promised, state.accepted, state.value, state.announced, proven.previous, proven.proof
        )
    )
