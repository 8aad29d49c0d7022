"""Extents: references, death, and fragments that are lost and restored."""

from collections.abc import Iterator

import pytest
from making import apply, apply_one, extent, fresh_id, in_extents, part_put, put, upload_created

from outlast.base.errors import NoSuchUpload, PreconditionFailed
from outlast.catalog.content import Piece
from outlast.catalog.records import (
    BucketCreated,
    Condition,
    ExtentsCollected,
    FragmentRestored,
    FragmentsLost,
    ObjectDeleted,
)
from outlast.catalog.state import State


@pytest.fixture
def state() -> Iterator[State]:
    state = State(":memory:")
    apply(state, BucketCreated("bucket", 1))
    yield state
    state.close()


def test_a_lost_fragment_is_known_to_readers_at_once(state: State) -> None:
    there = extent()
    apply(state, put("a", in_extents(there)))
    assert apply_one(state, FragmentsLost(there.id, 0b100)) is True
    assert apply_one(state, FragmentsLost(there.id, 0b001)) is True
    found = state.find("bucket", "a")
    assert found is not None
    [piece] = found.content
    assert isinstance(piece, Piece)
    assert piece.extent.missing == 0b101
    assert [degraded.id for degraded in state.degraded_extents()] == [there.id]
    assert state.counts().degraded == 1


def test_bits_beyond_the_fragments_are_ignored(state: State) -> None:
    there = extent()
    apply(state, put("a", in_extents(there)), FragmentsLost(there.id, 0xFFF0 | 0b010))
    known = state.extent(there.id)
    assert known is not None
    assert known.missing == 0b010


def test_a_restored_fragment_is_in_its_new_place(state: State) -> None:
    there = extent(missing=0b010)
    apply(state, put("a", in_extents(there)))
    assert apply_one(state, FragmentRestored(there.id, 1, "four")) is True
    known = state.extent(there.id)
    assert known is not None
    assert (known.places, known.missing) == (("one", "four", "three"), 0)
    assert state.degraded_extents() == []


def test_news_of_an_unknown_extent_or_fragment_is_false(state: State) -> None:
    there = extent()
    apply(state, put("a", in_extents(there)))
    outcomes = apply(
        state,
        FragmentsLost(fresh_id(), 1),
        FragmentRestored(fresh_id(), 0, "four"),
        FragmentRestored(there.id, 3, "four"),
        FragmentRestored(there.id, -1, "four"),
    )
    assert outcomes == [False] * 4
    assert state.extents() == [there]


def test_an_extent_dies_with_its_last_reference_and_says_when(state: State) -> None:
    there = extent()
    apply(state, put("a", in_extents(there), at=10), put("b", at=50))
    apply(state, ObjectDeleted("bucket", "a", at=70))
    [dead] = state.dead_extents()
    assert (dead.extent, dead.died) == (there, 70)
    assert (state.dead_extents(died_before=70), len(state.dead_extents(died_before=71))) == ([], 1)


def test_a_death_is_dated_by_the_latest_time_in_the_log(state: State) -> None:
    apply(state, put("a", in_extents(extent()), at=100), put("b", at=5000))
    apply(state, put("a", b"overwritten by a gateway whose clock is behind", at=200))
    assert [dead.died for dead in state.dead_extents()] == [5000]


def test_extents_of_refused_writes_are_dead_at_once(state: State) -> None:
    lost, late, early = extent(), extent(), extent()
    upload = upload_created("never begun")
    outcomes = apply(
        state,
        put("a", in_extents(lost), bucket="nowhere"),
        put("a", in_extents(early), condition=Condition("absent")),
        put("a", in_extents(extent()), condition=Condition("absent")),
        part_put(upload, 1, in_extents(late)),
    )
    assert isinstance(outcomes[2], PreconditionFailed)
    assert isinstance(outcomes[3], NoSuchUpload)
    assert state.extents() == [early]
    assert {lost.id, late.id} < {dead.extent.id for dead in state.dead_extents()}


def test_only_dead_extents_are_collected(state: State) -> None:
    alive, dead = extent(), extent()
    apply(state, put("a", in_extents(alive)), put("b", in_extents(dead)), ObjectDeleted("bucket", "b"))
    assert apply_one(state, ExtentsCollected((alive.id, dead.id, fresh_id()))) is None
    assert (state.extents(), state.dead_extents()) == ([alive], [])
    assert state.extent(dead.id) is None
    assert state.counts().dead == 0


def test_extents_are_read_in_pages_in_the_order_of_their_ids(state: State) -> None:
    extents = [extent(missing=n % 2) for n in range(7)]
    apply(state, put("a", in_extents(*extents)))
    assert state.extents(limit=3) == extents[:3]
    assert state.extents(after=extents[2].id, limit=3) == extents[3:6]
    assert state.degraded_extents(after=extents[1].id) == extents[3::2]


def test_a_dead_extent_is_not_degraded(state: State) -> None:
    there = extent(missing=1)
    apply(state, put("a", in_extents(there)), ObjectDeleted("bucket", "a"))
    assert (state.degraded_extents(), state.counts().degraded) == ([], 0)
    assert apply_one(state, FragmentsLost(there.id, 2)) is True
