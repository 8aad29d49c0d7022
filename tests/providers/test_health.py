"""When a provider counts as down, when it is asked again, and what is expected of it."""

import pytest

from outlast.base.entropy import SeededEntropy
from outlast.base.errors import (
    Cause,
    Denied,
    Exists,
    Expired,
    Full,
    Locked,
    NotFound,
    ProviderError,
    Unavailable,
    Unsupported,
)
from outlast.providers import durations, health
from outlast.providers.health import Health
from outlast.providers.latency import Latency
from outlast.providers.marker import Marker
from outlast.providers.trouble import of_marker


class HandClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("health is sans-IO")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def one(clock: HandClock) -> Health:
    return Health("p", clock, SeededEntropy(1))


refused = Unavailable("p", "get", "", Cause.REFUSED)
timeout = Unavailable("p", "get", "", Cause.TIMEOUT)


# ---------------------------------------------------------------- the breaker


def test_a_new_provider_is_taken_for_healthy(one: Health) -> None:
    assert (one.state, one.available, one.next_probe_at) == ("healthy", True, None)


@pytest.mark.parametrize("error", [refused, Denied("p", "get"), Unavailable("p", "get", "", Cause.THROTTLED)])
def test_three_failures_in_a_row_open_the_breaker(one: Health, error: ProviderError) -> None:
    for _ in range(2):
        one.report("get", 0.01, error)
        assert one.available
    one.report("get", 0.01, error)
    assert (one.state, one.available) == ("down", False)
    assert one.next_probe_at is not None


def test_a_refused_write_is_an_answer_for_what_it_holds_can_be_read(one: Health) -> None:
    for _ in range(20):
        one.report("put", 0.01, Denied("p", "put"))
        one.report("create", 0.01, Denied("p", "create"))
    assert one.available


def test_an_answer_in_between_begins_the_count_anew(one: Health) -> None:
    for _ in range(20):
        one.report("get", 0.01, refused)
        one.report("get", 0.01, refused)
        one.report("get", 0.01)
    assert one.available


@pytest.mark.parametrize("kind", [NotFound, Exists, Full, Unsupported])
def test_an_answer_that_says_no_is_an_answer(one: Health, kind: type[ProviderError]) -> None:
    for _ in range(20):
        one.report("get", 0.01, refused)
        one.report("get", 0.01, kind("p", "get"))
    assert one.available


def test_failing_writes_are_not_hidden_by_reads_that_work(one: Health) -> None:
    for verb in ("put", "create", "put"):
        one.report("get", 0.01)
        one.report(verb, 0.01, refused)
        one.report("head", 0.01)
    assert one.state == "down"


def test_a_timeout_in_a_silence_opens_the_breaker_at_once(one: Health, clock: HandClock) -> None:
    one.report("get", 0.01)
    clock.time += 10
    one.report("get", 5.0, timeout)
    assert one.state == "down"


def test_a_timeout_while_others_were_answered_is_one_failure(one: Health, clock: HandClock) -> None:
    clock.time += 10
    one.report("get", 0.01)
    clock.time += 1
    one.report("get", 5.0, timeout)
    assert one.available


def test_writes_that_time_out_open_the_breaker_although_reads_are_answered(
    one: Health, clock: HandClock
) -> None:
    clock.time += 10
    one.report("get", 0.01)
    one.report("put", 5.0, timeout)
    assert one.state == "down"


def test_late_news_of_a_provider_that_is_down_changes_nothing(one: Health, clock: HandClock) -> None:
    fail(one)
    at = one.next_probe_at
    one.report("get", 0.01)
    one.report("get", 0.01, refused)
    one.report_corrupt()
    assert (one.state, one.next_probe_at) == ("down", at)


def test_only_a_probe_closes_the_breaker(one: Health) -> None:
    fail(one)
    one.report_probe(timeout)
    assert one.state == "down"
    assert "timeout" in one.findings().why
    one.report_probe()
    assert (one.state, one.available, one.next_probe_at) == ("healthy", True, None)
    one.report("get", 0.01, refused)
    assert one.available, "old failures are forgotten"


def test_probes_come_at_growing_and_uneven_intervals_up_to_five_seconds(
    one: Health, clock: HandClock
) -> None:
    fail(one)
    pauses = []
    for _ in range(40):
        assert one.next_probe_at is not None
        pauses.append(one.next_probe_at - clock.time)
        clock.time = one.next_probe_at
        one.report_probe(refused)
    assert 0.125 <= pauses[0] <= 0.25
    assert all(pause <= 5 for pause in pauses)
    assert all(pause >= 2.5 for pause in pauses[5:])
    assert len(set(pauses)) == 40


def test_a_flapping_provider_stays_out_longer_and_a_calm_one_is_forgiven(
    one: Health, clock: HandClock
) -> None:
    def pause_after_failing() -> float:
        fail(one)
        assert one.next_probe_at is not None
        pause = one.next_probe_at - clock.time
        clock.time = one.next_probe_at
        one.report_probe()
        return pause

    pauses = [pause_after_failing() for _ in range(8)]
    assert pauses[-1] >= 2.5
    clock.time += health.calm_s + 1
    assert pause_after_failing() <= 0.25


# ---------------------------------------------------------------- damage, markers


def test_a_few_damaged_reads_in_a_short_time_open_the_breaker(one: Health) -> None:
    one.report_corrupt()
    one.report_corrupt()
    assert one.available
    one.report_corrupt()
    assert one.state == "down"
    assert one.findings().corrupt == 3


def test_damage_now_and_then_does_not(one: Health, clock: HandClock) -> None:
    for _ in range(20):
        one.report_corrupt()
        clock.time += health.corrupt_window_s / 2
    assert one.available


def test_a_provider_without_its_marker_is_estranged_until_it_has_it_again(one: Health) -> None:
    one.report_marker(ok=False)
    assert (one.state, one.available) == ("estranged", False)
    one.report("get", 0.01)
    assert one.state == "estranged"
    one.report_marker(ok=True)
    assert (one.state, one.available) == ("healthy", True)


def test_estranged_and_down_is_estranged_and_both_must_end(one: Health) -> None:
    fail(one)
    one.report_marker(ok=False)
    assert one.state == "estranged"
    one.report_marker(ok=True)
    assert one.state == "down"
    one.report_marker(ok=False)
    one.report_probe()
    assert one.state == "estranged"
    one.report_marker(ok=True)
    assert one.state == "healthy"


def test_each_change_of_state_is_told_once(one: Health) -> None:
    told: list[str] = []
    one.changed = lambda: told.append(one.state)
    fail(one)
    fail(one)
    one.report_marker(ok=False)
    one.report_marker(ok=False)
    one.report_probe()
    one.report_marker(ok=True)
    assert told == ["down", "estranged", "healthy"]


# ---------------------------------------------------------------- suspicion


def test_a_provider_that_is_silent_while_it_is_asked_is_suspected(one: Health, clock: HandClock) -> None:
    assert not one.started("put", clock.time)
    clock.time += 0.3
    assert not one.started("put", clock.time)
    clock.time += 0.3
    assert one.started("put", clock.time)
    assert not one.started("put", clock.time), "once a second"
    clock.time += 1.1
    assert one.started("put", clock.time)


def test_one_that_answers_now_and_then_is_not(one: Health, clock: HandClock) -> None:
    for _ in range(50):
        assert not one.started("put", clock.time)
        clock.time += 0.2
        assert not one.started("put", clock.time)
        clock.time += 0.2
        one.report("put", 0.4)


def test_one_that_is_far_away_is_given_the_time_that_its_answers_take(one: Health, clock: HandClock) -> None:
    for _ in range(20):
        one.report("get", 0.8)
    clock.time += 3600
    assert not one.started("put", clock.time)
    clock.time += 1.5
    assert not one.started("put", clock.time)
    clock.time += 0.2
    assert one.started("put", clock.time)


def test_a_verb_that_was_not_used_yet_takes_no_less_than_the_others(one: Health) -> None:
    one.report("get", 0.8)
    assert one.durations.expected_s("put", 1000) == 0.8


def test_answers_to_reads_do_not_cover_silent_writes(one: Health, clock: HandClock) -> None:
    suspected = False
    for _ in range(10):
        suspected = suspected or one.started("put", clock.time)
        one.started("get", clock.time)
        one.report("get", 0.01)
        clock.time += 0.1
    assert suspected


# ---------------------------------------------------------------- expectations


def test_an_unknown_provider_is_expected_to_be_neither_fast_nor_slow(one: Health) -> None:
    assert one.durations.expected_s("get") == durations.expected_s_guess
    assert one.durations.late_s("get") == durations.expected_s_guess


def test_expectations_follow_what_calls_take(one: Health, clock: HandClock) -> None:
    for _ in range(100):
        one.report("get", 0.02)
    assert one.durations.expected_s("get") == pytest.approx(0.02)
    for _ in range(50):
        one.report("get", 0.2)
    assert one.durations.expected_s("get") == pytest.approx(0.2, rel=0.05)


def test_late_is_what_only_one_in_twenty_is(one: Health) -> None:
    for number in range(640):
        one.report("get", 0.5 if number % 30 == 0 else 0.02 + number % 10 / 1000)
    assert 0.02 <= one.durations.late_s("get") <= 0.03


def test_noise_is_not_late_and_the_hopelessly_slow_are(one: Health) -> None:
    for _ in range(20):
        one.report("get", 0.000_1)
        one.report("put", 30.0)
    assert one.durations.late_s("get") == durations.late_s_min
    assert one.durations.late_s("put") == durations.late_s_max


def test_small_and_large_transfers_are_expected_apart(one: Health) -> None:
    for _ in range(20):
        one.report("get", 0.001, None, 1000)
        one.report("get", 0.1, None, 4 << 20)
    assert one.durations.expected_s("get", 100) == pytest.approx(0.001)
    assert one.durations.expected_s("get", 2 << 20) == pytest.approx(0.1)
    assert one.durations.expected_s("get") == pytest.approx(0.1), "unless said otherwise, a large one"
    assert one.durations.expected_s("get", 500_000) == pytest.approx(0.001), "the nearest that is known"
    assert one.durations.late_s("get", 100) < one.durations.late_s("get", 4 << 20)


def test_calls_given_up_make_a_provider_slower_than_it_looked_but_never_faster(one: Health) -> None:
    for _ in range(20):
        one.report("get", 0.01)
    for _ in range(20):
        one.report_given_up("get", 0.001)
    assert one.durations.expected_s("get") == pytest.approx(0.01)
    for _ in range(50):
        one.report_given_up("get", 0.5)
    assert one.durations.expected_s("get") > 0.4
    assert one.available


def test_a_slow_providers_bad_name_fades_when_nobody_asks_it(one: Health, clock: HandClock) -> None:
    for _ in range(50):
        one.report("get", 2.0)
    clock.time += 300
    assert one.durations.expected_s("get") < 0.01


# ---------------------------------------------------------------- findings


def test_findings_tell_state_reason_and_counts(one: Health, clock: HandClock) -> None:
    one.report("get", 0.01)
    one.report("put", 0.02, Full("p", "put"))
    fail(one)
    clock.time += 7
    found = one.findings()
    assert (found.name, found.state, found.since_s) == ("p", "down", 7)
    assert "refused" in found.why
    assert (found.calls, found.opened) == (5, 1)
    assert found.failures == {"refused": 3}
    assert set(found.expected_s) == {"get", "put"}


def fail(one: Health) -> None:
    for _ in range(3):
        one.report("get", 0.01, refused)


# ---------------------------------------------------------------- troubles


def kinds(one: Health) -> list[str]:
    assert all(trouble.what and trouble.remedy for trouble in one.troubles())
    return [trouble.kind for trouble in one.troubles()]


def test_a_refused_write_is_a_trouble_of_a_healthy_provider_until_one_succeeds(one: Health) -> None:
    one.report("put", 0.01, Denied("p", "put"))
    one.report("get", 0.01)
    assert (one.state, kinds(one)) == ("healthy", ["denied"])
    one.report("create", 0.01, Exists("p", "create"))
    assert kinds(one) == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Expired("p", "put"), "expired"),
        (Locked("p", "put"), "locked"),
        (Full("p", "put"), "full"),
        (Unavailable("p", "put", "", Cause.MISSING), "missing"),
    ],
)
def test_what_does_not_pass_by_itself_is_named(one: Health, error: ProviderError, kind: str) -> None:
    one.report("put", 0.01, error)
    assert kinds(one) == [kind]


def test_a_full_place_is_full_until_as_large_a_write_is_done_there(one: Health) -> None:
    """A full disk takes many a small file, and would look well after each of them."""
    one.report("put", 0.01, Full("p", "put"), 5_000_000)
    one.report("put", 0.01, Full("p", "put"), 1_000)
    one.report("create", 0.01, None, 1_000)
    one.report("get", 0.01, None, 8_000_000)
    assert (kinds(one), one.refused_bytes, one.takes_writes) == (["full"], 5_000_000, False)
    one.report("put", 0.01, None, 5_000_000)
    assert (kinds(one), one.refused_bytes, one.takes_writes) == ([], None, True)


def test_who_may_not_write_takes_no_writes_and_is_healthy(one: Health) -> None:
    one.report("put", 0.01, Denied("p", "put"))
    assert (one.state, one.takes_writes) == ("healthy", False)
    one.report("put", 0.01)
    assert one.takes_writes
    fail(one)
    assert not one.takes_writes


def test_what_passes_by_itself_is_a_trouble_only_while_the_breaker_is_open(one: Health) -> None:
    one.report("get", 0.01, refused)
    assert kinds(one) == []
    fail(one)
    assert kinds(one) == ["refused"]
    one.report_probe(timeout)
    assert kinds(one) == ["timeout"]
    one.report_probe()
    assert kinds(one) == []


def test_a_missing_object_is_no_trouble(one: Health) -> None:
    one.report("get", 0.01, NotFound("p", "get"))
    assert kinds(one) == []


def test_rights_to_read_write_list_and_delete_are_troubles_of_their_own(one: Health) -> None:
    for verb in ("put", "delete", "list"):
        one.report(verb, 0.01, Denied("p", verb))
    assert kinds(one) == ["denied"] * 3
    one.report("put", 0.01)
    assert [("delete" in t.what, "delete" in t.remedy) for t in one.troubles()] == [
        (True, True),
        (False, False),
    ]


def test_a_strange_marker_is_named_by_what_it_says(one: Health) -> None:
    ours = Marker(b"s" * 16, "p", b"1" * 16)
    for present, kind in (
        (None, "emptied"),
        (Marker(b"x" * 16, "p", b"1" * 16), "other-store"),
        (Marker(b"s" * 16, "q", b"1" * 16), "swapped"),
        (Marker(b"s" * 16, "p", b"0" * 16), "old-copy"),
    ):
        stranger = of_marker(ours, present)
        assert stranger is not None
        one.report_marker(False, stranger)
        assert (one.state, kinds(one)) == ("estranged", [kind])
    assert of_marker(ours, ours) is None


def test_what_was_given_up_counts_until_something_has_ended() -> None:
    latency = Latency()
    assert not latency.known
    for seconds in (1.0, 2.0, 1.5):
        latency.add_given_up(seconds, 0.0)
    assert (latency.known, latency.answered) == (True, False)
    assert latency.expected_s(0.0) == latency.late_s() == 2.0
    latency.add(0.0, 0.0)
    assert (latency.known, latency.answered, latency.expected_s(0.0)) == (True, True, 0.0)
