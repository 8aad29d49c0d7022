"""A slot's state as bytes at a voter, and the proof that a gateway of this store wrote it there.

Whatever a provider returns is untrusted input. A voter could return a state that no gateway ever wrote: a
round near the maximum, or a value that lost with a ballot that makes it look chosen. So each state carries a
proof: a seal over an empty message that binds the state to its voter, slot, and place in the row. All that a
lying voter can still do is hide states that it was given.

The bytes are specified in docs/internals/formats/log.md.
"""

import hashlib
from dataclasses import dataclass

import msgspec

from outlast.base import limits
from outlast.base.errors import Tampered
from outlast.base.wire import Struct
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import Seal

ROUND_MAX = 2**32
"""No slot needs this many rounds. Far below what the format can hold, so there is always a next one."""
PLACE_MAX = 2**20
"""A row has one state per round that reached the voter. While voters accept promises but refuse values, it
grows by a few states a minute for each gateway that tries: this is enough for years.
"""
STATE_BYTES_MAX = 4 * limits.batch_bytes_max
"""A value holds a batch, or a single larger record; an announcement takes as much again."""


def state_key(slot: int, place: int) -> str:
    """The name of a slot's state at every voter; the first one has `place` 0."""
    return f"log/main/{slot:016x}.{place}" if place else f"log/main/{slot:016x}"


class ProvenState(Struct, frozen=True):
    """A state with its proof. `previous`: the digest of the state before it in the row; b"" for the first."""

    promised: Ballot
    accepted: Ballot | None
    value: bytes | None
    announced: bytes | None
    previous: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Placed:
    """A state at its place (zero-based) in a voter's row. `digest` (32 bytes) names it."""

    state: SlotState
    place: int
    digest: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ProvenState)


class StateCodec:
    """Encodes the states that this store's gateways write to one voter, and decodes only those."""

    def __init__(self, seal: Seal, voter: str) -> None:
        self._seal = seal
        self._voter = voter.encode()

    def encode(self, slot: int, after: Placed | None, state: SlotState) -> tuple[Placed, bytes]:
        """The state as the one after `after` in the row for `slot`, and its bytes."""
        place, previous = (0, b"") if after is None else (after.place + 1, after.digest)
        claim = self._claim(slot, place, previous, state)
        proven = ProvenState(
            state.promised,
            state.accepted,
            state.value,
            state.announced,
            previous,
            self._seal.seal(b"", claim),
        )
        data = _encoder.encode(proven)
        assert len(data) <= STATE_BYTES_MAX, "no gateway could read it again"
        return Placed(state, place, hashlib.sha256(claim).digest()), data

    def decode(self, slot: int, after: Placed | None, data: bytes) -> Placed:
        """The state in `data`, which follows `after` in the row.

        Raises `Tampered` unless a gateway wrote it to exactly this place after exactly this state. That also
        excludes late requests from before an erasure.
        """
        place, previous = (0, b"") if after is None else (after.place + 1, after.digest)
        try:
            proven = decode_proven(data)
        except msgspec.DecodeError as error:
            raise Tampered(f"{state_key(slot, place)} is damaged: {error}") from error
        if proven.previous != previous:
            raise Tampered(f"{state_key(slot, place)} does not follow the state before it")
        state = SlotState(proven.promised, proven.accepted, proven.value, proven.announced)
        claim = self._claim(slot, place, previous, state)
        self._seal.open(proven.proof, claim)
        return Placed(state, place, hashlib.sha256(claim).digest())

    def _claim(self, slot: int, place: int, previous: bytes, state: SlotState) -> bytes:
        digest = hashlib.sha256(_encoder.encode(state)).digest()
        return b"outlast state %s %s %s %s" % (
            self._voter,
            state_key(slot, place).encode(),
            previous,
            digest,
        )


def decode_proven(data: bytes) -> ProvenState:
    """A state whose proof has not been verified. Raises `msgspec.DecodeError` (a `ValueError`).

    Accepts only states that an acceptor can be in.
    """
    if len(data) > STATE_BYTES_MAX:
        raise msgspec.ValidationError("larger than any state")
    state = _decoder.decode(data)
    if (state.accepted is None) != (state.value is None):
        raise msgspec.ValidationError("a value without its ballot, or a ballot without its value")
    if state.accepted is not None and not Ballot(0, b"") <= state.accepted <= state.promised:
        raise msgspec.ValidationError("the accepted ballot was never promised")
    if not 0 <= state.promised.round <= ROUND_MAX:
        raise msgspec.ValidationError("there is no such round")
    return state


def decode_state(data: bytes) -> SlotState:
    """The unverified state in `data`, for reading a voter without the store's key. Raises `ValueError`."""
    proven = decode_proven(data)
    return SlotState(proven.promised, proven.accepted, proven.value, proven.announced)
