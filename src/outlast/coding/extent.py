"""The whole way of an extent: stripes of plaintext to fragments, fragments to stripes of plaintext.

Seal, then code, then check. Three layers, each for another adversary:

- the check (CRC32C over extent id, fragment index, stripe number and the share's bytes) tells at once
  *which* fragment was damaged, cut, or taken for another, by accident;
- the seal tells *whether* a stripe is what was written, whatever anybody did on purpose;
- when the seal fails although all checks pass, a provider has forged one. Then every other choice of k
  fragments is tried; the choice whose seal verifies shows what each share should have been, and so who lied.

The invariant: what `ExtentDecoder` returns is what was given to `ExtentEncoder`, or it raises. The size of
the extent is not stored in the fragments; it comes from the catalog, and is bound to the data key.

Nothing here knows of providers: fragment `i` is whatever the caller got from the place of fragment `i`.
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
"""What the names of all fragments begin with."""

_fragment_name = re.compile(r"x/[0-9a-f]{2}/([0-9a-f]{32})\.([0-9a-f]{2})")


def fragment_key(id: bytes, index: int) -> str:
    """The name of fragment `index` of the extent on its provider."""
    name = id.hex()
    return f"{FRAGMENTS_PREFIX}{name[:2]}/{name}.{index:02x}"


def parse_fragment_key(key: str) -> tuple[bytes, int] | None:
    """The extent's id and the fragment's index, if that is the name of a fragment."""
    found = _fragment_name.fullmatch(key)
    return None if found is None else (bytes.fromhex(found[1]), int(found[2], 16))


class ExtentEncoder:
    """Turns stripes into fragments. One instance, one extent, one thread at a time."""

    def __init__(self, store: bytes, id: bytes, data_key: bytes, k: int, m: int) -> None:
        """`store`, `id`: 16 bytes; `data_key`: 32 bytes, random, of this extent alone."""
        self._seal = StripeSeal(data_key, store, id)
        self._erasure = erasure(k, m)
        self._seeds = _check_seeds(id, k + m)
        self._stripes = 0
        self.size = 0
        """Bytes of plaintext added so far."""
        self.fragments: list[list[Buffer]] = [[] for _ in range(k + m)]
        """For each fragment its content so far, in buffers to be written one after another."""

    def add(self, stripe: Buffer) -> None:
        """Append a stripe of `limits.stripe_bytes`; only the last may be shorter, none empty."""
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

    `parts` maps the index of a fragment to the bytes got from its place; at least k are needed. The methods
    that take them raise `BadShares` naming those that are damaged: leave these out and call again, with
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
        """The bytes [start, stop) to get from each fragment for these stripes."""
        return self._geometry.fragment_span(stripes)

    def fragment_bytes(self) -> int:
        """The length of each whole fragment."""
        return self._geometry.fragment_bytes

    def decode(self, stripes: range, parts: Mapping[int, Buffer]) -> list[bytes]:
        """The plaintext of each of `stripes`; every part is the `fragment_span` of its fragment."""
        rows = self._checked(stripes, parts)
        try:
            return [self._seal.open(stripe, self._sealed(stripe, row)) for stripe, row in rows]
        except Tampered:
            raise BadShares(self._liars(rows)) from None

    def rebuild_fragment(self, index: int, parts: Mapping[int, Buffer]) -> list[Buffer]:
        """Fragment `index` as it was first written, in buffers, from whole fragments.

        The seals are verified on the way, so that a forged share never finds its way into a new fragment.
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
        """Compare whole fragments with what they must be, to the byte. Finds forgery as well as damage."""
        if bad := self._liars(self._checked(self._whole, parts)):
            raise BadShares(bad)

    def intact(self, index: int, fragment: Buffer) -> bool:
        """Whether one whole fragment has its length and its checks hold. Finds damage, not forgery."""
        try:
            self._checked(self._whole, {index: fragment})
        except BadShares:
            return False
        return True

    def _checked(
        self, stripes: range, parts: Mapping[int, Buffer]
    ) -> list[tuple[int, dict[int, memoryview]]]:
        """Each stripe with its shares by fragment index. Raises `BadShares` by lengths and checks alone."""
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
        """Whose shares are not what they must be, though their checks hold. Raises `Tampered`."""
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
    """For each fragment the CRC32C to start from, so that a check holds in its own fragment alone."""
    return [crc32c(id + bytes((index,))) for index in range(n)]


def _check(seed: int, number: bytes, share: Buffer) -> bytes:
    """The check of a share, as stored before it; `number` is its stripe's, in 4 bytes."""
    check: int = crc32c(share, crc32c(number, seed))
    return check.to_bytes(CHECK_BYTES, "big")
