"""A store's shared causes, and when its promises are broken."""

from itertools import product

import numpy as np
import pytest

from outlast.base.errors import ConfigError
from outlast.outages.simulate import (
    StoreShape,
    causes_of,
    default_rates,
    described,
    layout_of,
    unknown_domains,
)
from outlast.outages.simulate.causes import Promise, has_spares, model_of, writes_are_like_reads
from outlast.outages.simulate.rates import Rates, parse_rates
from outlast.placement.members import DomainKind, Domains, Member, Policy


def table(*causes: str) -> Rates:
    """A table of causes such as `operator outage`, or `provider loss only software disk`."""
    text = '[repair]\nmean_h = 24\nbasis = "assumed"\nsource = ""\n'
    for cause in causes:
        kind, effect, *rest = cause.split()
        text += (
            f'[[causes]]\nkind = "{kind}"\neffect = "{effect}"\nrate = 1.0\nbasis = "assumed"\nsource = ""\n'
        )
        text += "mean_h = 1.0\n" if effect == "outage" else ""
        text += f'{rest[0]} = {{ {rest[1]} = "{rest[2]}" }}\n' if rest else ""
    return parse_rates(text, "table")


def member(name: str, role: str = "full", **domains: str) -> Member:
    values = Domains(**{"operator": name, **domains})
    return Member(name, values, votes=role != "data", holds_data=role != "witness", incarnation=b"")


def store(*members: Member, f: int = 1, domain: DomainKind = "operator", voters: str = "a b c") -> StoreShape:
    return layout_of(members, Policy(f, domain), voters.split())


def hit(layout: StoreShape, rates: Rates) -> dict[str, str]:
    """By cause: who hangs on it."""
    return {
        cause.unit.name: " ".join(layout.members[place].name for place in cause.members)
        for cause in causes_of(layout, rates)
    }


# ---------------------------------------------------------------- who hangs on what


def test_what_providers_share_is_one_cause() -> None:
    layout = store(
        member("a", operator="Amazon", region="x"),
        member("b", operator=" amazon ", region="y"),
        member("c", operator="Other", region="x"),
    )
    assert hit(layout, table("operator outage")) == {"operator amazon": "a b", "operator other": "c"}


def test_a_region_is_of_one_operator() -> None:
    layout = store(
        member("a", operator="one", region="x"),
        member("b", operator="two", region="x"),
        member("c", operator="two", region="y"),
    )
    assert hit(layout, table("region outage")) == {
        "region one x": "a",
        "region two x": "b",
        "region two y": "c",
    }


def test_what_is_not_known_may_be_any_of_the_others() -> None:
    layout = store(member("a", software="ceph"), member("b"), member("c", software="minio"))
    rates = table("software outage")
    assert hit(layout, rates) == {"software ceph": "a b", "software minio": "b c"}
    assert unknown_domains(layout, rates) == {"software": ["b"]}


def test_what_is_known_of_nobody_is_one_cause() -> None:
    layout = store(member("a"), member("b"), member("c"))
    assert hit(layout, table("software loss")) == {"software erased": "a b c"}


def test_credentials_are_of_an_account_and_a_store_is_one() -> None:
    layout = store(
        member("a", operator="one", account="x"), member("b", operator="one", account="x"), member("c")
    )
    assert hit(layout, table("credential outage", "store outage")) == {
        "credential one x": "a b",
        "credential c": "c",
        "store": "a b c",
    }


def test_rates_may_be_of_some_only() -> None:
    layout = store(member("a", software="disk"), member("b", software="S3"), member("c"))
    found = hit(layout, table("provider loss only software Disk", "provider outage unless software disk"))
    assert found == {
        "provider a erased": "a",
        "provider c erased": "c",  # it may be a disk
        "provider b": "b",
        "provider c": "c",  # it may be none
    }


def test_two_rates_of_one_kind_are_two_causes() -> None:
    layout = store(member("a"), member("b"), member("c"))
    assert list(hit(layout, table("provider outage", "provider outage")))[::3] == [
        "provider a",
        "provider a (2)",
    ]


@pytest.mark.parametrize(
    ("domain", "one", "several"),
    [
        ("operator", "", "operator region account credential software location"),
        ("region", "operator account credential software", "region location"),
        ("account", "operator region software location", "account credential"),
        ("location", "operator region account credential software", "location"),
    ],
)
def test_a_described_store_shares_all_but_its_domain(domain: DomainKind, one: str, several: str) -> None:
    layout = described(5, Policy(2, domain))
    for kinds, count in ((one, 1), (several, 5)):
        for kind in kinds.split():
            assert len(causes_of(layout, table(f"{kind} outage"))) == count, kind


@pytest.mark.parametrize(("providers", "tolerate"), [(2, 1), (4, 2), (40, 5)])
def test_a_store_that_cannot_be_is_refused_with_advice(providers: int, tolerate: int) -> None:
    with pytest.raises(ConfigError) as refused:
        described(providers, Policy(tolerate))
    assert refused.value.remedy


# ---------------------------------------------------------------- when promises are broken


def broken(layout: StoreShape, promise: Promise, failing: set[str], effect: str) -> bool:
    """Whether the promise is broken when just these providers have failed."""
    rates = table(f"provider {effect}")
    model = model_of(layout, causes_of(layout, rates), rates, promise)
    failed = np.array([[unit.name.split()[1] in failing] for unit in model.process.units], dtype=np.bool_)
    return bool(model.structure(failed)[0])


def all_sets(layout: StoreShape) -> list[set[str]]:
    names = [one.name for one in layout.members]
    return [
        {name for name, chosen in zip(names, picked, strict=True) if chosen}
        for picked in product((False, True), repeat=len(names))
    ]


@pytest.mark.parametrize(("providers", "tolerate"), [(1, 0), (3, 0), (3, 1), (4, 1), (5, 2), (7, 3)])
def test_a_store_bears_just_what_it_tolerates(providers: int, tolerate: int) -> None:
    layout = described(providers, Policy(tolerate))
    for failing in all_sets(layout):
        if len(failing) <= tolerate:
            for promise in ("reads", "writes", "data"):
                assert not broken(layout, promise, failing, "loss"), (promise, failing)
        if len(failing) == tolerate + 1:
            assert broken(layout, "reads", failing, "outage")
            assert broken(layout, "data", failing, "loss")


def test_writes_go_to_spares_and_need_a_majority() -> None:
    layout = store(*(member(name) for name in "abcdefg"), f=1, voters="a b c")
    assert (layout.k, layout.m, has_spares(layout), writes_are_like_reads(layout)) == (4, 1, True, False)
    assert broken(layout, "reads", {"f", "g"}, "outage")
    assert not broken(layout, "writes", {"e", "f", "g"}, "outage")
    assert broken(layout, "writes", {"d", "e", "f", "g"}, "outage")
    assert broken(layout, "writes", {"a", "b"}, "outage")


def test_a_witness_counts_as_a_voter_only() -> None:
    layout = store(member("a"), member("b"), member("c", "witness"))
    assert not broken(layout, "reads", {"c"}, "outage")
    assert broken(layout, "reads", {"a", "c"}, "outage")
    assert broken(layout, "data", {"b", "c"}, "loss")  # what is in the log only


def test_two_providers_of_one_operator_are_one_domain() -> None:
    layout = store(member("a"), member("b"), member("c"), member("d", operator="c"), f=1, voters="a b c")
    assert (layout.k, layout.m) == (2, 1)
    assert not writes_are_like_reads(layout)
    for failing in ({"c", "d"}, {"d"}):
        assert not broken(layout, "reads", failing, "outage")
    assert broken(layout, "reads", {"b", "d"}, "outage")  # some extents lie with d
    assert not broken(layout, "writes", {"b", "d"}, "outage")  # new ones with c


def test_outages_lose_no_data() -> None:
    layout = described(3, Policy(1))
    rates = table("provider outage", "operator loss")
    units = model_of(layout, causes_of(layout, rates), rates, "data").process.units
    assert [unit.name for unit in units] == ["operator p1 erased", "operator p2 erased", "operator p3 erased"]
    assert not any(unit.self_healing for unit in units)


def test_what_is_erased_cannot_be_read_until_it_is_repaired() -> None:
    layout = described(3, Policy(1))
    assert broken(layout, "reads", {"p1", "p2"}, "loss")


def test_writes_like_reads_are_told_from_the_structure() -> None:
    """Where it is said that writes fail exactly when reads do, they do."""
    layout = described(5, Policy(2))
    assert writes_are_like_reads(layout)
    for failing in all_sets(layout):
        assert broken(layout, "reads", failing, "outage") == broken(layout, "writes", failing, "outage")


def test_every_default_rate_is_of_somebody() -> None:
    """In a store of a disk and two clouds, each row of the table that comes with Outlast hits somebody."""
    layout = store(
        member("a", software="disk", location="attic"),
        member("b", region="x", account="1", software="S3", location="y"),
        member("c", region="z", account="2", software="GCS", location="w"),
    )
    rates = default_rates()
    assert {cause.rate.source for cause in causes_of(layout, rates)} == {one.source for one in rates.causes}
    assert "account a" not in hit(layout, rates)
