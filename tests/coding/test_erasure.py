"""Reed-Solomon: any k of the k + m shares give the bytes back."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.coding import reference

from outlast.coding.erasure import K_MAX, M_MAX, Erasure, erasure

LAYOUTS = [(1, 0), (1, 1), (1, 4), (2, 0), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1), (4, 2), (4, 4), (16, 4)]


@pytest.mark.parametrize(("k", "m"), LAYOUTS)
@pytest.mark.parametrize("size", [1, 2, 5, 16, 17, 1000, 4099])
def test_every_pattern_of_m_losses_is_restored(k: int, m: int, size: int) -> None:
    code, data = erasure(k, m), bytes(i * 7 & 255 for i in range(size))
    shares = code.encode(data)
    assert len(shares) == k + m
    assert {len(share) for share in shares} == {code.share_bytes(size)}
    for kept in combinations(range(k + m), k):
        assert bytes(code.decode({i: shares[i] for i in kept}, size)) == data


@given(
    data=st.binary(min_size=1, max_size=300),
    k=st.integers(1, K_MAX),
    m=st.integers(0, M_MAX),
    view=st.sampled_from([bytes, bytearray, memoryview]),
)
def test_shares_are_the_mathematics_of_the_specification(data: bytes, k: int, m: int, view: type) -> None:
    length = -(-len(data) // k)
    padded = data.ljust(length * k, b"\0")
    pieces = [padded[i * length : (i + 1) * length] for i in range(k)]
    shares = [bytes(share) for share in erasure(k, m).encode(view(data))]
    assert shares[:k] == pieces
    for index in range(k, k + m):
        # With k = 1 a parity share is a copy, which is what the matrix says, too: its only column is ones.
        assert shares[index] == reference.combined(reference.row(index, k), pieces)


@pytest.mark.parametrize("m", range(1, M_MAX + 1))
def test_the_matrix_restores_every_loss_within_the_bounds(m: int) -> None:
    """Every square piece of the parity rows must be invertible; smaller k use a part of the widest rows."""
    rows = [reference.row(K_MAX + r, K_MAX) for r in range(m)]
    for size in range(1, m + 1):
        for chosen in combinations(rows, size):
            for columns in combinations(range(K_MAX), size):
                assert reference.inverted([[line[c] for c in columns] for line in chosen]) is not None


def test_more_shares_than_needed_are_no_harm() -> None:
    shares = erasure(2, 2).encode(b"some bytes")
    assert bytes(erasure(2, 2).decode(dict(enumerate(shares)), 10)) == b"some bytes"


def test_a_size_not_seen_before_is_decoded_from_parity_by_a_fresh_instance() -> None:
    shares = erasure(3, 2).encode(b"x" * 100)
    assert bytes(Erasure(3, 2).decode({2: shares[2], 3: shares[3], 4: shares[4]}, 100)) == b"x" * 100


def test_one_instance_serves_a_layout() -> None:
    assert erasure(2, 1) is erasure(2, 1)
