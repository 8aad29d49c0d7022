"""The acceptor's rules, as pure functions: values in, values out.

Each slot is one instance of single-decree Paxos (Lamport, "Paxos Made Simple", 2001; with passive
acceptors it is Disk Paxos: Gafni and Lamport, 2003). An acceptor is not a process but a row of objects at a
provider, one for each state that it was ever in. A gateway applies a rule by creating the next one: it reads
the last state, computes the next one, and creates its object unless another gateway already has.

The invariant that everything rests on: once a majority of voters has accepted a value under one ballot,
every higher ballot can only carry that same value, because a proposer with a higher ballot must first hear
from a majority and adopt the value that it finds.

Round 0 needs no first phase. It is the lowest round and has one possible owner: the gateway whose batch was
decided in the previous slot, which only ever proposes one value in it. So a first phase could find nothing.
"""

from collections.abc import Iterable

from outlast.base.wire import Struct


class Ballot(Struct, frozen=True, order=True):
    """The name of one attempt: rounds first, then the gateway's id (16 bytes), so that no two are equal."""

    round: int
    gateway: bytes


class SlotState(Struct, frozen=True):
    """What a voter holds for one slot: the highest ballot promised, and what was accepted last.

    `announced` plays no part in the agreement: it holds the submissions that the proposer of `promised` wants
    in the slot, whichever gateway decides it (`quorum.announcement`).
    """

    promised: Ballot
    accepted: Ballot | None = None
    value: bytes | None = None
    announced: bytes | None = None


def promise(state: SlotState | None, ballot: Ballot, announced: bytes | None = None) -> SlotState | None:
    """Phase 1: the state after promising `ballot`; None if a higher one is already promised.

    A voter that has promised this very ballot is already in that state, so a lost answer does no harm.
    """
    if state is None:
        return SlotState(ballot, announced=announced)
    if state.promised > ballot:
        return None
    if state.promised == ballot:
        return state
    return SlotState(ballot, state.accepted, state.value, announced)


def accept(state: SlotState | None, ballot: Ballot, value: bytes) -> SlotState | None:
    """Phase 2: the state after accepting `value` under `ballot`; None if a higher one is promised."""
    if state is not None and state.promised > ballot:
        return None
    return state if state is not None and state.accepted == ballot else SlotState(ballot, ballot, value)


def adopted(states: Iterable[SlotState | None]) -> bytes | None:
    """The value that a proposer must adopt, given a majority's states: that of the highest ballot."""
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
