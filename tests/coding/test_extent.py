"""Extents: plaintext stripes to fragments and back."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.base import limits
from outlast.base.entropy import SeededEntropy
from outlast.base.errors import BadShares
from outlast.coding.extent import ExtentDecoder, ExtentEncoder, fragment_key

LAYOUTS = [(1, 0), (1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (4, 2), (4, 4)]
STORE, EXTENT, KEY = b"s" * 16, b"e" * 16, bytes(range(32))


def content(size: int) -> bytes:
    return SeededEntropy(size).bytes(size)


def stripes_of(data: bytes) -> list[bytes]:
    return [data[at : at + limits.stripe_bytes] for at in range(0, len(data), limits.stripe_bytes)]


def fragments_of(data: bytes, k: int, m: int) -> list[bytes]:
    encoder = ExtentEncoder(STORE, EXTENT, KEY, k, m)
    for stripe in stripes_of(data):
        encoder.add(stripe)
    assert encoder.size == len(data)
    return [b"".join(fragment) for fragment in encoder.fragments]


def decoder_of(data: bytes, k: int, m: int) -> ExtentDecoder:
    return ExtentDecoder(STORE, EXTENT, len(data), KEY, k, m)


@pytest.mark.parametrize(("k", "m"), LAYOUTS)
@pytest.mark.parametrize("size", [1, 2, 17, 4096, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20 + 12345])
def test_any_k_fragments_give_the_extent_back(k: int, m: int, size: int) -> None:
    data = content(size)
    fragments, decoder = fragments_of(data, k, m), decoder_of(data, k, m)
    assert {len(fragment) for fragment in fragments} == {decoder.fragment_bytes()}
    whole = decoder.stripes_for(0, size)
    for chosen in combinations(range(k + m), k):
        assert b"".join(decoder.decode(whole, {i: fragments[i] for i in chosen})) == data
