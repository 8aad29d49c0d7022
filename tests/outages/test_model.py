"""What a store hangs on."""

from tests.outages.invented_stores import member

from outlast.outages.model import Domain, Site, domains
from outlast.outages.reach import Reach

NOWHERE = Site("laptop", "outlast.key", {})


def of_kind(kind: str, found: list[Domain]) -> dict[str, tuple[str, str]]:
    """The domains of a kind: who goes with it, and who may."""
    return {
        domain.value: (" ".join(sorted(domain.providers)), " ".join(sorted(domain.maybe)))
        for domain in found
        if domain.kind == kind
    }


def test_each_provider_is_a_domain_of_its_own() -> None:
    found = domains([member("a"), member("b")], NOWHERE)
    assert of_kind("provider", found) == {"a": ("a", ""), "b": ("b", "")}
    assert [domain.name for domain in found if domain.kind == "provider"] == ["a", "b"]


def test_equal_values_are_one_domain_however_they_are_written() -> None:
    found = domains([member("a", operator="Amazon"), member("b", operator=" amazon "), member("c")], NOWHERE)
    assert of_kind("operator", found) == {"Amazon": ("a b", ""), "op-c": ("c", "")}


def test_who_is_not_known_may_be_in_any_and_with_the_others_that_are_not() -> None:
    members = [member("a", location="Paris"), member("b"), member("c")]
    assert of_kind("location", domains(members, NOWHERE)) == {"Paris": ("a", "b c"), "": ("", "b c")}


def test_one_alone_that_is_not_known_shares_with_nobody_but_the_known() -> None:
    found = of_kind("location", domains([member("a", location="Paris"), member("b")], NOWHERE))
    assert found == {"Paris": ("a", "b")}


def test_a_region_of_another_operator_is_another_region() -> None:
    members = [member("a", region="eu-1"), member("b", region="eu-1"), member("c", region="us-1")]
    assert of_kind("region", domains(members, NOWHERE)) == {
        "eu-1 (op-a)": ("a", ""),
        "eu-1 (op-b)": ("b", ""),
        "us-1": ("c", ""),
    }


def test_an_account_that_is_not_known_can_only_be_one_of_the_same_operator() -> None:
    members = [
        member("a", operator="Amazon", account="1"),
        member("b", operator="Amazon"),
        member("c", operator="Google"),
        member("d", operator=""),
    ]
    assert of_kind("account", domains(members, NOWHERE)) == {"1": ("a", "b d"), "": ("", "b c d")}


def test_credentials_zones_and_this_machine_are_shared_by_those_that_use_them() -> None:
    reaches = {
        "a": Reach("BACKUP_KEY", "amazonaws.com"),
        "b": Reach("BACKUP_KEY", "example.org"),
        "c": Reach(here=True),
    }
    found = domains([member("a"), member("b"), member("c")], Site("laptop", "outlast.key", reaches))
    assert of_kind("credential", found) == {"BACKUP_KEY": ("a b", "")}
    assert of_kind("dns", found) == {"amazonaws.com": ("a", ""), "example.org": ("b", "")}
    assert of_kind("gateway", found) == {"laptop": ("c", "")}
    assert of_kind("key", found) == {"outlast.key": ("", "")}
