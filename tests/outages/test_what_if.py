"""Verdicts, and what becomes of what is not known."""

import pytest
from tests.outages.invented_stores import MIB, held, member, store

from outlast.outages.incidents import Incident, load_incidents
from outlast.outages.model import Domain
from outlast.outages.what_if import Outage, any_of, at_least, outage_from, outage_of, what_if

ABC = [member("a"), member("b"), member("c")]


def outage(providers: str, maybe: str = "", manner: str = "unreachable", kind: str = "location") -> Outage:
    return outage_of([Domain(kind, "X", frozenset(providers), frozenset(maybe))], manner)  # type: ignore[arg-type]  # a test's shorthand


def test_what_is_certain_has_one_answer() -> None:
    verdict = what_if(store(ABC, held(2, "a b c")), outage("ab"), {})
    assert (verdict.summary, verdict.reads, verdict.writes, verdict.data) == (
        "read-loss",
        "lost",
        "lost",
        "nothing",
    )
    assert verdict.bad


def test_who_may_be_hit_makes_it_unknown_only_where_that_decides() -> None:
    shop = store(ABC, held(2, "a b c"))
    verdict = what_if(shop, outage("a", "b"), {})
    assert (verdict.summary, verdict.reads) == ("unknown", "unknown")
    assert (verdict.least.summary, verdict.most.summary) == ("redundancy-less", "read-loss")
    assert (verdict.data, verdict.consistency) == ("nothing", "nothing")
    assert "no location was given" in verdict.notes[0]
    five = [member(name) for name in "abcde"]
    assert what_if(store(five, held(3, "a b c d e"), tolerate=2), outage("a", "b"), {}).summary == (
        "redundancy-less"
    )


def test_who_is_not_well_now_counts_as_away() -> None:
    shop = store(ABC, held(2, "a b c"))
    assert what_if(shop, outage("a"), {}).summary == "redundancy-less"
    verdict = what_if(shop, outage("a"), {"c": "down"})
    assert verdict.summary == "read-loss"
    assert "c (down)" in verdict.notes[0]


@pytest.mark.parametrize(("state", "data"), [("down", "nothing"), ("estranged", "unknown")])
def test_who_is_estranged_may_have_been_erased(state: str, data: str) -> None:
    four = [*ABC, member("d", votes=False)]
    verdict = what_if(store(four, held(2, "b c d")), outage("d", manner="lost"), {"c": state})
    assert (verdict.reads, verdict.data) == ("lost", data)


def test_a_majority_gone_for_good_leaves_the_data_unknown() -> None:
    verdict = what_if(store(ABC, held(1, "a b c"), inline=3), outage("ab", manner="lost"), {})
    assert (verdict.summary, verdict.reads, verdict.data) == ("unknown", "lost", "unknown")
    assert (verdict.least.summary, verdict.most.summary) == ("read-loss", "data-loss")
    assert verdict.consistency == "unknown"


def test_without_the_key_file_gateways_go_on_and_without_any_copy_all_is_lost() -> None:
    shop = store(ABC, held(2, "a b c"))
    away = what_if(shop, outage("", kind="key"), {})
    assert "none can be started" in away.notes[1]
    assert (away.summary, away.least.summary, away.most.summary) == ("unknown", "nothing", "data-loss")
    gone = what_if(shop, outage("", kind="key", manner="lost"), {})
    assert (gone.summary, gone.least.summary, gone.most.summary) == ("unknown", "nothing", "data-loss")


def test_several_fail_together() -> None:
    both = outage_of(
        [Domain("provider", "a", frozenset("a"), frozenset("bc")), Domain("dns", "z", frozenset("b"))]
    )
    assert (both.name, both.providers, both.maybe) == ("a + dns=z", frozenset("ab"), frozenset("c"))


def test_pairs_leave_out_what_one_of_them_does_alone_and_what_is_the_same_again() -> None:
    domains = [
        Domain("provider", "a", frozenset("a")),
        Domain("provider", "b", frozenset("b")),
        Domain("operator", "A", frozenset("a")),
        Domain("location", "here", frozenset("ab")),
        Domain("key", "k", frozenset()),
    ]
    assert [one.name for one in any_of(domains, 2)] == ["a + b"]


def test_verdicts_are_ordered_from_nothing_to_unknown() -> None:
    assert at_least("unknown", "data-loss")
    assert at_least("read-loss", "read-loss")
    assert not at_least("redundancy-less", "write-loss")


# ---------------------------------------------------------------- incidents

BY_ID = {one.id: one for one in load_incidents()}


def real(id: str) -> Incident:
    return BY_ID[id]


def test_an_incident_hits_whom_its_scope_names() -> None:
    members = [
        member("aws", operator="Amazon", region="us-east-1", software="S3"),
        member("far", operator="Amazon", region="eu-west-1", software="S3"),
        member("azure", operator="Microsoft", region="westeurope", software="Azure Blob"),
        member("disk", location="attic"),
    ]
    found = outage_from(real("aws-2017-02-28"), members)
    assert (found.providers, found.maybe) == (frozenset({"aws"}), frozenset())
    assert found.manner == "unreachable"


def test_an_incident_whose_scope_is_not_known_of_a_provider_may_hit_it() -> None:
    found = outage_from(real("aws-2017-02-28"), [member("aws", operator="Amazon", software="S3")])
    assert (found.providers, found.maybe) == (frozenset(), frozenset({"aws"}))
    verdict = what_if(store([*ABC, member("aws", operator="Amazon")]), found, {})
    assert "whether it would hit aws is not known" in verdict.notes


def test_what_no_source_is_sure_of_is_not_known() -> None:
    s3 = member("s3", operator="Amazon", region="us-east-1", software="S3")
    found = outage_from(real("aws-2025-10-20"), [s3])
    assert (found.providers, found.maybe) == (frozenset(), frozenset({"s3"}))


def test_where_some_was_lost_for_good_this_store_may_have_been_lucky() -> None:
    ovh = member("ovh", operator="OVHcloud", region="sbg", votes=False)
    found = outage_from(real("ovh-2021-03-10"), [ovh])
    assert (found.providers, found.manner) == (frozenset({"ovh"}), "lost-perhaps")
    verdict = what_if(store([*ABC, ovh], held(1, "ovh")), found, {})
    assert (verdict.reads, verdict.data, verdict.summary) == ("lost", "unknown", "unknown")
    assert (verdict.least.summary, verdict.most.summary) == ("read-loss", "data-loss")


def test_every_incident_has_a_verdict_and_none_hits_who_shares_nothing() -> None:
    shop = store([member("a", region="r", account="x", software="s", location="l") for _ in "a"], tolerate=0)
    assert {what_if(shop, outage_from(one, shop.members), {}).summary for one in BY_ID.values()} == {
        "nothing"
    }


def test_amounts_are_those_of_the_worst_that_it_may_be() -> None:
    shop = store([*ABC, member("d", votes=False)], held(1, "d", extents=4))
    verdict = what_if(shop, outage("", "d"), {})
    assert (verdict.least.unreadable.bytes, verdict.most.unreadable.bytes) == (0, 4 * MIB)
