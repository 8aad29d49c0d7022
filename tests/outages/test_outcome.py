"""What an exact set of losses does, worked out by hand; the redundancy that is left, by trying everything."""

from dataclasses import replace
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from tests.outages.invented_stores import MIB, held, member, store

from outlast.outages.holdings import Amount, Holdings
from outlast.outages.outcome import outcome
from outlast.placement.domains import domain_of
from outlast.placement.members import Policy
from outlast.placement.policy import problems

ABC = [member("a"), member("b"), member("c")]
FIVE = [member(name) for name in "abcde"]


def test_nothing_happens_while_everybody_is_there() -> None:
    found = outcome(store(ABC, held(2, "a b c")), set())
    assert (found.summary, found.redundancy) == ("nothing", 1)
    assert found.at_risk == Amount()


def test_a_loss_within_the_tolerance_costs_redundancy_and_nothing_else() -> None:
    found = outcome(store(ABC, held(2, "a b c", extents=3), inline=2), {"b"}, {"b"})
    assert (found.summary, found.reads, found.writes, found.data) == ("redundancy-less", *["nothing"] * 3)
    assert found.redundancy == 0
    assert found.at_risk == Amount(5, 3 * MIB + 200, 3)
    assert found.restore_bytes == 3 * MIB // 2 + 200


def test_without_a_majority_nothing_can_be_read_or_written_and_nothing_is_lost() -> None:
    found = outcome(store(ABC, held(2, "a b c"), inline=1), {"a", "b"})
    assert (found.summary, found.reads, found.writes, found.data) == ("read-loss", "lost", "lost", "nothing")
    assert (found.redundancy, found.unreadable.objects) == (-1, 2)
    assert found.consistency == "nothing"


def test_a_majority_lost_for_good_leaves_open_what_the_others_know() -> None:
    shop = store(ABC, held(1, "a b c"), inline=1)
    hopeful = outcome(shop, {"a", "b"}, {"a", "b"}, careful=False)
    assert (hopeful.data, hopeful.consistency) == ("nothing", "nothing")
    fearful = outcome(shop, {"a", "b"}, {"a", "b"}, careful=True)
    assert (fearful.data, fearful.consistency, fearful.lost.objects) == ("lost", "lost", 2)


def test_all_voters_lost_for_good_are_the_end() -> None:
    shop = store([*ABC, member("d", votes=False)], held(1, "d"))
    assert outcome(shop, set("abc"), set("abc"), careful=False).data == "lost"


def test_missing_fragments_count_as_not_there() -> None:
    shop = store(ABC, held(2, "a b", gone="c"), held(2, "a b c"))
    found = outcome(shop, {"a"})
    assert (found.reads, found.unreadable) == ("degraded", Amount(1, MIB, 1))
    assert outcome(shop, {"c"}).reads == "nothing"


def test_fragments_lost_for_good_are_told_from_those_out_of_reach() -> None:
    shop = store(FIVE, held(2, "a b d"), held(2, "a d e"))
    found = outcome(shop, {"d", "e"}, {"d"})
    assert (found.unreadable.extents, found.lost.extents) == (1, 0)
    assert outcome(shop, {"d", "e"}, {"d", "e"}).lost.extents == 1


def test_large_writes_need_k_domains_and_small_ones_only_the_log() -> None:
    shop = store(FIVE)  # 4 + 1; voters are a, b, c
    assert shop.layout == (4, 1)
    assert outcome(shop, {"d"}).writes == "nothing"
    found = outcome(shop, {"d", "e"})
    assert (found.summary, found.writes) == ("write-loss", "degraded")


def test_a_spare_or_another_provider_of_the_domain_takes_the_share() -> None:
    seven = [member(name) for name in "abcdefg"]  # 4 + 1 and two spares
    assert outcome(store(seven), {"e", "f", "g"}).writes == "nothing"
    pair = [*FIVE, member("e2", operator="op-e")]
    assert outcome(store(pair), {"d", "e"}).writes == "nothing"


def test_who_neither_votes_nor_holds_data_is_not_missed() -> None:
    found = outcome(store([*ABC, member("w", holds_data=False)], held(2, "a b c")), {"w"})
    assert (found.summary, found.redundancy) == ("nothing", 1)


def test_a_policy_that_cannot_be_kept_any_more_takes_no_large_writes() -> None:
    witnesses = [member("a"), *(member(name, holds_data=False) for name in "bc")]
    assert outcome(store(witnesses), set()).writes == "degraded"


def test_where_the_quotas_are_used_up_decides_what_is_written() -> None:
    assert outcome(store(ABC, full="a b"), set()).writes == "degraded"  # one is left where two are needed
    assert outcome(store(ABC, full="a"), set()).writes == "nothing"  # 1 + 1 in b and c
    assert outcome(store(ABC, full="a"), {"b"}).writes == "nothing"
    assert outcome(store(ABC, full="a"), set()).redundancy == 1
    assert outcome(store(ABC, full="a"), {"b"}).redundancy == 0
    assert outcome(store(ABC, held(2, "a b c"), full="a b c"), set()).reads == "nothing"


def test_who_is_away_and_full_costs_no_more_than_it_costs_anyway() -> None:
    """With room everywhere it is 4 + 1, and two lost are too many; what is full is counted out before."""
    assert outcome(store(FIVE), {"c", "d"}).writes == "degraded"
    assert outcome(store(FIVE, full="c"), {"c", "d"}).writes == "nothing"


def test_the_whole_log_and_what_is_in_use_are_to_be_restored() -> None:
    shop = replace(store(ABC, held(2, "a b c"), inline=2), log_bytes=5000, dead={"a": 10**9})
    assert outcome(shop, {"a"}).restore_bytes == MIB // 2 + 5000


@st.composite
def stores(draw: st.DrawFn) -> tuple[Holdings, set[str]]:
    """A store of up to seven members of few operators, and who is away."""
    count = draw(st.integers(1, 7))
    members = [
        member(
            f"p{number}",
            operator=draw(st.sampled_from("uvwxyz")),
            votes=draw(st.booleans()),
            holds_data=draw(st.booleans()),
        )
        for number in range(count)
    ]
    shop_tolerates = draw(st.integers(0, 2))
    names = [one.name for one in members]
    entries = draw(
        st.lists(st.lists(st.sampled_from(names), min_size=1, max_size=5, unique=True), max_size=3)
    )
    extents = [held(draw(st.integers(1, len(places))), " ".join(places)) for places in entries]
    away = set(draw(st.lists(st.sampled_from(names), max_size=2)))
    if problems(Policy(shop_tolerates), members):
        members = [member(name, operator=name) for name in names] + [member(f"q{n}") for n in range(5)]
    return store(members, *extents, tolerate=shop_tolerates), away


def bearable(shop: Holdings, away: set[str]) -> int:
    """How many operators may go by trying every set of them, for reads, writes, and what is written then."""
    operators = sorted({domain_of(member, "operator") for member in shop.members})
    assert shop.layout is not None
    k, m = shop.layout
    groups = sum(any(name not in away for name in names) for names in shop.data_domains)
    for count in range(len(operators) + 1):
        for gone in combinations(operators, count):
            more = away | {one.name for one in shop.members if domain_of(one, "operator") in gone}
            found = outcome(shop, more)
            if found.summary not in ("nothing", "redundancy-less") or min(groups, k + m) - count < k:
                return count - 1
    raise AssertionError("losing everybody leaves nothing")


@given(case=stores())
def test_redundancy_is_the_number_of_domains_that_may_go_whichever_they_are(
    case: tuple[Holdings, set[str]],
) -> None:
    shop, away = case
    assert max(outcome(shop, away).redundancy, -1) == bearable(shop, away)
