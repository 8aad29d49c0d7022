"""Encoding and decoding of an extent: stripes of plaintext to fragments, and fragments back to stripes.

Seal, then code, then add a check. Three layers, each against a different adversary:

- The check (CRC32C over extent id, fragment index, stripe number, and the share's bytes) shows immediately
  *which* fragment was accidentally damaged, truncated, or mistaken for another.
- The seal shows *whether* a stripe is what was written, whatever anyone did on purpose.
- When the seal fails although all checks pass, a provider has forged a share. Then every other choice of k
  fragments is tried. The choice whose seal verifies shows what each share should have been, and so which
  providers lied.

The invariant: `ExtentDecoder` returns what was given to `ExtentEncoder`, or raises. The size of the extent is
not stored in the fragments; it comes from the catalog and is bound to the data key.

This module does not know providers: fragment `i` is whatever the caller got from the place of fragment `i`.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations

from awscrt.checksums import crc32c

from outlast.base import limits
from outlast.base.errors import BadShares, Tampered
from outlast.coding.erasure import Buffer, erasure
from outlast.coding.geometry import CHECK_BYTES, Geometry
from outlast.coding.seal import StripeSeal

FRAGMENTS_PREFIX = "x/"
"""The prefix of all fragment names."""

_fragment_name = re.compile(r"x/[0-9a-f]{2}/([0-9a-f]{32})\.([0-9a-f]{2})")


def fragment_key(id: bytes, index: int) -> str:
    """The name of fragment `index` of the extent on its provider."""
    name = id.hex()
    return f"{FRAGMENTS_PREFIX}{name[:2]}/{name}.{index:02x}"


def parse_fragment_key(key: str) -> tuple[bytes, int] | None:
    """The extent's id and the fragment's index, or None if `key` is not the name of a fragment."""
    found = _fragment_name.fullmatch(key)
    return None if found is None else (bytes.fromhex(found[1]), int(found[2], 16))


class ExtentEncoder:
    """Turns stripes into fragments. Each instance is for one extent and one thread at a time."""

    def __init__(self, store: bytes, id: bytes, data_key: bytes, k: int, m: int) -> None:
        """`store`, `id`: 16 bytes; `data_key`: 32 random bytes for this extent alone."""
        self._seal = StripeSeal(data_key, store, id)
        self._erasure = erasure(k, m)
        self._seeds = _check_seeds(id, k + m)
        self._stripes = 0
        self.size = 0
        """Bytes of plaintext added so far."""
        self.fragments: list[list[Buffer]] = [[] for _ in range(k + m)]
        """The content so far of each fragment, as consecutive buffers."""

    def add(self, stripe: Buffer) -> None:
        """Append a stripe of `limits.stripe_bytes`; only the last may be shorter, and none may be empty."""
        assert 0 < len(stripe) <= limits.stripe_bytes and self.size == self._stripes * limits.stripe_bytes
        assert self.size + len(stripe) <= limits.extent_bytes_max
        shares = self._erasure.encode(self._seal.seal(self._stripes, stripe))
        number = self._stripes.to_bytes(4, "big")
        for fragment, seed, share in zip(self.fragments, self._seeds, shares, strict=True):
            fragment += (_check(seed, number, share), share)
        self._stripes += 1
        self.size += len(stripe)


class ExtentDecoder:
    """Turns fragments, or spans of them, back into stripes. Safe to share between threads.

    `parts` maps the index of a fragment to the bytes read from its place; at least k are needed. The methods
    that take them raise `BadShares`, which names the damaged parts: leave these out and call again, with
    others if fewer than k remain. They raise `Tampered` when a seal fails and no choice of k of these parts
    verifies: call again with more parts, or give up.
    """

    def __init__(self, store: bytes, id: bytes, size: int, data_key: bytes, k: int, m: int) -> None:
        """As for `ExtentEncoder`; `size` is the extent's length in bytes of plaintext."""
        self._seal = StripeSeal(data_key, store, id)
        self._erasure = erasure(k, m)
        self._seeds = _check_seeds(id, k + m)
        self._geometry = Geometry(size, k)
        self._whole = range(self._geometry.stripes)

    def stripes_for(self, start: int, stop: int) -> range:
        """The stripes that hold the plaintext bytes [start, stop), which must not be empty."""
        return self._geometry.stripes_for(start, stop)

    def fragment_span(self, stripes: range) -> tuple[int, int]:
        """The bytes [start, stop) to read from each fragment for these stripes."""
        return self._geometry.fragment_span(stripes)

    def fragment_bytes(self) -> int:
        """The length of each whole fragment."""
        return self._geometry.fragment_bytes

    def decode(self, stripes: range, parts: Mapping[int, Buffer]) -> list[bytes]:
        """The plaintext of each of `stripes`; every part must be the `fragment_span` of its fragment."""
        rows = self._checked(stripes, parts)
        try:
            return [self._seal.open(stripe, self._sealed(stripe, row)) for stripe, row in rows]
        except Tampered:
            raise BadShares(self._liars(rows)) from None

    def rebuild_fragment(self, index: int, parts: Mapping[int, Buffer]) -> list[Buffer]:
        """Fragment `index` as it was first written, as buffers, from whole fragments.

        The seals are verified, so that a forged share never gets into a new fragment.
        """
        rows = self._checked(self._whole, parts)
        fragment: list[Buffer] = []
        for stripe, row in rows:
            sealed = self._sealed(stripe, row)
            try:
                self._seal.open(stripe, sealed)
            except Tampered:
                raise BadShares(self._liars(rows)) from None
            share = self._erasure.encode(sealed)[index]
            fragment += (_check(self._seeds[index], stripe.to_bytes(4, "big"), share), share)
        return fragment

    def verify(self, parts: Mapping[int, Buffer]) -> None:
        """Compare whole fragments with what they must be, byte by byte. Detects forgery as well as damage."""
        if bad := self._liars(self._checked(self._whole, parts)):
            raise BadShares(bad)

    def intact(self, index: int, fragment: Buffer) -> bool:
        """Whether a whole fragment has the right length and its checks hold. Detects damage, not forgery."""
        try:
            self._checked(self._whole, {index: fragment})
        except BadShares:
            return False
        return True

    def _checked(
        self, stripes: range, parts: Mapping[int, Buffer]
    ) -> list[tuple[int, dict[int, memoryview]]]:
        """Each stripe with its shares by fragment index. Raises `BadShares` for wrong lengths and checks."""
        start, stop = self._geometry.fragment_span(stripes)
        bad = {index for index, part in parts.items() if len(part) != stop - start}
        views = [(index, memoryview(parts[index])) for index in sorted(parts) if index not in bad]
        rows = []
        offset = 0
        for stripe in stripes:
            body, end = offset + CHECK_BYTES, offset + self._geometry.stored_bytes(stripe)
            number = stripe.to_bytes(4, "big")
            row = {index: view[body:end] for index, view in views}
            bad |= {i for i, view in views if view[offset:body] != _check(self._seeds[i], number, row[i])}
            rows.append((stripe, row))
            offset = end
        if bad:
            raise BadShares(frozenset(bad))
        return rows

    def _sealed(self, stripe: int, row: Mapping[int, memoryview]) -> Buffer:
        """The sealed stripe from the first k shares; not verified."""
        return self._erasure.decode(row, self._geometry.sealed_bytes(stripe))

    def _liars(self, rows: Sequence[tuple[int, dict[int, memoryview]]]) -> frozenset[int]:
        """Fragments whose shares are not what they must be, although their checks hold. Raises `Tampered`."""
        return frozenset().union(*(self._differing(self._found(stripe, row), row) for stripe, row in rows))

    def _found(self, stripe: int, row: Mapping[int, memoryview]) -> Buffer:
        """The sealed stripe, from the first choice of k shares whose seal verifies. Raises `Tampered`."""
        for chosen in combinations(sorted(row), self._erasure.k):
            sealed = self._sealed(stripe, {index: row[index] for index in chosen})
            try:
                self._seal.open(stripe, sealed)
            except Tampered:
                continue
            return sealed
        raise Tampered(f"stripe {stripe}: no choice of {self._erasure.k} of fragments {sorted(row)} verifies")

    def _differing(self, sealed: Buffer, row: Mapping[int, memoryview]) -> frozenset[int]:
        """Which shares are not what this sealed stripe encodes to."""
        right = self._erasure.encode(sealed)
        return frozenset(index for index, share in row.items() if bytes(share) != bytes(right[index]))


def _check_seeds(id: bytes, n: int) -> list[int]:
    """The initial CRC32C of each fragment, so that a check holds only in its own fragment."""
    return [crc32c(id + bytes((index,))) for index in range(n)]


def _check(seed: int, number: bytes, share: Buffer) -> bytes:
    """The check of a share, as stored before it; `number` is its stripe's number in 4 bytes."""
    check: int = crc32c(share, crc32c(number, seed))
    return check.to_bytes(CHECK_BYTES, "big")
