"""A slot's state as bytes at a voter, and the proof that a gateway of this store wrote it there.

Whatever a provider returns is input. A voter could show a state that no gateway ever wrote: a round near the
end of all rounds, or a value that lost with a ballot that makes it look chosen. So each state carries a
proof, a seal over nothing that binds the state to its voter, slot, and place in the row. What is left to a
lying voter is to hide states that it was given.

The bytes are specified in docs/formats/log.md.
"""

import hashlib

import msgspec

from outlast.base import limits
from outlast.base.errors import Tampered
from outlast.base.wire import Struct
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import Seal

ROUND_MAX = 2**32
"""No slot needs as many rounds. Far below what the format can hold, so that there is always a next one."""
PLACE_MAX = 4096
"""A row has one state per round that reached the voter. No slot is contended for that often."""
STATE_BYTES_MAX = 4 * limits.batch_bytes_max
"""A value holds a batch or one record that is larger alone; an announcement as much again."""


def state_key(slot: int, place: int) -> str:
    """The name of a slot's first state (`place` 0) and of the later ones at every voter."""
    return f"log/main/{slot:016x}.{place}" if place else f"log/main/{slot:016x}"


class ProvenState(Struct, frozen=True):
    """A state with its proof."""

    promised: Ballot
    accepted: Ballot | None
    value: bytes | None
    announced: bytes | None
    proof: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ProvenState)


class StateCodec:
    """Encodes the states that this store's gateways write, and decodes only those."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def encode(self, voter: str, slot: int, place: int, state: SlotState) -> bytes:
        """The bytes of the state at `place` in the voter's row for `slot`."""
        proof = self._seal.seal(b"", _claim(voter, slot, place, state))
        return _encoder.encode(
            ProvenState(state.promised, state.accepted, state.value, state.announced, proof)
        )

    def decode(self, voter: str, slot: int, place: int, data: bytes) -> SlotState:
        """The state in `data`. Raises `Tampered` for what no gateway wrote to this very place."""
        try:
            proven = decode_proven(data)
        except msgspec.DecodeError as error:
            raise Tampered(f"{state_key(slot, place)} is damaged: {error}") from error
        state = SlotState(proven.promised, proven.accepted, proven.value, proven.announced)
        self._seal.open(proven.proof, _claim(voter, slot, place, state))
        return state


def decode_proven(data: bytes) -> ProvenState:
    """A state whose proof has yet to be looked at. Raises `msgspec.DecodeError` (a `ValueError`).

    Only states that an acceptor can be in.
    """
    if len(data) > STATE_BYTES_MAX:
        raise msgspec.ValidationError("larger than any state")
    state = _decoder.decode(data)
    if (state.accepted is None) != (state.value is None):
        raise msgspec.ValidationError("a value and its ballot belong together")
    if state.accepted is not None and not Ballot(0, b"") <= state.accepted <= state.promised:
        raise msgspec.ValidationError("what is accepted was promised before")
    if not 0 <= state.promised.round <= ROUND_MAX:
        raise msgspec.ValidationError("there is no such round")
    return state


def decode_state(data: bytes) -> SlotState:
    """The state in `data`, unproven, for reading a voter without the store's key. Raises `ValueError`."""
    proven = decode_proven(data)
    return SlotState(proven.promised, proven.accepted, proven.value, proven.announced)


def _claim(voter: str, slot: int, place: int, state: SlotState) -> bytes:
    digest = hashlib.sha256(_encoder.encode(state)).digest()
    return b"outlast state %s %s %s" % (voter.encode(), state_key(slot, place).encode(), digest)
