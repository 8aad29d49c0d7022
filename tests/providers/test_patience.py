from outlast.base import limits
from outlast.base.limits import KIB, MIB
from outlast.providers.patience import Patience


def test_a_large_call_has_a_second_for_each_mebibyte_at_first() -> None:
    assert Patience(5.0).deadline_s(8 * MIB) == 13.0
    assert Patience(5.0).deadline_s(0) == 5.0


def test_each_large_call_that_was_too_slow_doubles_the_time_up_to_that_of_the_slowest_link() -> None:
    patience = Patience(5.0)
    deadlines = [patience.deadline_s(4 * MIB)]
    while patience.extend(4 * MIB, deadlines[-1]):
        deadlines.append(patience.deadline_s(4 * MIB))
    assert deadlines == [9.0, 18.0, 36.0, 72.0, 5 + 4 * MIB / limits.link_bytes_per_s_min]
    assert patience.deadline_s(0) == 5.0


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
