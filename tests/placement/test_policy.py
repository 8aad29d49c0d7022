"""What follows from a policy: layout, voters, problems."""

import pytest
from hypothesis import given
from tests.placement.members import fleet, member, policies, some_members, sound_stores

from outlast.base.errors import ConfigError
from outlast.coding.erasure import M_MAX
from outlast.placement.members import Domains, Member, Policy
from outlast.placement.policy import TOLERATE_MAX, choose_voters, data_layout, problems


@pytest.mark.parametrize(
    ("providers", "tolerate", "layout"),
    [
        (1, 0, (1, 0)), (4, 0, (1, 0)), (2, 1, (1, 1)), (3, 1, (2, 1)), (4, 1, (3, 1)), (5, 1, (4, 1)),
        (9, 1, (4, 1)), (3, 2, (1, 2)), (5, 2, (3, 2)), (6, 2, (4, 2)), (7, 3, (4, 3)), (9, 4, (4, 4)),
    ],
)  # fmt: skip
def test_the_layout_has_a_parity_for_each_loss_and_four_data_at_most(
    providers: int, tolerate: int, layout: tuple[int, int]
) -> None:
    assert data_layout(Policy(tolerate=tolerate), fleet(providers)) == layout


def test_providers_of_one_domain_count_once() -> None:
    members = [member("a1", "Amazon"), member("a2", " amazon"), member("g", "Google"), member("h", "Home")]
    assert data_layout(Policy(tolerate=1), members) == (2, 1)
    assert choose_voters(Policy(tolerate=1), members) == ("a1", "g", "h")


def test_the_kind_of_domain_is_the_policys() -> None:
    members = [
        Member(f"p{i}", Domains(operator=str(i), location="here" if i else "there"), True, True, bytes(16))
        for i in range(3)
    ]
    assert data_layout(Policy(tolerate=1), members) == (2, 1)
    assert data_layout(Policy(tolerate=1, domain="location"), members) == (1, 1)


def test_a_domain_that_is_not_known_is_not_counted_and_is_a_problem_with_its_remedy() -> None:
    policy, members = Policy(tolerate=1, domain="region"), fleet(3)
    unknown = Member("lost", Domains(operator="lost"), True, True, bytes(16))
    assert data_layout(policy, [*members, unknown]) == (2, 1)
    assert "lost" not in choose_voters(policy, [unknown, *members])
    (problem,) = problems(policy, [*members, unknown])
    assert problem.what.startswith("lost: its region is not known")
    assert "?region=" in problem.remedy


def test_two_data_providers_and_a_witness_keep_a_tolerance_of_one() -> None:
    members = [member("w", holds_data=False), member("a"), member("b")]
    policy = Policy(tolerate=1)
    assert problems(policy, members) == []
    assert data_layout(policy, members) == (1, 1)
    assert choose_voters(policy, members) == ("a", "b", "w")


def test_data_holders_vote_before_witnesses_in_the_order_given() -> None:
    members = [member("w", holds_data=False), *fleet(4)]
    assert choose_voters(Policy(tolerate=1), members) == ("p0", "p1", "p2")


def test_those_that_cannot_vote_do_not() -> None:
    members = [member("swift", votes=False), *fleet(3)]
    assert choose_voters(Policy(tolerate=1), members) == ("p0", "p1", "p2")
    (problem,) = problems(Policy(tolerate=1), members[:3])
    assert "3 different operators must vote" in problem.what and "2 can vote" in problem.what
    assert "1 more operator" in problem.remedy


def test_too_few_data_domains_are_a_problem_that_says_how_many_are_missing() -> None:
    members = [member("a"), member("b", holds_data=False), member("c", holds_data=False)]
    (problem,) = problems(Policy(tolerate=1), members)
    assert "2 different operators" in problem.what and "1 can hold data" in problem.what
    assert "1 more operator" in problem.remedy


def test_a_name_given_twice_is_a_problem() -> None:
    (problem,) = problems(Policy(tolerate=0), [member("a"), member("a", "b"), member("c")])
    assert problem.what.startswith("a: ")


@pytest.mark.parametrize("tolerate", [-1, TOLERATE_MAX + 1])
def test_a_tolerance_out_of_bounds_is_a_problem(tolerate: int) -> None:
    (problem,) = problems(Policy(tolerate=tolerate), fleet(20))
    assert str(tolerate) in problem.what


def test_the_erasure_code_can_restore_whatever_a_policy_may_tolerate() -> None:
    assert TOLERATE_MAX <= M_MAX


@given(store=sound_stores())
def test_without_problems_there_are_a_layout_and_voters_in_different_domains(
    store: tuple[Policy, list[Member]],
) -> None:
    policy, members = store
    assert problems(policy, members) == []
    k, m = data_layout(policy, members)
    voters = choose_voters(policy, members)
    operators = {m.name: m.domains.operator for m in members if m.votes}
    assert m == policy.tolerate and 1 <= k <= 4
    assert len({operators[name] for name in voters}) == len(voters) == 2 * policy.tolerate + 1


@given(members=some_members(), policy=policies)
def test_what_cannot_be_kept_is_refused_in_the_same_words(members: list[Member], policy: Policy) -> None:
    said = {(problem.what, problem.remedy) for problem in problems(policy, members)}
    for choose in (data_layout, choose_voters):
        try:
            choose(policy, members)
        except ConfigError as error:
            assert (str(error), error.remedy) in said
