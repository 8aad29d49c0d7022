"""Offsets and lengths within the fragments of an extent: arithmetic only.

An extent of `size` bytes is cut into stripes of `limits.stripe_bytes`; the last may be shorter. Each stripe
is sealed (`TAG_BYTES` longer) and cut into shares of equal length, one for each fragment. A share is stored
as a check of `CHECK_BYTES` followed by its bytes. A fragment is its shares in stripe order and nothing else,
so the offset of each share follows from the extent's size and k.
"""

from outlast.base import limits
from outlast.coding.seal import TAG_BYTES

CHECK_BYTES = 4


class Geometry:
    """The lengths and offsets for an extent of `size` bytes (1 to `limits.extent_bytes_max`) cut k ways."""

    def __init__(self, size: int, k: int) -> None:
        assert 0 < size <= limits.extent_bytes_max and k >= 1
        self.size = size
        self.k = k
        self.stripes = -(-size // limits.stripe_bytes)
        self._full = self.stored_bytes(0) if self.stripes > 1 else 0
        self.fragment_bytes = self._full * (self.stripes - 1) + self.stored_bytes(self.stripes - 1)

    def plain_bytes(self, stripe: int) -> int:
        """The plaintext length of a stripe."""
        return min(limits.stripe_bytes, self.size - stripe * limits.stripe_bytes)

    def sealed_bytes(self, stripe: int) -> int:
        """The sealed length of a stripe."""
        return self.plain_bytes(stripe) + TAG_BYTES

    def stored_bytes(self, stripe: int) -> int:
        """The length of a stripe's share as stored, including its check."""
        return CHECK_BYTES + -(-self.sealed_bytes(stripe) // self.k)

    def stripes_for(self, start: int, stop: int) -> range:
        """The stripes that hold the plaintext bytes [start, stop)."""
        assert 0 <= start < stop <= self.size
        return range(start // limits.stripe_bytes, (stop - 1) // limits.stripe_bytes + 1)

    def fragment_span(self, stripes: range) -> tuple[int, int]:
        """The bytes [start, stop) of every fragment that hold the shares of these stripes."""
        assert 0 <= stripes.start < stripes.stop <= self.stripes and stripes.step == 1
        last = stripes.stop - 1
        return stripes.start * self._full, last * self._full + self.stored_bytes(last)
