"""How many more losses an extent bears."""

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.placement.members import fleet, member, sound_stores

from outlast.placement.margin import margin
from outlast.placement.members import Member, Policy
from outlast.placement.plan import place
from outlast.placement.policy import data_layout

ONE = Policy(tolerate=1)


@pytest.mark.parametrize(
    ("missing", "expected"), [(0b000, 1), (0b001, 0), (0b100, 0), (0b011, -1), (0b111, -2)]
)
def test_each_missing_fragment_costs_one(missing: int, expected: int) -> None:
    assert margin(("p0", "p1", "p2"), missing, 2, fleet(3), ONE) == expected


def test_a_fragment_at_a_place_that_is_no_member_is_missing() -> None:
    assert margin(("p0", "p1", "gone"), 0, 2, fleet(2), ONE) == 0


def test_two_fragments_in_one_domain_go_together() -> None:
    members = [member("a1", "a"), member("a2", "a"), member("b"), member("c")]
    assert margin(("a1", "a2", "b", "c"), 0, 2, members, ONE) == 1
    assert margin(("a1", "a2", "b", "c"), 0, 3, members, ONE) == 0


def test_a_fragment_in_a_domain_that_is_not_known_goes_with_the_first_loss() -> None:
    members = [*fleet(3), member("x", "")]
    assert margin(("p0", "p1", "p2", "x"), 0, 2, members, ONE) == 1
    assert margin(("p0", "p1", "x"), 0, 2, members, ONE) == 0
    assert margin(("x",), 0, 1, members, ONE) == 0


@given(store=sound_stores(), id=st.binary(min_size=16, max_size=16))
def test_a_full_extent_bears_what_the_policy_says(store: tuple[Policy, list[Member]], id: bytes) -> None:
    policy, members = store
    k, m = data_layout(policy, members)
    assert margin(place(id, k, m, members, policy), 0, k, members, policy) == policy.tolerate


def worst(operators: list[str], k: int) -> int:
    """The margin by trying everything: every guess at what is unknown, every set of domains lost."""
    known = sorted(set(operators) - {""})
    guesses = [[operator] if operator else [*known, "new1", "new2"] for operator in operators]
    return min(bearable(list(guess), k) for guess in product(*guesses))


def bearable(operators: list[str], k: int) -> int:
    domains = sorted(set(operators))
    for losses in range(len(domains) + 1):
        for lost in combinations(domains, losses):
            if sum(operator not in lost for operator in operators) < k:
                return losses - 1
    raise AssertionError("losing everything leaves nothing")


@given(operators=st.lists(st.sampled_from(["a", "b", "c", "d", ""]), min_size=1, max_size=6), data=st.data())
def test_the_margin_is_the_worst_over_all_sets_of_losses_and_all_guesses(
    operators: list[str], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(operators)))
    members = [member(f"m{i}", operator) for i, operator in enumerate(operators)]
    assert margin(tuple(m.name for m in members), 0, k, members, ONE) == worst(operators, k)
