"""Extents: plaintext stripes to fragments and back, when nobody does harm."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.coding.extents import LAYOUTS, MIB, STORE, Sample

from outlast.base import limits
from outlast.coding.extent import ExtentDecoder, ExtentEncoder, fragment_key
from outlast.coding.geometry import Geometry

SIZES = [1, 2, 17, 4096, MIB - 1, MIB, MIB + 1, 2 * MIB + 12345]


@pytest.mark.parametrize(("k", "m"), LAYOUTS)
@pytest.mark.parametrize("size", SIZES)
def test_any_k_fragments_give_the_extent_back(k: int, m: int, size: int) -> None:
    sample = Sample(size, k, m)
    for chosen in combinations(range(k + m), k):
        assert sample.read(sample.parts(*chosen)) == sample.data


@pytest.mark.parametrize(("k", "m"), LAYOUTS)
@pytest.mark.parametrize("size", [1, 4096, 2 * MIB + 12345])
def test_any_fragment_is_rebuilt_to_the_byte_from_k_others(k: int, m: int, size: int) -> None:
    sample = Sample(size, k, m)
    for lost in range(k + m):
        for chosen in list(combinations([i for i in range(k + m) if i != lost], k))[:4]:
            rebuilt = sample.decoder.rebuild_fragment(lost, sample.parts(*chosen))
            assert b"".join(rebuilt) == sample.fragments[lost]


@given(
    data=st.data(),
    layout=st.sampled_from([(1, 1), (2, 1), (3, 2)]),
    view=st.sampled_from([bytes, memoryview]),
)
def test_a_range_is_read_from_the_spans_of_its_stripes_alone(
    data: st.DataObject, layout: tuple[int, int], view: type
) -> None:
    sample = RANGED[layout]
    start = data.draw(st.integers(0, sample.size - 1))
    stop = data.draw(st.integers(start + 1, sample.size))
    stripes = sample.decoder.stripes_for(start, stop)
    first, last = sample.decoder.fragment_span(stripes)
    chosen = data.draw(st.sets(st.integers(0, sum(layout) - 1), min_size=sample.k))
    parts = {i: view(sample.fragments[i][first:last]) for i in chosen}
    plain = b"".join(sample.decoder.decode(stripes, parts))
    assert plain[start - stripes.start * MIB :][: stop - start] == sample.data[start:stop]
    assert len(plain) < stop - start + 2 * MIB


RANGED = {layout: Sample(3 * MIB + 333, *layout) for layout in [(1, 1), (2, 1), (3, 2)]}


def test_the_largest_extent_has_sixteen_stripes() -> None:
    decoder = ExtentDecoder(STORE, b"e" * 16, limits.extent_bytes_max, bytes(32), 2, 1)
    assert decoder.stripes_for(0, limits.extent_bytes_max) == range(16)
    assert decoder.fragment_bytes() == 16 * (4 + (MIB + 16) // 2)


@given(size=st.integers(1, limits.extent_bytes_max), k=st.integers(1, 8))
def test_the_spans_of_single_stripes_fill_a_fragment_without_gap(size: int, k: int) -> None:
    geometry = Geometry(size, k)
    at = 0
    for stripe in range(geometry.stripes):
        start, stop = geometry.fragment_span(range(stripe, stripe + 1))
        assert start == at and stop - start == geometry.stored_bytes(stripe)
        at = stop
    assert at == geometry.fragment_bytes
    assert sum(geometry.plain_bytes(stripe) for stripe in range(geometry.stripes)) == size


def test_stripes_may_be_given_in_any_kind_of_buffer_that_is_reused_afterwards() -> None:
    sample = Sample(MIB + 5)
    encoder = ExtentEncoder(STORE, sample.id, sample.key, 2, 1)
    buffer = bytearray(sample.data[:MIB])
    encoder.add(buffer)
    buffer[:5] = sample.data[MIB:]
    encoder.add(memoryview(buffer)[:5])
    buffer[:] = bytes(MIB)
    assert [b"".join(fragment) for fragment in encoder.fragments] == sample.fragments


def test_a_short_stripe_must_be_the_last() -> None:
    encoder = ExtentEncoder(STORE, b"e" * 16, bytes(32), 2, 1)
    encoder.add(b"short")
    with pytest.raises(AssertionError):
        encoder.add(b"more")


def test_an_extent_does_not_grow_beyond_its_bound() -> None:
    encoder = ExtentEncoder(STORE, b"e" * 16, bytes(32), 1, 0)
    stripe = bytes(MIB)
    for _ in range(16):
        encoder.add(stripe)
    with pytest.raises(AssertionError):
        encoder.add(b"x")


def test_equal_plaintext_gives_unequal_fragments_in_different_extents() -> None:
    data = bytes(1000)
    first, second = (ExtentEncoder(STORE, bytes((i,)) * 16, bytes((i,)) * 32, 2, 1) for i in (1, 2))
    first.add(data)
    second.add(data)
    assert all(bytes(a[1]) != bytes(b[1]) for a, b in zip(first.fragments, second.fragments, strict=True))


def test_fragment_names_spread_over_256_folders_and_end_in_the_index() -> None:
    id = bytes.fromhex("c0ffee") + bytes(13)
    assert fragment_key(id, 0) == "x/c0/c0ffee" + "00" * 13 + ".00"
    assert fragment_key(id, 31).endswith(".1f")
