"""Every run of a small log, breadth first: three voters, two proposers, two slots, an erasure and a retake.

The rules are production's (`quorum.ballot`); what is modeled is who asks whom when. A step is one answer of
one voter, or a decision of a proposer, in any order. A voter is erased at any moment, and taken back once a
record that says so was decided: it is given the slots up to that record, and votes again under a new
incarnation. A proposer learns of that with the record. It may ask for promises for slot 1 ahead of time,
before it knows slot 0, and relies on them later; production does not even that (its announcements are
requests), so the model allows more than it.

Agreement must hold in every state. That the model can fail is shown by leaving out one rule at a time.
Left out to keep it small: only the first proposer repairs, only the second asks ahead, and nobody is asked
beyond a majority of promises.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest

from outlast.quorum.ballot import Ballot, SlotState, accept, adopted, majority, promise

SLOTS, VOTERS, ERASED = 2, 3, 2
ROUND_MAX = 1
RETAKE = b"retake"

promise, accept = cache(promise), cache(accept)


class Voter(NamedTuple):
    """`counts`: its marker is there, with the incarnation."""

    counts: bool
    incarnation: int
    rows: tuple[SlotState | None, ...]


class Attempt(NamedTuple):
    """One ballot. `heard`: what voters had accepted then; `value`: None in the first phase."""

    slot: int
    ballot: Ballot
    incarnation: int
    """Of the voter that may be erased, as the proposer expected when it began."""
    heard: frozenset[tuple[int, Ballot | None, bytes | None]] = frozenset()
    value: bytes | None = None
    accepted: frozenset[int] = frozenset()


class Proposer(NamedTuple):
    """`known`: the values of the slots that it has applied; `used`: its rounds (slot, round)."""

    known: tuple[bytes, ...] = ()
    incarnation: int = 0
    used: frozenset[tuple[int, int]] = frozenset()
    attempt: Attempt | None = None


class World(NamedTuple):
    """`decided`: what a majority has accepted, by slot, as far as somebody has counted it."""

    voters: tuple[Voter, ...]
    proposers: tuple[Proposer, ...]
    decided: tuple[frozenset[tuple[Ballot, bytes]], ...]
    erased: bool = False


START = World((Voter(True, 0, (None,) * SLOTS),) * VOTERS, (Proposer(),) * 2, (frozenset(),) * SLOTS)


class Model:
    """`without`: the rule that is left out."""

    def __init__(self, without: str = "") -> None:
        self.without = without

    def explore(self) -> tuple[int, World | None]:
        """How many states there are, and the first that violates agreement."""
        seen, level = {START}, [START]
        while level:
            following = []
            for world in level:
                for new in self.steps(world):
                    if new not in seen and _mirrored(new) not in seen:
                        seen.add(new)
                        if any(len({value for _, value in slot}) > 1 for slot in new.decided):
                            return len(seen), new
                        following.append(new)
            level = following
        return len(seen), None

    def steps(self, world: World) -> Iterator[World]:
        yield from self._befall(world)
        for number, proposer in enumerate(world.proposers):
            for voters, changed, decided in self._moves(world, number, proposer):
                proposers = (*world.proposers[:number], changed, *world.proposers[number + 1 :])
                yield World(voters, proposers, decided, world.erased)

    def _befall(self, world: World) -> Iterator[World]:
        voter = world.voters[ERASED]
        if not world.erased:
            gone = Voter(False, 0, (None,) * SLOTS)
            yield world._replace(voters=(*world.voters[:ERASED], gone), erased=True)
        elif not voter.counts:
            for slot, decisions in enumerate(world.decided):
                for _, value in decisions:
                    if value.endswith(RETAKE):
                        back = self._taken_back(world, slot)
                        yield world._replace(voters=(*world.voters[:ERASED], back))

    def _taken_back(self, world: World, until: int) -> Voter:
        rows: list[SlotState | None] = []
        for slot, decisions in enumerate(world.decided):
            ballot, value = min(decisions) if decisions and slot <= until else (None, None)
            rows.append(None if ballot is None else SlotState(ballot, ballot, value))
        return Voter(True, 1, tuple(rows))

    def _moves(
        self, world: World, number: int, one: Proposer
    ) -> Iterator[tuple[tuple[Voter, ...], Proposer, tuple[frozenset[tuple[Ballot, bytes]], ...]]]:
        voters, decided = world.voters, world.decided
        slot, attempt = len(one.known), one.attempt
        if slot < SLOTS:
            for _, value in decided[slot]:  # it learns what was decided from whoever tells
                yield voters, self._apply(one, value), decided
        if attempt is None or attempt.slot < slot:
            for begun in self._begun(number, one):
                yield voters, begun, decided
            return
        for index, voter in enumerate(voters):
            if not self._is_heard(one, attempt, index, voter):
                continue
            row = voter.rows[attempt.slot]
            if attempt.value is None:
                asked = len(attempt.heard) < majority(VOTERS) and index not in {
                    one for one, *_ in attempt.heard
                }
                if asked:
                    after = promise(row, attempt.ballot)
                    if after is not None:
                        before = (None, None) if row is None else (row.accepted, row.value)
                        heard = attempt.heard | {(index, *before)}
                        changed = one._replace(attempt=attempt._replace(heard=heard))
                        yield _with(voters, index, attempt.slot, after), changed, decided
            elif index not in attempt.accepted:
                after = accept(row, attempt.ballot, attempt.value)
                if after is not None:
                    yield self._accepted(voters, one, attempt, index, after, decided)
        if attempt.value is None and len(attempt.heard) >= majority(VOTERS) and attempt.slot == slot:
            heard = [
                SlotState(ballot, ballot, value) for _, ballot, value in attempt.heard if ballot is not None
            ]
            chosen = adopted(heard)
            own = b"%d" % number
            for value in (own, own + RETAKE) if chosen is None else (chosen,):
                if chosen is not None or value == own or (number == 0 and world.erased):
                    begun = attempt._replace(value=value, heard=frozenset())
                    yield voters, one._replace(attempt=begun), decided

    def _begun(self, number: int, one: Proposer) -> Iterator[Proposer]:
        slot = len(one.known)
        for ahead in range(slot, SLOTS if number == 1 else min(slot + 1, SLOTS)):
            for round in range(1, ROUND_MAX + 1):
                if (ahead, round) not in one.used:
                    begun = Attempt(ahead, Ballot(round, b"%d" % number), one.incarnation)
                    yield one._replace(used=one.used | {(ahead, round)}, attempt=begun)
        owner = b"0" if slot == 0 else one.known[-1][:1]
        if slot < SLOTS and owner == b"%d" % number and not any(used == slot for used, _ in one.used):
            fast = Attempt(slot, Ballot(0, owner), one.incarnation, value=owner)
            yield one._replace(used=one.used | {(slot, 0)}, attempt=fast)

    def _is_heard(self, one: Proposer, attempt: Attempt, index: int, voter: Voter) -> bool:
        """Whether the voter's answer counts: under its marker, and in an attempt of the present incarnations.

        Those of before were promised something that a voter has forgotten since, whoever answers now.
        """
        if attempt.incarnation != one.incarnation and self.without != "view":
            return False
        if index != ERASED:
            return True
        if not voter.counts:
            return self.without == "marker"
        return voter.incarnation == one.incarnation

    def _accepted(
        self,
        voters: tuple[Voter, ...],
        one: Proposer,
        attempt: Attempt,
        index: int,
        after: SlotState,
        decided: tuple[frozenset[tuple[Ballot, bytes]], ...],
    ) -> tuple[tuple[Voter, ...], Proposer, tuple[frozenset[tuple[Ballot, bytes]], ...]]:
        voters = _with(voters, index, attempt.slot, after)
        accepted = attempt.accepted | {index}
        one = one._replace(attempt=attempt._replace(accepted=accepted))
        if len(accepted) >= majority(VOTERS) and len(one.known) == attempt.slot:
            assert attempt.value is not None
            slot = decided[attempt.slot] | {(attempt.ballot, attempt.value)}
            decided = (*decided[: attempt.slot], slot, *decided[attempt.slot + 1 :])
            one = self._apply(one, attempt.value)
        return voters, one, decided

    def _apply(self, one: Proposer, value: bytes) -> Proposer:
        incarnation = 1 if value.endswith(RETAKE) else one.incarnation
        attempt = one.attempt
        if attempt is not None and attempt.slot == len(one.known):
            attempt = None
        known = (*one.known, value)
        used = frozenset((slot, round) for slot, round in one.used if slot >= len(known))  # asked for no more
        return Proposer(known, incarnation, used, attempt)


def _mirrored(world: World) -> World:
    """The same with the two voters that are never erased in each other's place: one of both is enough."""
    first, second, *others = world.voters
    proposers = tuple(
        one if one.attempt is None else one._replace(attempt=_mirrored_attempt(one.attempt))
        for one in world.proposers
    )
    return world._replace(voters=(second, first, *others), proposers=proposers)


@cache
def _mirrored_attempt(attempt: Attempt) -> Attempt:
    return attempt._replace(
        heard=frozenset((_MIRROR[index], *rest) for index, *rest in attempt.heard),
        accepted=frozenset(_MIRROR[index] for index in attempt.accepted),
    )


_MIRROR = (1, 0, ERASED)


def _with(voters: tuple[Voter, ...], index: int, slot: int, state: SlotState) -> tuple[Voter, ...]:
    rows = voters[index].rows
    voter = voters[index]._replace(rows=(*rows[:slot], state, *rows[slot + 1 :]))
    return (*voters[:index], voter, *voters[index + 1 :])


@pytest.mark.slow
def test_no_run_decides_a_slot_twice() -> None:
    states, violation = Model().explore()
    assert violation is None, violation
    assert states > 10_000, "the model hardly moves"


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["marker", "view"])
def test_without_this_rule_some_run_does(rule: str) -> None:
    """An erased voter answers; promises outlive an incarnation."""
    _, violation = Model(without=rule).explore()
    assert violation is not None
