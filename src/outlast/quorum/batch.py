"""A slot's value: a sealed batch of opaque records, chained to the one before.

The chain: each batch carries the hash of the sealed value before it. One accepted value at slot s+1
therefore proves which value was decided at slot s, and a history cannot be changed, cut in the middle, or
reordered without every later value showing it. The seal (a store key, bound to the slot's number) proves that
a gateway of this store wrote the value, and hides it from the providers.

Records come in *submissions*: the records that one gateway submits as a unit. A batch holds its proposer's
own submissions and those that other gateways have announced (`quorum.announcement`). A submission is decided
at most once.
"""

import hashlib
from typing import Protocol

import msgspec

from outlast.base import limits
from outlast.base.wire import Struct, not_known

GENESIS_HASH = bytes(32)
"""The previous hash in slot 0."""

# The limit for all opened values that are kept; each counts for a little more than its bytes.
KEPT_BYTES_MAX = 16 * limits.MIB
KEPT_BYTES_EACH = limits.KIB


class Submission(Struct, frozen=True):
    """Records of one gateway. (gateway, sequence) identifies the submission wherever it is decided."""

    gateway: bytes
    sequence: int
    records: tuple[bytes, ...]

    @property
    def name(self) -> tuple[bytes, int]:
        return self.gateway, self.sequence

    @property
    def size(self) -> int:
        """The total bytes of all records."""
        return sum(map(len, self.records))


class Batch(Struct, frozen=True):
    """`previous`: the previous hash. `proposer`: the owner of round 0 of the next slot (16 bytes)."""

    previous: bytes
    proposer: bytes
    submissions: tuple[Submission, ...]

    @property
    def records(self) -> tuple[bytes, ...]:
        """The records of all submissions, in order."""
        return tuple(record for submission in self.submissions for record in submission.records)


class Seal(Protocol):
    """Seals and opens values; `open` raises `Tampered`. All that the log knows about keys."""

    def seal(self, plaintext: bytes, aad: bytes) -> bytes: ...

    def open(self, sealed: bytes, aad: bytes) -> bytes: ...


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)


def _bound_to(slot: int) -> bytes:
    return b"outlast log/main/%016x" % slot


def seal_batch(seal: Seal, slot: int, batch: Batch) -> bytes:
    """The value that represents `batch` at `slot`, and at no other slot."""
    return seal.seal(_encoder.encode(batch), _bound_to(slot))


def open_batch(seal: Seal, slot: int, value: bytes) -> Batch:
    """The batch in `value`.

    Raises `Tampered` if this store did not seal it for this slot, `ConfigError` if a later version wrote it.
    """
    try:
        return _decoder.decode(seal.open(value, _bound_to(slot)))
    except msgspec.ValidationError as error:
        raise not_known("a batch", error) from error


def value_hash(value: bytes) -> bytes:
    """The link of the chain: SHA-256 of a sealed value (32 bytes)."""
    return hashlib.sha256(value).digest()


class Opener:
    """Opens values. Keeps the latest until they are applied, to open several voters' copies only once."""

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
        """Remember the batch of a value that will be opened later."""
        self.forget(slot)
        self._kept_bytes += len(value) + KEPT_BYTES_EACH
        if self._kept_bytes > KEPT_BYTES_MAX:
            self._kept.clear()
            self._kept_bytes = len(value) + KEPT_BYTES_EACH
        self._kept[slot] = value, batch

    def forget(self, slot: int) -> None:
        """Drop the slot's batch: it has been applied."""
        if (kept := self._kept.pop(slot, None)) is not None:
            self._kept_bytes -= len(kept[0]) + KEPT_BYTES_EACH
