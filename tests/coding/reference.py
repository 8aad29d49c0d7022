"""The stored format read by its specification alone: docs/internals/formats/fragment.md in plain Python.

Written without `outlast.coding`, so that the two can only agree if the specification is complete. Slow.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

STRIPE, TAG, CHECK = 1 << 20, 16, 4


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli), bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def times(a: int, b: int) -> int:
    """The product in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x11D
        b >>= 1
    return product


def inverse(a: int) -> int:
    return next(b for b in range(1, 256) if times(a, b) == 1)


def row(index: int, k: int) -> list[int]:
    """The coefficients that make share `index` of the k pieces."""
    if index < k:
        return [int(column == index) for column in range(k)]
    g = 1
    for _ in range(index - k):
        g = times(g, 2)
    coefficients = [1]
    for _ in range(k - 1):
        coefficients.append(times(coefficients[-1], g))
    return coefficients


def inverted(matrix: Sequence[Sequence[int]]) -> list[list[int]] | None:
    """The inverse by Gauss and Jordan; None if there is none."""
    n = len(matrix)
    work = [list(line) + [int(i == j) for j in range(n)] for i, line in enumerate(matrix)]
    for column in range(n):
        pivot = next((line for line in range(column, n) if work[line][column]), None)
        if pivot is None:
            return None
        work[column], work[pivot] = work[pivot], work[column]
        scale = inverse(work[column][column])
        work[column] = [times(value, scale) for value in work[column]]
        for line in range(n):
            if line != column and (factor := work[line][column]):
                work[line] = [a ^ times(factor, b) for a, b in zip(work[line], work[column], strict=True)]
    return [line[n:] for line in work]


def combined(coefficients: Sequence[int], pieces: Sequence[bytes]) -> bytes:
    """The sum of the pieces, each times its coefficient, byte by byte."""
    total = 0
    for coefficient, piece in zip(coefficients, pieces, strict=True):
        table = bytes(times(coefficient, value) for value in range(256))
        total ^= int.from_bytes(piece.translate(table), "big")
    return total.to_bytes(len(pieces[0]), "big")


def joined(shares: Mapping[int, bytes], k: int, size: int) -> bytes:
    """The `size` bytes from k of their shares."""
    chosen = sorted(shares)[:k]
    back = inverted([row(index, k) for index in chosen])
    assert back is not None
    return b"".join(combined(line, [shares[index] for index in chosen]) for line in back)[:size]


def sealed_stripes(fragments: Mapping[int, bytes], extent: bytes, size: int, k: int) -> list[bytes]:
    """The sealed stripes of an extent from k of its fragments, every check looked at."""
    starts = [*range(0, size, STRIPE), size]
    stripes, at = [], 0
    for number, (start, stop) in enumerate(pairwise(starts)):
        sealed_size = stop - start + TAG
        length = -(-sealed_size // k)
        shares = {}
        for index, fragment in fragments.items():
            check, share = fragment[at : at + CHECK], fragment[at + CHECK : at + CHECK + length]
            context = extent + bytes((index,)) + number.to_bytes(4, "big")
            assert int.from_bytes(check, "big") == crc32c(context + share)
            shares[index] = share
        stripes.append(joined(shares, k, sealed_size))
        at += CHECK + length
    assert all(len(fragment) == at for fragment in fragments.values())
    return stripes
