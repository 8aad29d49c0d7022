"""Buckets, access keys, members, drills."""

from collections.abc import Iterator

import pytest
from making import GENESIS, MEMBERS, apply, apply_one, incarnation, put

from outlast.base import limits
from outlast.base.errors import (
    AccessKeyExists,
    BucketExists,
    BucketNotEmpty,
    NoSuchAccessKey,
    NoSuchBucket,
    StoreCorrupt,
)
from outlast.catalog.records import (
    AccessKeyCreated,
    AccessKeyDeleted,
    BucketCreated,
    BucketDeleted,
    DrillFault,
    DrillReported,
    DrillSet,
    ObjectDeleted,
    ProviderReattached,
    UsageReported,
)
from outlast.catalog.state import State
from outlast.placement.members import Policy


@pytest.fixture
def state() -> Iterator[State]:
    state = State(":memory:")
    apply(state, GENESIS)
    yield state
    state.close()


def access_key(name: str, id: str) -> AccessKeyCreated:
    return AccessKeyCreated(name, id, b"sealed", "", False, 9)


def test_a_store_knows_its_policy_members_and_voters(state: State) -> None:
    assert state.genesis == GENESIS
    assert (state.policy(), state.members(), state.voters()) == (Policy(1), MEMBERS, GENESIS.voters)


def test_a_second_genesis_is_refused(state: State) -> None:
    assert isinstance(apply_one(state, GENESIS), StoreCorrupt)


def test_a_new_state_has_no_genesis() -> None:
    assert State(":memory:").genesis is None


def test_a_reattached_provider_has_its_new_incarnation_and_the_others_their_own(state: State) -> None:
    apply(state, ProviderReattached("two", b"2" * 16), ProviderReattached("unknown", b"3" * 16))
    present = {member.name: incarnation(member.name) for member in MEMBERS} | {"two": b"2" * 16}
    assert {member.name: member.incarnation for member in state.members()} == present == state.incarnations()


def test_a_bucket_is_made_once(state: State) -> None:
    first, second = apply(state, BucketCreated("photos", 7), BucketCreated("photos", 8))
    assert first is None
    assert isinstance(second, BucketExists)
    assert state.bucket("photos") == ("photos", 7, 0, 0)
    assert state.bucket("other") is None


def test_a_bucket_is_deleted_only_when_it_is_empty(state: State) -> None:
    outcomes = apply(
        state,
        BucketCreated("photos", 7),
        put("a", bucket="photos"),
        BucketDeleted("photos"),
        ObjectDeleted("photos", "a"),
        BucketDeleted("photos"),
        BucketDeleted("photos"),
    )
    assert isinstance(outcomes[2], BucketNotEmpty)
    assert outcomes[4] is None
    assert isinstance(outcomes[5], NoSuchBucket)
    assert state.buckets() == []


def test_a_bucket_made_anew_in_the_same_batch_counts_from_zero(state: State) -> None:
    apply(state, BucketCreated("photos", 7), put("a", bucket="photos"))
    apply(
        state,
        ObjectDeleted("photos", "a"),
        BucketDeleted("photos"),
        BucketCreated("photos", 8),
        put("b", b"12", bucket="photos"),
    )
    assert state.bucket("photos") == ("photos", 8, 1, 2)


def test_access_keys_have_names_and_ids_of_their_own(state: State) -> None:
    outcomes = apply(
        state, access_key("b", "1"), access_key("a", "2"), access_key("b", "3"), access_key("c", "1")
    )
    assert outcomes[:2] == [None, None]
    assert all(isinstance(outcome, AccessKeyExists) for outcome in outcomes[2:])
    assert state.access_key("1") == access_key("b", "1")
    assert state.access_key("3") is None
    assert [key.name for key in state.access_keys()] == ["a", "b"]


def test_a_deleted_access_key_is_gone_and_its_name_free(state: State) -> None:
    apply(state, access_key("a", "1"))
    assert apply_one(state, AccessKeyDeleted("a")) is None
    assert isinstance(apply_one(state, AccessKeyDeleted("a")), NoSuchAccessKey)
    assert state.access_key("1") is None
    assert apply_one(state, access_key("a", "2")) is None


def test_a_drill_replaces_an_earlier_one_and_an_empty_shape_ends_it(state: State) -> None:
    apply(state, DrillSet("two", "hang", 10), DrillSet("one", "err", 20), DrillSet("two", "slow", 30))
    assert state.drills() == (DrillSet("one", "err", 20), DrillSet("two", "slow", 30))
    apply(state, DrillSet("two", "", 0), DrillSet("three", "", 0))
    assert state.drills() == (DrillSet("one", "err", 20),)


def test_the_larger_figures_of_a_gateway_win_and_gateways_add_up(state: State) -> None:
    one, other = b"1" * 16, b"2" * 16
    apply(
        state,
        UsageReported("2026-11", "two", one, 10, 100),
        UsageReported("2026-11", "two", one, 30, 300),
        UsageReported("2026-11", "two", one, 20, 200),
        UsageReported("2026-11", "two", other, 1, 5),
        UsageReported("2026-11", "one", other, 1000, 0),
    )
    assert state.used("2026-11", "two") == (31, 305)
    assert state.used("2026-11", "two", without=one) == (1, 5)
    assert state.used("2026-11", "three") == state.used("2026-10", "two") == (0, 0)


def test_a_report_of_a_far_future_month_drops_no_other(state: State) -> None:
    apply(state, UsageReported("2046-11", "two", b"1" * 16, 10, 100))
    apply(state, UsageReported("2026-12", "two", b"2" * 16, 1, 1))
    apply(state, UsageReported("2047-01", "two", b"1" * 16, 10, 100))
    assert state.used("2026-12", "two") == (1, 1)
    apply(state, UsageReported("2026-12", "two", b"2" * 16, 5, 5))
    assert state.used("2026-12", "two") == (5, 5)


def test_of_the_months_those_are_kept_that_were_reported_on_last(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "usage_months_max", 2)
    for month in ("2026-12", "2046-01", "2026-12", "2046-02"):
        apply(state, UsageReported(month, "two", b"1" * 16, 1, 1))
    months = ("2026-12", "2046-01", "2046-02")
    assert [state.used(month, "two").requests for month in months] == [1, 0, 1]


def test_a_drill_keeps_its_faults(state: State) -> None:
    drill = DrillSet("one", "err", 10, (DrillFault("err", 0.25, True, False), DrillFault("hang")))
    apply(state, drill)
    assert state.drills() == (drill,)


def test_of_the_reports_of_drills_the_last_are_kept(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "drill_reports_max", 3)
    reports = [DrillReported("one", ("one",), number, number + 1, True, b"{}") for number in range(5)]
    for report in reports:
        apply(state, report)
    assert state.drill_reports() == (reports[4], reports[3], reports[2])
