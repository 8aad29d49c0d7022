"""The swarm: some seeds of every profile hold what the store promises, and reach what they are there for."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from outlast.testing.swarm.assume import Assume
from outlast.testing.swarm.batch import SeedBatch, run_batch
from outlast.testing.swarm.mutants import BEGIN, END, find
from outlast.testing.swarm.options import Mishap, Options, draw
from outlast.testing.swarm.planted import PLANTED
from outlast.testing.swarm.profiles import PROFILES, SOAKED, WITHOUT
from outlast.testing.swarm.run import RunOutcome, run
from outlast.testing.swarm.shrink import shrink

PAGE = Path(__file__).parents[2] / "docs" / "internals" / "simulator.md"

# A fixed budget: a minute on one core for all of this file. The rest is `make soak`.
SEEDS = {
    "log erasures": 2,
    "log disks": 2,
    "store everything": 2,
    "store machines": 2,
    "store writers": 2,
}
"""How many seeds of a profile, if more than one."""

QUICK = ("log rests", "store markers")
"""One world of each kind that `make fast` has."""

MARKS: dict[str, tuple[str, ...]] = {
    "log erasures": (
        "checkers: a value was accepted under a ballot with promises",
        "checkers: a voter was taken back",
        "scenario: a provider was erased",
    ),
    "log disks": (
        "checkers: a value was accepted under a ballot with promises",
        "scenario: a disk was unmounted and is back",
        "scenario: a machine crashed at a crash point",
    ),
    "log rests": (
        "checkers: a value was accepted under a ballot with promises",
        "checkers: a voter was taken back",
        "commit: includes what another gateway announced",
        "proposer: an announcement was seen ahead",
        "proposer: back off",
    ),
    "log emptied disks": (
        "checkers: a voter was taken back",
        "learn: an undecided value is carried on",
        "log world: a gateway started from nothing",
    ),
    "log reservations": (
        "checkers: a voter was taken back",
        "proposer: an announcement was seen ahead",
    ),
    "log machines": ("checkers: a value was accepted under a ballot with promises",),
    "log nonsense": (
        "checkers: a value was accepted under a ballot with promises",
        "commit: another gateway included our submission",
        "commit: includes what another gateway announced",
        "proposer: an announcement was seen ahead",
        "proposer: back off",
    ),
    "log stale": ("checkers: a value was accepted under a ballot with promises",),
    "log distances": ("checkers: a value was accepted under a ballot with promises",),
    "log slow lines": ("portions: states are read in portions",),
    "store losses": (
        "checkers: a value was accepted under a ballot with promises",
        "collect: a batch of extents was looked at",
        "gather: hedged",
        "proposer: an announcement was seen ahead",
        "proposer: back off",
    ),
    "store uploads": (
        "checkers: a voter was taken back",
        "redundancy: a fragment was missing when its object was committed",
    ),
    "store mounts": (
        "redundancy: a fragment was missing when its object was committed",
        "scenario: a disk was unmounted and is back",
    ),
    "store writers": (
        "checkers: a voter was taken back",
        "scenario: a machine crashed at a crash point",
    ),
    "store decay": ("mender: an extent was restored", "restore: a fragment was rebuilt"),
    "store markers": ("checkers: a voter was taken back", "repair: a provider is taken back"),
    "store machines": (
        "checkers: a value was accepted under a ballot with promises",
        "collect: a batch of extents was looked at",
        "guard: a silent provider was questioned",
        "mender: an extent was restored",
        "proposer: back off",
        "restore: a fragment was rebuilt",
    ),
    "store readers": (
        "checkers: a value was accepted under a ballot with promises",
        "collect: a batch of extents was looked at",
        "gather: hedged",
    ),
    "store everything": (
        "checkers: a value was accepted under a ballot with promises",
        "collect: a batch of extents was looked at",
        "gather: hedged",
        "guard: a call to a provider that is down was refused",
        "guard: a provider is back",
        "guard: a silent provider was questioned",
        "restore: a fragment was rebuilt",
    ),
}
"""What the seeds of a profile must reach between them."""


def seeds_of(profile: str) -> ParameterSet:
    return pytest.param(profile, marks=[] if profile in QUICK else [pytest.mark.slow])


@pytest.mark.parametrize("profile", map(seeds_of, SOAKED))
def test_the_world_holds(profile: str) -> None:
    batch = run_batch(profile, range(SEEDS.get(profile, 1)))
    assert not batch.failed, batch.failed[0].report()
    assert batch.never_reached(MARKS.get(profile, ())) == []


def test_every_list_of_marks_belongs_to_a_profile() -> None:
    assert set(MARKS) <= set(SOAKED)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["log erasures", "store everything"])
def test_the_same_seed_gives_the_same_run(profile: str) -> None:
    options = draw(1, PROFILES[profile])
    options = replace(options, seats=tuple(replace(seat, operations=3) for seat in options.seats))
    first, second = run(options), run(options)
    assert (first.fingerprint, first.steps) == (second.fingerprint, second.steps)


def test_options_are_a_function_of_the_seed() -> None:
    profile = PROFILES["store everything"]
    assert draw(5, profile) == draw(5, profile)
    assert len({draw(seed, profile) for seed in range(20)}) == 20


def test_a_mark_that_no_seed_reached_is_reported() -> None:
    batch = SeedBatch()
    batch.add(RunOutcome(draw(1, PROFILES["log erasures"]), marks=Counter({"here": 2})))
    assert batch.never_reached(["here", "nowhere"]) == ["nowhere"]


def test_shrinking_keeps_what_the_failure_needs() -> None:
    options = replace(
        draw(1, PROFILES["log erasures"]),
        faults=tuple(Mishap("erase", float(number), number % 3, 1.0) for number in range(8)),
    )

    def again(tried: Options) -> RunOutcome:
        needed = any(fault.at_s == 5 for fault in tried.faults)
        return RunOutcome(tried, "agreement" if needed else "")

    small = shrink(again(options), again=again)
    assert [fault.at_s for fault in small.options.faults] == [5]
    assert len(small.options.seats) == 1


def test_shrinking_does_not_take_another_failure_for_the_same() -> None:
    options = draw(1, PROFILES["log erasures"])

    def again(tried: Options) -> RunOutcome:
        return RunOutcome(tried, "agreement" if tried == options else "liveness")

    assert shrink(again(options), again=again).options == options


@pytest.mark.slow
@pytest.mark.parametrize("assumption", WITHOUT)
def test_what_an_assumption_keeps_away_is_found_without_it(assumption: str) -> None:
    without = WITHOUT[assumption]
    outcome = run(draw(without.seed, without.profile))
    assert outcome.violation in without.kinds, outcome.report()


def test_every_assumption_is_left_out_once_and_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert set(WITHOUT) == set(Assume.__dataclass_fields__)
    for name, without in WITHOUT.items():
        assert without.profile.assume == replace(Assume(), **{name: False})
        assert f"`{name}`" in page


@pytest.mark.slow
@pytest.mark.parametrize("name", [one.name for one in PLANTED.values() if one.profile])
def test_a_planted_bug_is_found(name: str) -> None:
    """By its own seed (after a change elsewhere, by one of the next), which holds without the bug."""
    planted = PLANTED[name]
    verdict = find(planted, planted.seed)
    assert verdict.found, "none of these seeds finds it any more; make mutants says which do"
    assert verdict.options is not None
    assert run(verdict.options).violation == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", [one.name for one in PLANTED.values() if one.test])
def test_a_planted_bug_that_the_worlds_do_not_contain_fails_its_test(name: str) -> None:
    verdict = find(PLANTED[name])
    assert verdict.found
    assert PLANTED[name].test.endswith(verdict.violation.partition("[")[0])


def test_the_table_of_mutants_names_all() -> None:
    table = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = re.findall(r"^\| \d+ \| (.*?) \| (.*?) \| (.*?) \|", table, re.MULTILINE)
    named = {one.name: (one.what, f"`{one.test or one.profile}`") for one in PLANTED.values()}
    assert {name: (what, where) for name, what, where in rows} == named, "run: make mutants, with --table"


def test_every_planted_bug_says_where_it_is_found() -> None:
    for one in PLANTED.values():
        assert bool(one.test) != bool(one.profile and one.kinds)
        assert not one.profile or one.profile in PROFILES
    assert {one.item for one in PLANTED.values()} == set(range(1, 14))
