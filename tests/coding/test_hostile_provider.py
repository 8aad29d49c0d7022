"""What providers may do to fragments, by accident or on purpose: each is noticed and put down to them.

Never may `decode` return other bytes than were written. Where enough honest fragments are at hand, the
liars are named, so that leaving them out gives the plaintext; where not, `Tampered` is raised.
"""

from collections.abc import Iterable
from itertools import combinations

import pytest
from awscrt.checksums import crc32c
from hypothesis import given
from hypothesis import strategies as st
from tests.coding.extents import MIB, STORE, Sample, encoded, flipped, forged

from outlast.base.entropy import SeededEntropy
from outlast.base.errors import BadShares, CodingError, Tampered
from outlast.coding.extent import ExtentDecoder
from outlast.coding.seal import Box, unwrap_key, wrap_key

SMALL = Sample(5000, 3, 2)
LONG = Sample(2 * MIB + 777, 2, 1)


def accused(sample: Sample, parts: dict[int, bytes]) -> frozenset[int]:
    """Who is named; leaving these out must give the extent back, when k honest fragments are left."""
    with pytest.raises(BadShares) as caught:
        sample.read(parts)
    honest = {index: part for index, part in parts.items() if index not in caught.value.bad}
    if len(honest) >= sample.k:
        assert sample.read(honest) == sample.data
    return caught.value.bad


# ---------------------------------------------------------------- one provider, checks left as they are


@given(index=st.integers(0, 4), at=st.integers(0, len(SMALL.fragments[0]) - 1))
def test_a_flipped_bit_anywhere_names_its_fragment(index: int, at: int) -> None:
    assert accused(SMALL, SMALL.parts() | {index: flipped(SMALL.fragments[index], at)}) == {index}


@given(cut=st.integers(0, len(LONG.fragments[0]) - 1))
def test_a_truncated_fragment_is_named(cut: int) -> None:
    assert accused(LONG, LONG.parts() | {1: LONG.fragments[1][:cut]}) == {1}


@pytest.mark.parametrize("extra", [b"\0", bytes(100), LONG.fragments[1]], ids=len)
def test_an_extended_fragment_is_named(extra: bytes) -> None:
    assert accused(LONG, LONG.parts() | {1: LONG.fragments[1] + extra}) == {1}


def test_an_extended_fragment_does_no_harm_to_a_ranged_read() -> None:
    start, stop = LONG.decoder.fragment_span(range(1, 3))
    parts = {i: (part + b"junk")[start:stop] for i, part in LONG.parts().items()}
    assert b"".join(LONG.decoder.decode(range(1, 3), parts)) == LONG.data[MIB:]


@pytest.mark.parametrize("content", [b"", bytes(len(SMALL.fragments[0])), b"\xff" * len(SMALL.fragments[0])])
def test_an_empty_or_erased_fragment_is_named(content: bytes) -> None:
    assert accused(SMALL, SMALL.parts() | {3: content}) == {3}


def test_fragments_of_one_extent_given_for_each_other_are_named() -> None:
    swapped = {0: SMALL.fragments[1], 1: SMALL.fragments[0]}
    assert accused(SMALL, SMALL.parts() | swapped) == {0, 1}


def test_a_fragment_given_in_place_of_another_is_named() -> None:
    assert accused(SMALL, SMALL.parts() | {4: SMALL.fragments[3]}) == {4}


def test_stripes_of_a_fragment_in_another_order_are_named() -> None:
    one, two = (slice(*LONG.decoder.fragment_span(range(i, i + 1))) for i in (0, 1))
    fragment = LONG.fragments[0]
    mixed = fragment[two] + fragment[one] + fragment[two.stop :]
    assert accused(LONG, LONG.parts() | {0: mixed}) == {0}


def test_a_fragment_of_another_extent_of_the_same_content_is_named() -> None:
    other = encoded(SMALL.data, b"other extent id.", b"k" * 32, 3, 2)
    assert accused(SMALL, SMALL.parts() | {2: other[2]}) == {2}


def test_an_older_extent_replayed_by_every_provider_is_noticed() -> None:
    """The same key was overwritten; all providers give the fragments of the old object for the new."""
    old = Sample(SMALL.size, 3, 2, seed=99)
    assert accused(SMALL, old.parts()) == {0, 1, 2, 3, 4}


# ---------------------------------------------------------------- liars who make the checks right


def subsets(items: Iterable[int], least: int = 0) -> list[tuple[int, ...]]:
    pool = list(items)
    return [chosen for size in range(least, len(pool) + 1) for chosen in combinations(pool, size)]


@pytest.mark.parametrize("layout", [(1, 1), (1, 2), (2, 1), (3, 1), (2, 2), (3, 2)])
def test_every_set_of_liars_among_every_set_of_fragments_is_named_or_refused(layout: tuple[int, int]) -> None:
    """Checks made right, so that only the seals tell. Any number of liars, each for itself."""
    sample = Sample(300, *layout)
    lies = [forged(sample, index, 0) for index in range(sum(layout))]
    for given_ones in subsets(range(sum(layout)), least=sample.k):
        for liars in subsets(given_ones):
            parts = sample.parts(*given_ones) | {index: lies[index] for index in liars}
            if not set(given_ones[: sample.k]) & set(liars):
                assert sample.read(parts) == sample.data  # the lies were not looked at
            elif len(given_ones) - len(liars) >= sample.k:
                assert accused(sample, parts) == set(liars)
            else:
                with pytest.raises(Tampered):
                    sample.read(parts)


@given(stripe=st.integers(0, 2), index=st.integers(0, 1), place=st.floats(0, 1, exclude_max=True))
def test_a_lie_in_any_stripe_at_any_byte_is_never_returned(stripe: int, index: int, place: float) -> None:
    start, stop = LONG.decoder.fragment_span(range(stripe, stripe + 1))
    lie = forged(LONG, index, stripe, int(place * (stop - start - 4)))
    try:
        assert LONG.read(LONG.parts() | {index: lie}) == LONG.data  # the byte was padding
    except BadShares as error:
        assert error.bad == {index}


def test_a_lie_is_noticed_in_a_ranged_read_of_its_stripe_and_does_no_harm_to_others() -> None:
    lying = LONG.parts() | {0: forged(LONG, 0, 1)}
    for stripe in range(3):
        start, stop = LONG.decoder.fragment_span(range(stripe, stripe + 1))
        parts = {i: part[start:stop] for i, part in lying.items()}
        if stripe == 1:
            with pytest.raises(BadShares) as caught:
                LONG.decoder.decode(range(1, 2), parts)
            assert caught.value.bad == {0}
        else:
            assert LONG.decoder.decode(range(stripe, stripe + 1), parts) == [LONG.data[stripe * MIB :][:MIB]]


def test_liars_in_different_stripes_are_all_named_at_once() -> None:
    sample = Sample(2 * MIB + 10, 2, 2)
    lies = {0: forged(sample, 0, 0), 1: forged(sample, 1, 2)}
    assert accused(sample, sample.parts() | lies) == {0, 1}


def test_an_older_extent_replayed_with_checks_made_right_is_refused() -> None:
    old = Sample(SMALL.size, 3, 2, seed=99)
    replayed = {i: rechecked(SMALL.id, i, part) for i, part in old.parts().items()}
    with pytest.raises(Tampered):
        SMALL.read(replayed)
    assert accused(SMALL, SMALL.parts() | {0: replayed[0], 1: replayed[1]}) == {0, 1}


def test_stripes_exchanged_by_all_providers_together_are_refused() -> None:
    sample = Sample(2 * MIB, 2, 1)
    half = len(sample.fragments[0]) // 2
    exchanged = {
        i: rechecked(sample.id, i, part[half:], 0) + rechecked(sample.id, i, part[:half], 1)
        for i, part in sample.parts().items()
    }
    with pytest.raises(Tampered):
        sample.read(exchanged)


def test_an_extent_cut_short_by_all_providers_together_is_noticed() -> None:
    """Even if the catalog's size could be changed with it, the data key would not open: see the next test."""
    sample = Sample(2 * MIB)
    half = len(sample.fragments[0]) // 2
    cut = {i: part[:half] for i, part in sample.parts().items()}
    assert accused(sample, cut) == {0, 1, 2}


@pytest.mark.parametrize(("size", "k", "m"), [(4999, 3, 2), (5001, 3, 2), (5000, 2, 3), (5000, 3, 1)])
def test_a_data_key_does_not_open_for_another_size_or_layout(size: int, k: int, m: int) -> None:
    box = Box(b"k" * 32, SeededEntropy(1))
    wrapped = wrap_key(box, SMALL.key, SMALL.id, SMALL.size, SMALL.k, SMALL.m)
    assert unwrap_key(box, wrapped, SMALL.id, SMALL.size, SMALL.k, SMALL.m) == SMALL.key
    with pytest.raises(Tampered):
        unwrap_key(box, wrapped, SMALL.id, size, k, m)


@pytest.mark.parametrize(
    ("store", "id", "key"),
    [(b"t" * 16, SMALL.id, SMALL.key), (STORE, b"i" * 16, SMALL.key), (STORE, SMALL.id, b"k" * 32)],
    ids=["store", "extent", "key"],
)
def test_fragments_do_not_open_for_another_store_extent_or_key(store: bytes, id: bytes, key: bytes) -> None:
    decoder = ExtentDecoder(store, id, SMALL.size, key, SMALL.k, SMALL.m)
    parts = {i: rechecked(id, i, part) for i, part in SMALL.parts().items()}
    with pytest.raises(Tampered):
        decoder.decode(range(1), parts)


@given(parts=st.dictionaries(st.integers(0, 2), st.binary(max_size=400), min_size=2))
def test_noise_is_always_an_error_of_the_tree(parts: dict[int, bytes]) -> None:
    with pytest.raises(CodingError):
        Sample(300).read(parts)


@pytest.mark.parametrize("change", [-1, 1, 100])
def test_a_share_of_another_length_with_its_check_made_right_names_its_fragment(change: int) -> None:
    share = SMALL.fragments[1][4:]
    share = share[:change] if change < 0 else share + bytes(change)
    assert accused(SMALL, SMALL.parts() | {1: rechecked(SMALL.id, 1, bytes(4) + share)}) == {1}


@given(data=st.data())
def test_noise_of_the_right_length_with_right_checks_is_refused(data: st.DataObject) -> None:
    """Nothing that a provider sends may reach a parser that ends the process."""
    sample = Sample(300)
    length = len(sample.fragments[0])
    noise = {
        i: rechecked(sample.id, i, data.draw(st.binary(min_size=length, max_size=length))) for i in (0, 2)
    }
    with pytest.raises(Tampered):
        sample.read(noise)


# ---------------------------------------------------------------- repair


def test_a_forged_share_never_finds_its_way_into_a_rebuilt_fragment() -> None:
    parts = SMALL.parts(0, 1, 3, 4) | {1: forged(SMALL, 1, 0)}
    with pytest.raises(BadShares) as caught:
        SMALL.decoder.rebuild_fragment(2, parts)
    assert caught.value.bad == {1}
    del parts[1]
    assert b"".join(SMALL.decoder.rebuild_fragment(2, parts)) == SMALL.fragments[2]


def test_verification_finds_liars_that_a_read_does_not_look_at() -> None:
    sample = Sample(2 * MIB + 10, 2, 2)
    lying = sample.parts() | {2: forged(sample, 2, 1), 3: forged(sample, 3, 2)}
    assert sample.read(lying) == sample.data
    with pytest.raises(BadShares) as caught:
        sample.decoder.verify(lying)
    assert caught.value.bad == {2, 3}
    sample.decoder.verify(sample.parts())


def test_verification_finds_a_lie_in_the_padding() -> None:
    sample = Sample(300, 3, 1)  # 316 sealed bytes: three shares of 106, the last with two bytes of padding
    lying = sample.parts() | {2: forged(sample, 2, 0, at=105)}
    assert sample.read(lying) == sample.data
    with pytest.raises(BadShares) as caught:
        sample.decoder.verify(lying)
    assert caught.value.bad == {2}


@given(index=st.integers(0, 4), at=st.integers(0, len(SMALL.fragments[0]) - 1))
def test_damage_to_a_whole_fragment_is_found_by_its_checks_alone(index: int, at: int) -> None:
    assert SMALL.decoder.intact(index, SMALL.fragments[index])
    assert not SMALL.decoder.intact(index, flipped(SMALL.fragments[index], at))
    assert not SMALL.decoder.intact(index, SMALL.fragments[index][:-1])
    assert not SMALL.decoder.intact((index + 1) % 5, SMALL.fragments[index])


def rechecked(id: bytes, index: int, fragment: bytes, stripe: int = 0) -> bytes:
    """A fragment of one stripe with its check made right for another place."""
    check = crc32c(id + bytes((index,)) + stripe.to_bytes(4, "big") + fragment[4:])
    return check.to_bytes(4, "big") + fragment[4:]
