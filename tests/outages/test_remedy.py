"""The cheapest fix: what costs nothing comes first, and nothing is proposed that does not help."""

from collections.abc import Mapping

from tests.outages.invented_stores import held, member, store

from outlast.outages.holdings import Holdings
from outlast.outages.model import Domain
from outlast.outages.remedy import cheapest_fix
from outlast.outages.what_if import Manner, outage_of, what_if

ABC = [member("a"), member("b"), member("c")]
FIVE = [member(name) for name in "abcde"]


def fix(
    shop: Holdings,
    *domains: Domain,
    now: Mapping[str, str] | None = None,
    manner: Manner = "unreachable",
) -> str:
    now = now or {}
    found = cheapest_fix(shop, what_if(shop, outage_of(domains, manner), now), now)
    assert found is None or found.after is None or not found.after.bad
    return found.text if found else ""


def one(providers: str, maybe: str = "", kind: str = "location") -> Domain:
    return Domain(kind, "X", frozenset(providers), frozenset(maybe))


def test_what_is_borne_needs_no_fix() -> None:
    assert fix(store(ABC, held(2, "a b c")), one("a")) == ""


def test_who_is_away_is_to_come_back() -> None:
    shop = store(ABC, held(2, "a b c"))
    assert fix(shop, one("a"), now={"c": "down"}) == "bring back c (see outlast status)"
    assert fix(shop, one("a"), now={"c": "estranged"}) == "outlast repair"
    assert fix(shop, one("a"), now={"c": "unconfigured"}) == "name c in outlast.toml"


def test_what_is_missing_is_to_be_repaired() -> None:
    assert fix(store(ABC, held(2, "a b", gone="c")), one("a")).startswith("outlast repair")


def test_both_where_only_both_help() -> None:
    shop = store(FIVE, held(3, "a b d e", gone="c"), tolerate=2)
    text = fix(shop, one("ab"), now={"d": "down"})
    assert text == "bring back d (see outlast status), then: outlast repair"


def test_an_erased_provider_is_not_taken_for_what_it_held() -> None:
    """What it had of this extent is gone, and no repair brings it back."""
    shop = store(ABC, held(2, "a c", gone="b"))
    assert "outlast repair" not in fix(shop, one("b"), now={"c": "estranged"})


def test_quotas_that_are_used_up_are_to_be_raised() -> None:
    shop = store(ABC, held(2, "a b c"), full="b c")
    assert fix(shop, one("a")) == "raise the quotas of b, c in outlast.toml"
    both = fix(shop, one("a"), now={"b": "down"})
    assert both == "bring back b (see outlast status), then: raise the quotas of b, c in outlast.toml"


def test_what_cannot_be_read_in_any_case_has_no_fix_here() -> None:
    assert fix(store(ABC, held(2, "a", gone="b c")), one("a")).startswith("none here")


def test_what_nobody_has_said_is_to_be_found_out() -> None:
    assert fix(store(ABC, held(2, "a b c")), one("a", "b")) == (
        "determine the location of b: if it is not shared, no request fails"
    )


def test_as_few_as_possible_are_to_leave_the_domain() -> None:
    assert fix(store(ABC, held(2, "a b c")), one("ab")) == (
        "a new store (outlast init) with a in another location"
    )
    text = fix(store(ABC, held(2, "a b c")), one("abc", kind="gateway"))
    assert text == (
        "name an empty place on another machine for a and b in outlast.toml, then: outlast repair,"
        " one after the other"
    )
    assert fix(store(ABC, held(2, "a b c")), one("bc", kind="credential")) == (
        "give b another credential in outlast.toml"
    )


def test_several_at_once_need_a_higher_tolerance() -> None:
    text = fix(store(ABC, held(2, "a b c")), one("a", kind="provider"), one("b", kind="provider"))
    assert text == (
        "a new store that tolerates 2 (outlast init --tolerate 2), with providers of more operators:"
        " 2 that can vote"
    )
    five = store(FIVE, held(4, "a b c d e"))
    text = fix(five, one("a", kind="provider"), one("b", kind="provider"))
    assert text == (
        "a new store that tolerates 2 (outlast init --tolerate 2): there are enough providers for it"
    )


def test_more_than_any_store_tolerates_has_no_fix() -> None:
    shop = store(FIVE, held(4, "a b c d e"))
    assert (
        fix(shop, *(one(name, kind="provider") for name in "abcde"))
        == "none: a store tolerates at most 4 operators"
    )


def test_the_key_is_to_be_copied() -> None:
    shop = store(ABC, held(2, "a b c"))
    for manner in ("unreachable", "lost"):
        assert fix(shop, one("", kind="key"), manner=manner).startswith("copy the key file")
