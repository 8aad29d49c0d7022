"""From what a person types to a failure domain."""

import pytest
from tests.outages.invented_stores import member

from outlast.base.errors import ConfigError
from outlast.outages.choice import choose
from outlast.outages.model import Site, domains
from outlast.outages.reach import Reach

MEMBERS = [
    member("primary", operator="Amazon", region="us-east-1"),
    member("second", operator="Amazon", region="eu-west-1"),
    member("azure", operator="Microsoft", region="westeurope"),
    member("attic", operator="Home", location="Paris"),
]
SITE = Site("laptop", "outlast.key", {"primary": Reach("SECRET", "amazonaws.com"), "attic": Reach(here=True)})
DOMAINS = domains(MEMBERS, SITE)


def chosen(*terms: str) -> list[str]:
    return [domain.name for domain in choose(terms, DOMAINS)]


@pytest.mark.parametrize(
    ("term", "name"),
    [
        ("primary", "primary"),
        ("PRIMARY", "primary"),
        ("operator=Amazon", "operator=Amazon"),
        ("Operator = amazon", "operator=Amazon"),
        ("operator=aws", "operator=Amazon"),
        ("amazon", "operator=Amazon"),
        ("aws", "operator=Amazon"),
        ("azure", "azure"),  # the provider of that name, not its operator
        ("micro", "operator=Microsoft"),
        ("us-east", "region=us-east-1"),
        ("paris", "location=Paris"),
        ("location=?", "location=?"),
        ("laptop", "gateway=laptop"),
        ("key=outlast.key", "key=outlast.key"),
        ("dns=amazonaws.com", "dns=amazonaws.com"),
        ("secret", "credential=SECRET"),
    ],
)
def test_a_name_is_found_however_it_is_written(term: str, name: str) -> None:
    assert chosen(term) == [name]


def test_several_with_or_without_a_plus() -> None:
    assert chosen("operator=Amazon", "+", "azure") == chosen("aws", "azure") == ["operator=Amazon", "azure"]


def test_what_fits_several_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="may be any of several") as error:
        chosen("t-1")
    assert "region=us-east-1" in error.value.remedy
    assert "region=eu-west-1" in error.value.remedy


def test_what_fits_several_that_take_the_same_providers_is_no_question() -> None:
    assert chosen("home") == ["operator=Home"]


@pytest.mark.parametrize("term", ["nowhere", "operator=nobody", "operator=", ""])
def test_an_unknown_name_is_refused_with_the_choices(term: str) -> None:
    with pytest.raises(ConfigError, match="there is no failure domain") as error:
        chosen(term)
    assert "operator=Amazon" in error.value.remedy


def test_an_unknown_kind_is_refused_with_the_kinds() -> None:
    with pytest.raises(ConfigError, match="no kind of failure domain 'planet'") as error:
        chosen("planet=earth")
    assert "location" in error.value.remedy
