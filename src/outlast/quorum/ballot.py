"""The acceptor's rules, as pure functions: values in, values out.

Each slot is one instance of single-decree Paxos (Lamport, "Paxos Made Simple", 2001; with passive
acceptors it is Disk Paxos: Gafni and Lamport, 2003). An acceptor is not a process but a row of objects at a
provider, one for each state that it was ever in, and a rule is applied by whoever can create the next one:
read the last state, compute the next one here, create its object if nobody else has.

The invariant that everything rests on: once a majority of voters has accepted a value under one ballot,
every higher ballot can only carry that same value, because whoever raises a ballot must first hear from
a majority and adopt what it finds.

Round 0 needs no first phase. It is the lowest of all and has one possible owner: the gateway whose
batch was decided in the slot before, which proposes one value in it, ever. So there is nothing that a
first phase could find.
"""

from collections.abc import Iterable

import msgspec

from outlast.base.wire import Struct


class Ballot(Struct, frozen=True, order=True):
    """The name of one attempt: rounds first, then the gateway's id (16 bytes), so that no two are equal."""

    round: int
    gateway: bytes


class SlotState(Struct, frozen=True):
    """What a voter holds for one slot: the highest ballot promised, and what was accepted last."""

    promised: Ballot
    accepted: Ballot | None = None
    value: bytes | None = None


def promise(state: SlotState | None, ballot: Ballot) -> SlotState | None:
    """Phase 1: the state after promising `ballot`; None if a higher one is promised already.

    Who has promised it already is in that state already, so that a lost answer does no harm.
    """
    if state is None:
        return SlotState(ballot)
    if state.promised > ballot:
        return None
    return state if state.promised == ballot else SlotState(ballot, state.accepted, state.value)


def accept(state: SlotState | None, ballot: Ballot, value: bytes) -> SlotState | None:
    """Phase 2: the state after accepting `value` under `ballot`; None if a higher one is promised."""
    if state is not None and state.promised > ballot:
        return None
    return state if state is not None and state.accepted == ballot else SlotState(ballot, ballot, value)


def adopted(states: Iterable[SlotState | None]) -> bytes | None:
    """The value that a proposer must carry on, given a majority's states: the highest ballot's."""
    best: SlotState | None = None
    for state in states:
        if state is None or state.accepted is None:
            continue
        if best is None or best.accepted is None or state.accepted > best.accepted:
            best = state
    return None if best is None else best.value


def majority(voters: int) -> int:
    """How many of `voters` make a majority: any two majorities have a voter in common."""
    return voters // 2 + 1


ROUND_MAX = 2**32
"""No slot needs so many. Far below what the format can hold, so that there is always a next one."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SlotState)


def encode_state(state: SlotState) -> bytes:
    """The slot object's bytes (docs/formats/log.md)."""
    return _encoder.encode(state)


def decode_state(data: bytes) -> SlotState:
    """The state in a slot object. Raises `msgspec.DecodeError` (a `ValueError`) for anything else.

    Only states that an acceptor can be in: a damaged or lying voter must not have others go on from one that
    it cannot (an accepted ballot without its value; a round after which there is none).
    """
    state = _decoder.decode(data)
    if (state.accepted is None) != (state.value is None):
        raise msgspec.ValidationError("a value and its ballot belong together")
    if state.accepted is not None and not Ballot(0, b"") <= state.accepted <= state.promised:
        raise msgspec.ValidationError("what is accepted was promised before")
    if not 0 <= state.promised.round <= ROUND_MAX:
        raise msgspec.ValidationError("there is no such round")
    return state
