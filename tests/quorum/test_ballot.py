"""The acceptor's rules, searched exhaustively: no order of events makes two values chosen in one slot."""

from dataclasses import dataclass, replace
from itertools import product

import pytest

from outlast.quorum.ballot import (
    Ballot,
    SlotState,
    accept,
    adopted,
    majority,
    promise,
)

OWNER, OTHER = b"\1" * 16, b"\2" * 16


def test_ballots_are_ordered_by_round_then_gateway() -> None:
    assert Ballot(0, OTHER) < Ballot(1, OWNER) < Ballot(1, OTHER)


def test_promise_keeps_what_was_accepted() -> None:
    state = accept(None, Ballot(0, OWNER), b"x")
    assert promise(state, Ballot(1, OTHER)) == SlotState(Ballot(1, OTHER), Ballot(0, OWNER), b"x")


def test_promise_and_accept_below_a_promise_are_outvoted() -> None:
    state = promise(None, Ballot(2, OWNER))
    assert promise(state, Ballot(1, OTHER)) is None
    assert accept(state, Ballot(1, OTHER), b"x") is None


def test_adopted_is_the_value_of_the_highest_accepted_ballot() -> None:
    low = SlotState(Ballot(3, OWNER), Ballot(1, OWNER), b"low")
    high = SlotState(Ballot(2, OTHER), Ballot(2, OTHER), b"high")
    assert adopted([low, None, high, SlotState(Ballot(9, OWNER))]) == b"high"
    assert adopted([None, SlotState(Ballot(9, OWNER))]) is None


@pytest.mark.parametrize(("voters", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_any_two_majorities_meet(voters: int, needed: int) -> None:
    assert majority(voters) == needed
    assert 2 * needed > voters


# ---- the exhaustive search: two proposers, three voters, every interleaving, answers may be lost


@dataclass(frozen=True)
class Proposer:
    """`phase` 0: fast round (owner only), 1: promising, 2: accepting. `heard`: what each voter held."""

    gateway: bytes
    ballot: Ballot
    phase: int
    value: bytes
    chosen: bytes = b""
    heard: tuple[SlotState | str | None, ...] = ("silent",) * 3


@dataclass(frozen=True)
class World:
    voters: tuple[SlotState | None, ...]
    proposers: tuple[Proposer, ...]
    accepted: frozenset[tuple[int, Ballot, bytes]] = frozenset()


def chosen_values(world: World) -> set[bytes]:
    votes: dict[tuple[Ballot, bytes], set[int]] = {}
    for voter, ballot, value in world.accepted:
        votes.setdefault((ballot, value), set()).add(voter)
    return {value for (_, value), voters in votes.items() if len(voters) >= 2}


def moves(world: World, rounds_max: int, adopt: bool):
    for number, proposer in enumerate(world.proposers):
        for voter, lost in product(range(3), (False, True)):
            yield from message(world, number, proposer, voter, lost)
        granted = [state for state in proposer.heard if state != "silent"]
        if proposer.phase == 1 and len(granted) >= 2:
            value = (adopted(granted) if adopt else None) or proposer.value
            yield with_proposer(
                world, number, replace(proposer, phase=2, chosen=value, heard=("silent",) * 3)
            )
        if proposer.ballot.round < rounds_max:
            ballot = Ballot(proposer.ballot.round + 1, proposer.gateway)
            yield with_proposer(
                world, number, replace(proposer, phase=1, ballot=ballot, heard=("silent",) * 3)
            )


def message(world: World, number: int, proposer: Proposer, voter: int, lost: bool):
    state = world.voters[voter]
    if proposer.phase == 0:
        if state is not None:
            return
        after = accept(None, proposer.ballot, proposer.value)
    elif proposer.phase == 1:
        after = promise(state, proposer.ballot)
    else:
        after = accept(state, proposer.ballot, proposer.chosen)
    if after is None or (after == state and lost):
        return
    voters = (*world.voters[:voter], after, *world.voters[voter + 1 :])
    accepted = world.accepted
    if proposer.phase != 1:
        assert after.value is not None
        accepted = accepted | {(voter, proposer.ballot, after.value)}
    if not lost:
        heard = (*proposer.heard[:voter], state, *proposer.heard[voter + 1 :])
        proposer = replace(proposer, heard=heard)
    yield with_proposer(replace(world, voters=voters, accepted=accepted), number, proposer)


def with_proposer(world: World, number: int, proposer: Proposer) -> World:
    proposers = (*world.proposers[:number], proposer, *world.proposers[number + 1 :])
    return replace(world, proposers=proposers)


def search(rounds_max: int, adopt: bool = True, states_max: int = 10**7) -> tuple[int, bool]:
    """(states seen, whether two values were ever chosen)."""
    first = World(
        (None,) * 3,
        (
            Proposer(OWNER, Ballot(0, OWNER), 0, b"owner's"),
            Proposer(OTHER, Ballot(0, OTHER), 1, b"other's", heard=("silent",) * 3),
        ),
    )
    first = replace(
        first, proposers=(first.proposers[0], replace(first.proposers[1], ballot=Ballot(1, OTHER)))
    )
    seen, frontier = {first}, [first]
    while frontier and len(seen) < states_max:
        world = frontier.pop()
        if len(chosen_values(world)) > 1:
            return len(seen), True
        for following in moves(world, rounds_max, adopt):
            if following not in seen:
                seen.add(following)
                frontier.append(following)
    return len(seen), False


def test_without_adoption_two_values_are_chosen() -> None:
    assert search(1, adopt=False)[1], "the search must be able to find a violation"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_interleaving_of_two_proposers_chooses_two_values() -> None:
    states, violated = search(1)
    assert not violated
    assert states > 10_000
