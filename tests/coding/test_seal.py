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
