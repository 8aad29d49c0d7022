"""Reed-Solomon: k + m shares, any k of which restore the bytes.

The first k shares are the bytes themselves, cut into k equal pieces (the last padded with zeros); the
other m are parity. So an ordinary read joins k pieces and computes nothing. With k = 1 every share is a copy.

Only the pieces and the parity are stored. ISA-L does the work through `pyeclib`, which expects its own header
before each share; that header is generated here for each use and never stored. So the format depends on the
mathematics alone (docs/internals/formats/fragment.md), and nothing that a provider sends reaches the C
library's header parser, which aborts the process on some bad headers.

Nothing is checked here: damaged shares give wrong bytes. `extent` adds the checks.

The matrix is ISA-L's Vandermonde matrix: parity row r is 1, g, g^2, ... for g = 2^r over GF(2^8) modulo
x^8 + x^4 + x^3 + x^2 + 1. It can restore any loss of m shares within `K_MAX`, `M_MAX` (a test covers every
case).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from pyeclib.ec_iface import ECDriver

Buffer: TypeAlias = bytes | bytearray | memoryview

K_MAX = 16
M_MAX = 4
_HEADER_BYTES = 80


class Erasure:
    """One layout. Instances are stateless except for a cache, and may be shared between threads."""

    def __init__(self, k: int, m: int) -> None:
        assert 1 <= k <= K_MAX and 0 <= m <= M_MAX
        self.k = k
        self.m = m
        self.n = k + m
        self._driver = ECDriver(k=k, m=m, ec_type="isa_l_rs_vand") if k > 1 and m > 0 else None
        self._headers = lru_cache(maxsize=64)(self._make_headers)

    def share_bytes(self, size: int) -> int:
        """The size of each share of `size` bytes."""
        return -(-size // self.k)

    def encode(self, data: Buffer) -> list[Buffer]:
        """All n shares of `data`, which must not be empty. Some may be views of `data` itself."""
        assert data
        if self.k == 1:
            return [data] * self.n
        if self._driver is None:
            return self._cut(data)
        return [memoryview(share)[_HEADER_BYTES:] for share in self._driver.encode(bytes(data))]

    def decode(self, shares: Mapping[int, Buffer], size: int) -> Buffer:
        """Restore the `size` bytes from their shares, using the first k in order of index.

        There must be at least k, each `share_bytes(size)` long.
        """
        used = sorted(shares)[: self.k]
        length = self.share_bytes(size)
        assert len(used) == self.k and all(len(shares[index]) == length for index in used)
        if self.k == 1:
            return shares[used[0]]
        if used[-1] < self.k:
            return b"".join(memoryview(shares[i])[: max(0, size - i * length)] for i in used)
        assert self._driver is not None
        headers = self._headers(size)
        decoded: bytes = self._driver.decode([b"".join((headers[i], shares[i])) for i in used])
        return decoded

    def _cut(self, data: Buffer) -> list[Buffer]:
        length = self.share_bytes(len(data))
        view = memoryview(data)
        whole = [view[i * length : (i + 1) * length] for i in range(self.k)]
        return [piece if len(piece) == length else bytes(piece).ljust(length, b"\0") for piece in whole]

    def _make_headers(self, size: int) -> list[bytes]:
        """What `pyeclib` puts before each share of `size` bytes; it does not depend on the bytes."""
        assert self._driver is not None
        return [bytes(share[:_HEADER_BYTES]) for share in self._driver.encode(bytes(size))]


@lru_cache(maxsize=64)
def erasure(k: int, m: int) -> Erasure:
    """The shared instance for a layout."""
    return Erasure(k, m)
