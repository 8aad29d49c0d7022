"""What lies below `log/` at a voter, as the simulator's checkers see it: the one place that knows the format.

A name says which slot, and the how-manieth state of it; the bytes are what `quorum.ballot` makes of them.
"""

import re
from typing import NamedTuple

import msgspec

from outlast.quorum.ballot import Ballot, SlotState, decode_state, encode_state

_name = re.compile(r"log/main/([0-9a-f]{16})(?:\.([0-9]+))?")


class Position(NamedTuple):
    """Which state of which slot."""

    slot: int
    place: int


def position(key: str) -> Position | None:
    """What the name stands for; None for a name that no state has."""
    found = _name.fullmatch(key)
    return None if found is None else Position(int(found[1], 16), int(found[2] or 0))


def decoded(data: bytes) -> SlotState | None:
    """The state in these bytes; None if there is none that an acceptor can be in."""
    try:
        return decode_state(data)
    except msgspec.DecodeError:
        return None


def encoded(state: SlotState) -> bytes:
    """The bytes of a state, as somebody who knows the format but not the store would write them."""
    return encode_state(state)


__all__ = ["Ballot", "Position", "SlotState", "decoded", "encoded", "position"]
