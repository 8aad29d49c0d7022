"""Where the fragments of an extent go."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.placement.members import fleet, member, sound_stores

from outlast.base.errors import ConfigError
from outlast.placement.members import Member, Policy
from outlast.placement.plan import place
from outlast.placement.policy import data_layout

ids = st.binary(min_size=16, max_size=16)
ONE = Policy(tolerate=1)


@given(id=ids, store=sound_stores(), order=st.randoms())
def test_each_fragment_has_a_domain_of_its_own_whatever_the_order_of_members(
    id: bytes, store: tuple[Policy, list[Member]], order: Random
) -> None:
    policy, members = store
    k, m = data_layout(policy, members)
    places = place(id, k, m, members, policy)
    holders = {m.name: m.domains.operator for m in members if m.holds_data}
    assert len(places) == len({holders[name] for name in places}) == k + m
    shuffled = list(members)
    order.shuffle(shuffled)
    assert place(id, k, m, shuffled, policy) == places


@given(id=ids, avoid=st.sets(st.sampled_from([f"p{i}" for i in range(7)])))
def test_those_that_are_down_are_replaced_by_spares_and_the_others_keep_their_place(
    id: bytes, avoid: set[str]
) -> None:
    members = fleet(7)
    before, after = place(id, 2, 1, members, ONE), place(id, 2, 1, members, ONE, avoid)
    assert len(set(after)) == 3
    for old, new in zip(before, after, strict=True):
        assert new == old or old in avoid
    # A fragment is left with one that is down only when there is nobody else.
    assert sum(name in avoid for name in after) == max(0, 3 - (7 - len(avoid)))


def test_another_provider_of_the_same_domain_is_the_first_to_stand_in() -> None:
    members = [member("a1", "a"), member("a2", "a"), member("b"), member("c"), member("d")]
    for number in range(50):
        id = number.to_bytes(16, "big")
        before = place(id, 2, 1, members, ONE)
        for name, other in (("a1", "a2"), ("a2", "a1")):
            if name in before:
                assert place(id, 2, 1, members, ONE, {name}) == tuple(
                    other if p == name else p for p in before
                )


def test_without_spares_the_ones_that_are_down_keep_their_place() -> None:
    members = fleet(3)
    assert place(bytes(16), 2, 1, members, ONE, ("p1",)) == place(bytes(16), 2, 1, members, ONE)


def test_every_provider_gets_its_even_part_of_every_index() -> None:
    members = fleet(5)
    extents = 4000
    counted = Counter(
        (index, name)
        for number in range(extents)
        for index, name in enumerate(place(number.to_bytes(16, "big"), 2, 1, members, ONE))
    )
    assert len(counted) == 15
    assert all(0.85 < count / (extents / 5) < 1.15 for count in counted.values())


@given(id=ids)
def test_a_new_provider_takes_fragments_for_itself_and_moves_none_between_others(id: bytes) -> None:
    before, after = set(place(id, 2, 1, fleet(5), ONE)), set(place(id, 2, 1, fleet(6), ONE))
    assert after - before <= {"p5"}


def test_witnesses_get_no_fragment() -> None:
    members = [*fleet(2), member("w", holds_data=False)]
    assert sorted(place(bytes(16), 1, 1, members, ONE)) == ["p0", "p1"]


def test_too_few_domains_are_refused() -> None:
    with pytest.raises(ConfigError):
        place(bytes(16), 2, 1, [member("a1", "a"), member("a2", "a"), member("b")], ONE)


def test_places_are_the_same_for_ever() -> None:
    """Gateways of different versions place alike; nothing breaks if they do not, but evenness would."""
    names = place(bytes(range(16)), 3, 2, fleet(9), Policy(tolerate=2))
    assert names == ("p4", "p7", "p6", "p3", "p2")
