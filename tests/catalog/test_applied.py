"""Which slot was applied how long ago: never too early, hardly late, and bounded."""

from random import Random

from outlast.catalog.applied import THINNING, AppliedSlots


def test_nothing_is_known_before_anything_was_noted() -> None:
    assert AppliedSlots().slot_applied_for(0, 1e9) == -1


def test_a_slot_has_been_applied_since_it_was_noted_and_not_before() -> None:
    slots = AppliedSlots()
    slots.note(7, 100.0)
    slots.note(9, 160.0)
    assert [slots.slot_applied_for(60, now) for now in (159.0, 160.0, 219.0, 220.0)] == [-1, 7, 7, 9]
    assert slots.slot_applied_for(0, 160.0) == 9


def test_an_answer_is_never_early_and_late_by_a_sixteenth_at_most() -> None:
    random, slots, now = Random(1), AppliedSlots(), 50.0
    times: list[float] = []
    for slot in range(400):
        now += random.choice([0.0, 0.25, 4.0, 4.0, 60.0])
        slots.note(slot, now)
        times.append(now)
        for seconds in (0.0, 1.0, 60.0, 3600.0):
            known = slots.slot_applied_for(seconds, now)
            assert known == -1 or now - times[known] >= seconds
            late = max(0.0, (seconds + 60) * (1 + 1 / THINNING))
            exact = max((slot for slot, at in enumerate(times) if now - at >= late), default=-1)
            assert known >= exact
    assert len(slots._samples) < 500


def test_a_thousand_days_of_notes_are_a_few_hundred_samples() -> None:
    slots = AppliedSlots()
    for number in range(1000):
        slots.note(number, 86_400.0 * number)
    assert len(slots._samples) < 200
