"""A voter's states on the wire: whatever a provider returns is input."""

import msgspec
import pytest
from cluster import PlainSeal
from hypothesis import given
from hypothesis import strategies as st

from outlast.base.errors import Tampered
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.state import ROUND_MAX, Placed, StateCodec, decode_state

OWNER, OTHER = b"\1" * 16, b"\2" * 16
LOW, HIGH = Ballot(1, OWNER), Ballot(2, OTHER)
CODEC = StateCodec(PlainSeal(), "v0")
FIRST, FIRST_BYTES = CODEC.encode(7, None, SlotState(LOW))
STATES = [
    SlotState(HIGH),
    SlotState(HIGH, LOW, b"v"),
    SlotState(LOW, LOW, b""),
    SlotState(LOW, announced=b"please"),
]


@pytest.mark.parametrize("after", [None, FIRST])
@pytest.mark.parametrize("state", STATES)
def test_a_state_comes_back_as_it_was(state: SlotState, after: Placed | None) -> None:
    placed, data = CODEC.encode(7, after, state)
    assert CODEC.decode(7, after, data) == placed
    assert placed.state == state == decode_state(data)


@pytest.mark.parametrize("state", STATES)
def test_a_state_shown_in_another_place_is_not_believed(state: SlotState) -> None:
    _, data = CODEC.encode(7, FIRST, state)
    other = CODEC.encode(7, None, SlotState(HIGH))[0]
    for codec, slot, after in (
        (StateCodec(PlainSeal(), "v1"), 7, FIRST),
        (CODEC, 8, FIRST),
        (CODEC, 7, None),
        (CODEC, 7, other),
    ):
        with pytest.raises(Tampered):
            codec.decode(slot, after, data)


def test_a_late_request_from_before_an_erasure_does_not_count() -> None:
    """It was made over a state that the voter has lost; what stands there now is another."""
    _, late = CODEC.encode(7, CODEC.encode(7, None, SlotState(LOW))[0], SlotState(HIGH, HIGH, b"w"))
    now, _ = CODEC.encode(7, None, SlotState(LOW, LOW, b"v"))
    with pytest.raises(Tampered, match="does not follow"):
        CODEC.decode(7, now, late)


@pytest.mark.parametrize(
    "changed",
    [
        SlotState(Ballot(ROUND_MAX, OTHER), LOW, b"v"),
        SlotState(HIGH, HIGH, b"v"),
        SlotState(HIGH, LOW, b"another"),
        SlotState(HIGH, LOW, b"v", b"another"),
    ],
)
def test_a_state_that_a_voter_has_changed_is_not_believed(changed: SlotState) -> None:
    fields = msgspec.msgpack.decode(CODEC.encode(7, None, SlotState(HIGH, LOW, b"v"))[1])
    forged = msgspec.msgpack.decode(CODEC.encode(7, None, changed)[1])
    with pytest.raises(Tampered):
        CODEC.decode(7, None, msgspec.msgpack.encode([*forged[:4], *fields[4:]]))


@pytest.mark.parametrize(
    "state",
    [
        SlotState(HIGH, LOW),
        SlotState(HIGH, None, b"v"),
        SlotState(LOW, HIGH, b"v"),
        SlotState(LOW, Ballot(-1, OWNER), b"v"),
        SlotState(Ballot(-1, OWNER)),
        SlotState(Ballot(2**64 - 1, OWNER)),
    ],
)
def test_no_state_that_an_acceptor_cannot_be_in_is_believed(state: SlotState) -> None:
    with pytest.raises(Tampered):
        CODEC.decode(7, None, CODEC.encode(7, None, state)[1])


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused_and_never_an_accident(data: bytes) -> None:
    with pytest.raises(Tampered):
        CODEC.decode(7, None, data)
