"""Extents for tests: one store, one key, contents that follow from a number."""

from dataclasses import dataclass
from functools import cached_property

from awscrt.checksums import crc32c

from outlast.base import limits
from outlast.base.entropy import SeededEntropy
from outlast.coding.extent import ExtentDecoder, ExtentEncoder

STORE = b"s" * 16
LAYOUTS = [(1, 0), (1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (4, 2), (4, 4)]
MIB = limits.stripe_bytes


@dataclass(frozen=True)
class Sample:
    """An extent of `size` bytes; its id, key and content follow from `seed`."""

    size: int
    k: int = 2
    m: int = 1
    seed: int = 1

    @cached_property
    def id(self) -> bytes:
        return SeededEntropy(self.seed).bytes(16)

    @cached_property
    def key(self) -> bytes:
        return SeededEntropy(self.seed + 1_000_000).bytes(32)

    @cached_property
    def data(self) -> bytes:
        return SeededEntropy(self.seed + 2_000_000).bytes(self.size)

    @cached_property
    def fragments(self) -> list[bytes]:
        """As the providers have them."""
        return encoded(self.data, self.id, self.key, self.k, self.m)

    @cached_property
    def decoder(self) -> ExtentDecoder:
        return ExtentDecoder(STORE, self.id, self.size, self.key, self.k, self.m)

    @property
    def whole(self) -> range:
        return self.decoder.stripes_for(0, self.size)

    def parts(self, *indices: int) -> dict[int, bytes]:
        """Whole fragments, as got from the providers; all when no index is given."""
        return {i: self.fragments[i] for i in indices or range(self.k + self.m)}

    def read(self, parts: dict[int, bytes]) -> bytes:
        return b"".join(self.decoder.decode(self.whole, parts))


def encoded(data: bytes, id: bytes, key: bytes, k: int, m: int) -> list[bytes]:
    encoder = ExtentEncoder(STORE, id, key, k, m)
    for at in range(0, len(data), MIB):
        encoder.add(memoryview(data)[at : at + MIB])
    assert encoder.size == len(data)
    return [b"".join(fragment) for fragment in encoder.fragments]


def flipped(fragment: bytes, at: int) -> bytes:
    """With one bit changed."""
    return fragment[:at] + bytes((fragment[at] ^ 1,)) + fragment[at + 1 :]


def forged(sample: Sample, index: int, stripe: int, at: int = 0, fragment: bytes | None = None) -> bytes:
    """Fragment `index` with a byte of one share changed and its check made right again, as a liar would."""
    start, stop = sample.decoder.fragment_span(range(stripe, stripe + 1))
    fragment = sample.fragments[index] if fragment is None else fragment
    share = flipped(fragment[start + 4 : stop], at)
    check = crc32c(sample.id + bytes((index,)) + stripe.to_bytes(4, "big") + share)
    return fragment[:start] + check.to_bytes(4, "big") + share + fragment[stop:]
