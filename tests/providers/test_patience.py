from outlast.base import limits
from outlast.base.limits import KIB, MIB
from outlast.providers.patience import Patience, doublings_max


def test_a_large_call_has_a_second_for_each_mebibyte_at_first() -> None:
    assert Patience(5.0).deadline_s(8 * MIB) == 13.0
    assert Patience(5.0).deadline_s(0) == 5.0


def test_each_large_call_that_was_too_slow_doubles_the_time() -> None:
    patience = Patience(5.0)
    deadlines = [patience.deadline_s(4 * MIB)]
    while patience.extend(4 * MIB, deadlines[-1]):
        deadlines.append(patience.deadline_s(4 * MIB))
    assert deadlines == [9.0, 18.0, 36.0, 72.0, 5 + 4 * MIB / limits.link_bytes_per_s_min]
    assert patience.deadline_s(4 * MIB) == 9.0, "it answers none, so it hangs"
    assert patience.deadline_s(0) == 5.0


def test_where_the_slowest_link_would_have_answered_it_hangs() -> None:
    patience = Patience(5.0)
    for _ in range(doublings_max + 1):
        patience.extend(MIB // 2, patience.deadline_s(MIB // 2))
    assert patience.deadline_s(MIB // 2) == 5.5


def test_a_provider_that_answers_no_large_call_gets_the_usual_time_again() -> None:
    patience = Patience(5.0)
    for _ in range(doublings_max):
        assert patience.extend(8 * MIB, patience.deadline_s(8 * MIB))
    assert not patience.extend(8 * MIB, patience.deadline_s(8 * MIB))
    assert patience.deadline_s(8 * MIB) == 13.0
    assert not patience.extend(8 * MIB, 13.0), "it stays so"
    patience.answered(64 * KIB, 1.0)
    assert patience.deadline_s(8 * MIB) == 5 + 8 * MIB / (32 * KIB), "the link is slow, and does not hang"


def test_calls_that_were_too_slow_at_the_same_time_double_it_once() -> None:
    patience = Patience(5.0)
    assert all(patience.extend(4 * MIB, 9.0) for _ in range(3))
    assert patience.deadline_s(4 * MIB) == 18.0


def test_a_small_call_says_nothing_about_the_link() -> None:
    patience = Patience(5.0)
    assert not patience.extend(KIB, patience.deadline_s(KIB))
    assert patience.deadline_s(4 * MIB) == 9.0


def test_a_large_call_that_was_quick_again_takes_the_time_back() -> None:
    patience = Patience(5.0)
    patience.extend(4 * MIB, 9.0)
    patience.answered(MIB, 2.0)
    assert patience.deadline_s(4 * MIB) == 18.0, "no faster than it has to be"
    patience.answered(MIB, 0.1)
    assert patience.deadline_s(4 * MIB) == 9.0
