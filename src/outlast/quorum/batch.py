"""What a slot's value is: a batch of opaque records, chained to the one before, and sealed.

The chain: each batch carries the hash of the sealed value before it. One accepted value at slot s+1
therefore proves which value was decided at slot s, and a history cannot be changed, cut in the middle, or
reordered without every later value showing it. The seal (a store key, bound to the slot's number)
proves that a gateway of this store wrote it, and hides it from the providers.

Records come in *submissions*: those that one gateway submits as a unit. A batch holds its proposer's
own and those that others have announced (`quorum.announcement`). A submission is decided at most once.
"""

import hashlib
from typing import Protocol

import msgspec

from outlast.base import limits
from outlast.base.wire import Struct, not_known

GENESIS_HASH = bytes(32)
"""What slot 0 names as the hash before it."""

# Opened values that are kept come to so much at most; each counts for a little more than its bytes.
KEPT_BYTES_MAX = 16 * limits.MIB
KEPT_BYTES_EACH = limits.KIB


class Submission(Struct, frozen=True):
    """Records of one gateway. (gateway, sequence) names the submission wherever it is decided."""

    gateway: bytes
    sequence: int
    records: tuple[bytes, ...]

    @property
    def name(self) -> tuple[bytes, int]:
        return self.gateway, self.sequence

    @property
    def size(self) -> int:
        """Bytes of all records."""
        return sum(map(len, self.records))


class Batch(Struct, frozen=True):
    """`previous`: the hash before. `proposer`: the gateway that owns round 0 of the next slot (16 bytes)."""

    previous: bytes
    proposer: bytes
    submissions: tuple[Submission, ...]

    @property
    def records(self) -> tuple[bytes, ...]:
        """The records of all submissions, in order."""
        return tuple(record for submission in self.submissions for record in submission.records)


class Seal(Protocol):
    """Seals and opens values; `open` raises `Tampered`. The log is given one, and knows no more of keys."""

    def seal(self, plaintext: bytes, aad: bytes) -> bytes: ...

    def open(self, sealed: bytes, aad: bytes) -> bytes: ...


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)


def _bound_to(slot: int) -> bytes:
    return b"outlast log/main/%016x" % slot


def seal_batch(seal: Seal, slot: int, batch: Batch) -> bytes:
    """The value that stands for `batch` at `slot`, and nowhere else."""
    return seal.seal(_encoder.encode(batch), _bound_to(slot))


def open_batch(seal: Seal, slot: int, value: bytes) -> Batch:
    """The batch in `value`.

    Raises `Tampered` if it was not sealed for this slot by this store, `ConfigError` if a later version did.
    """
    try:
        return _decoder.decode(seal.open(value, _bound_to(slot)))
    except msgspec.ValidationError as error:
        raise not_known("a batch", error) from error


def value_hash(value: bytes) -> bytes:
    """The link of the chain: SHA-256 of a sealed value (32 bytes)."""
    return hashlib.sha256(value).digest()


class Opener:
    """Opens values. The latest are kept until they are applied: several voters' copies are opened once."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._kept: dict[int, tuple[bytes, Batch]] = {}
        self._kept_bytes = 0

    def __call__(self, slot: int, value: bytes) -> Batch:
        """The batch in a value. Raises `Tampered`."""
        kept = self._kept.get(slot)
        if kept is not None and kept[0] == value:
            return kept[1]
        batch = open_batch(self._seal, slot, value)
        self.keep(slot, value, batch)
        return batch

    def keep(self, slot: int, value: bytes, batch: Batch) -> None:
        """Remember what a value holds, for when it comes back."""
        self.forget(slot)
        self._kept_bytes += len(value) + KEPT_BYTES_EACH
        if self._kept_bytes > KEPT_BYTES_MAX:
            self._kept.clear()
            self._kept_bytes = len(value) + KEPT_BYTES_EACH
        self._kept[slot] = value, batch

    def forget(self, slot: int) -> None:
        """The slot has been applied."""
        if (kept := self._kept.pop(slot, None)) is not None:
            self._kept_bytes -= len(kept[0]) + KEPT_BYTES_EACH
