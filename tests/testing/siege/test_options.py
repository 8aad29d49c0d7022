"""The same seed draws the same siege, and what it draws can be held."""

import pytest

from outlast.testing.siege.dice import Dice
from outlast.testing.siege.evidence import command
from outlast.testing.siege.options import DRILLS, NEMESES, PROVIDER_NEMESES, SiegeOptions

SEEDS = range(200)


def drawn() -> list[SiegeOptions]:
    return [SiegeOptions.draw(seed, 120.0) for seed in SEEDS]


def test_the_same_seed_draws_the_same_options() -> None:
    assert drawn() == drawn()
    assert len({options.nemeses for options in drawn()}) > len(SEEDS) / 2


def test_each_nemesis_is_drawn_by_some_seeds_and_left_out_by_others() -> None:
    for nemesis in NEMESES:
        share = sum(nemesis in options.nemeses for options in drawn()) / len(SEEDS)
        assert 0.2 < share < 0.9, nemesis


def test_every_siege_harms_providers_and_every_store_bears_it() -> None:
    for options in drawn():
        assert options.chosen(PROVIDER_NEMESES)
        assert options.providers > 2 * options.tolerate


def test_no_clock_is_slow_where_drills_end_by_clocks() -> None:
    for options in drawn():
        if options.chosen(DRILLS):
            assert min(options.clock_offsets_s) > 0


def test_streams_of_different_purposes_differ() -> None:
    first, other = Dice(1, "first"), Dice(1, "other")
    assert [first.integer(0, 99) for _ in range(5)] != [other.integer(0, 99) for _ in range(5)]


def test_all_choices_are_made_and_no_others() -> None:
    dice = Dice(1, "choices")
    assert {dice.integer(2, 4) for _ in range(100)} == {2, 3, 4}
    assert {dice.pick("abc") for _ in range(100)} == set("abc")
    assert sorted(dice.shuffled(range(10))) == list(range(10))


@pytest.mark.parametrize(
    ("instead", "told"),
    [
        ({}, "make siege SEED=7 MINUTES=2"),
        (
            {"nemeses": ("slow", "erase"), "contents": "small"},
            'make siege SEED=7 MINUTES=2 OPTIONS="--nemeses slow erase --contents small"',
        ),
    ],
)
def test_the_command_that_repeats_a_siege_names_what_the_seed_does_not_say(
    instead: dict[str, object], told: str
) -> None:
    assert command(SiegeOptions.draw(7, 120.0, **instead)) == told
