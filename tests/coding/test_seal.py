"""Seals: what goes in comes out, for the right key and purpose only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.base.entropy import SeededEntropy
from outlast.base.errors import Tampered
from outlast.coding.seal import BOX_OVERHEAD_BYTES, TAG_BYTES, Box, StripeSeal, unwrap_key, wrap_key

KEY = bytes(range(32))
STORE, EXTENT = b"s" * 16, b"e" * 16


class FixedNonce(SeededEntropy):
    """Always the nonce of the published vectors."""

    def bytes(self, count: int) -> bytes:
        return b"ABCDEFGHIJKLMNOPQRSTUVWX"[:count]


@pytest.mark.parametrize(
    ("key", "aad", "expected"),
    [
        (b"\1" * 32, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (b"\3" * 32, b"c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
    ],
)
def test_box_agrees_with_the_published_xaes_vectors(key: bytes, aad: bytes, expected: str) -> None:
    sealed = Box(key, FixedNonce(0)).seal(b"XAES-256-GCM", aad)
    assert sealed == b"\1ABCDEFGHIJKLMNOPQRSTUVWX" + bytes.fromhex(expected)


@given(plaintext=st.binary(max_size=300), aad=st.binary(max_size=40), seed=st.integers(0, 2**32))
def test_a_box_opens_what_it_sealed(plaintext: bytes, aad: bytes, seed: int) -> None:
    sealed = Box(KEY, SeededEntropy(seed)).seal(plaintext, aad)
    assert len(sealed) == len(plaintext) + BOX_OVERHEAD_BYTES
    assert Box(KEY, SeededEntropy(0)).open(memoryview(sealed), aad) == plaintext


def test_the_same_message_is_never_sealed_to_the_same_bytes() -> None:
    box = Box(KEY, SeededEntropy(1))
    assert len({box.seal(b"message", b"") for _ in range(50)}) == 50


@given(at=st.integers(0, 6 + BOX_OVERHEAD_BYTES), bit=st.integers(0, 7))
def test_a_box_message_with_any_bit_changed_does_not_open(at: int, bit: int) -> None:
    sealed = bytearray(Box(KEY, SeededEntropy(1)).seal(b"message", b"aad"))
    sealed[at] ^= 1 << bit
    with pytest.raises(Tampered):
        Box(KEY, SeededEntropy(1)).open(bytes(sealed), b"aad")


@given(length=st.integers(0, 6 + BOX_OVERHEAD_BYTES))
def test_a_box_message_cut_short_does_not_open(length: int) -> None:
    sealed = Box(KEY, SeededEntropy(1)).seal(b"message", b"aad")
    with pytest.raises(Tampered):
        Box(KEY, SeededEntropy(1)).open(sealed[:length], b"aad")


def test_a_box_message_opens_neither_for_another_purpose_nor_with_another_key() -> None:
    sealed = Box(KEY, SeededEntropy(1)).seal(b"message", b"aad")
    with pytest.raises(Tampered):
        Box(KEY, SeededEntropy(1)).open(sealed, b"another")
    with pytest.raises(Tampered):
        Box(bytes(32), SeededEntropy(1)).open(sealed, b"aad")


@given(plaintext=st.binary(min_size=1, max_size=300), number=st.integers(0, 15))
def test_a_stripe_opens_under_its_own_number_only(plaintext: bytes, number: int) -> None:
    seal = StripeSeal(KEY, STORE, EXTENT)
    sealed = seal.seal(number, plaintext)
    assert len(sealed) == len(plaintext) + TAG_BYTES
    assert seal.open(number, sealed) == plaintext
    for other in set(range(16)) - {number}:
        with pytest.raises(Tampered):
            seal.open(other, sealed)


@pytest.mark.parametrize(
    ("key", "store", "extent"),
    [(bytes(32), STORE, EXTENT), (KEY, EXTENT, EXTENT), (KEY, STORE, STORE)],
)
def test_a_stripe_opens_with_its_key_store_and_extent_only(key: bytes, store: bytes, extent: bytes) -> None:
    sealed = StripeSeal(KEY, STORE, EXTENT).seal(0, b"plaintext")
    with pytest.raises(Tampered):
        StripeSeal(key, store, extent).open(0, sealed)


def test_a_wrapped_key_opens_for_its_extent_size_and_layout_only() -> None:
    box = Box(KEY, SeededEntropy(1))
    wrapped = wrap_key(box, bytes(32), EXTENT, 1000, 2, 1)
    assert unwrap_key(box, wrapped, EXTENT, 1000, 2, 1) == bytes(32)
    for wrong in [(STORE, 1000, 2, 1), (EXTENT, 1001, 2, 1), (EXTENT, 1000, 3, 1), (EXTENT, 1000, 2, 2)]:
        with pytest.raises(Tampered):
            unwrap_key(box, wrapped, *wrong)
