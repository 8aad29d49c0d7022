"""What lies where, counted."""

from collections.abc import Iterator

import msgspec
import pytest
from making import GENESIS, apply, extent, fragments, in_extents, incarnation, part_put, put, upload_created

from outlast.catalog.placements import Alike, Whole
from outlast.catalog.records import (
    BucketCreated,
    Fragment,
    FragmentsLost,
    FragmentsRestored,
    ObjectCopied,
    ObjectDeleted,
    ProviderReattached,
)
from outlast.catalog.state import State

LYING = ("one", "three", "two")
"""Where an extent of `making` lies, in order."""


@pytest.fixture
def state() -> Iterator[State]:
    state = State(":memory:")
    apply(state, GENESIS, BucketCreated("bucket", 1))
    yield state
    state.close()


def test_an_empty_store_has_nothing_anywhere(state: State) -> None:
    assert state.placements() == ((), ())


def test_extents_that_lie_alike_are_one_entry(state: State) -> None:
    apply(state, put("a", in_extents(extent(10))), put("b", in_extents(extent(20), extent(30))))
    assert state.placements() == ((Alike(2, 1, LYING, (), 3, 60),), (Whole(1, 2, 60),))


def test_which_fragment_is_where_does_not_matter(state: State) -> None:
    turned = extent(10, places=("three", "one", "two"))
    apply(state, put("a", in_extents(extent(10))), put("b", in_extents(turned)))
    assert state.placements().alike == (Alike(2, 1, LYING, (), 2, 20),)


def test_small_objects_have_no_entry(state: State) -> None:
    apply(state, put("a", b"small"))
    assert state.placements() == ((), ())


def test_an_object_belongs_to_the_entries_of_all_its_extents(state: State) -> None:
    apply(state, put("a", in_extents(extent(10), extent(20, missing=0b100))), put("b", in_extents(extent(5))))
    alike, wholes = state.placements()
    assert alike == (Alike(2, 1, LYING, (), 2, 15), Alike(2, 1, ("one", "two"), ("three",), 1, 20))
    assert sorted(wholes) == [Whole(0b01, 1, 5), Whole(0b11, 1, 30)]


def test_what_is_lost_restored_or_moved_is_counted_where_it_is_now(state: State) -> None:
    there = extent(10)
    apply(state, put("a", in_extents(there)), FragmentsLost(there.id, fragments(there, 0, 1)))
    assert state.placements().alike == (Alike(2, 1, ("three",), ("one", "two"), 1, 10),)
    apply(state, FragmentsRestored(there.id, (Fragment(0, "four", incarnation("four")),)))
    assert state.placements().alike == (Alike(2, 1, ("four", "three"), ("two",), 1, 10),)


def test_an_erased_provider_holds_nothing_of_before(state: State) -> None:
    apply(state, put("a", in_extents(extent(10), extent(20))))
    apply(state, ProviderReattached("two", incarnation("two", 2)))
    assert state.placements().alike == (Alike(2, 1, ("one", "three"), ("two",), 2, 30),)


def test_what_was_deleted_counts_no_more_and_a_copy_counts_again(state: State) -> None:
    record = put("a", in_extents(extent(10)))
    apply(state, record, ObjectCopied("bucket", "a", record.version.id, "bucket", "b", b"v" * 16, 5))
    assert state.placements() == ((Alike(2, 1, LYING, (), 1, 10),), (Whole(1, 2, 20),))
    apply(state, ObjectDeleted("bucket", "a"), ObjectDeleted("bucket", "b"))
    assert state.placements() == ((), ())


def test_a_part_of_an_upload_has_extents_and_is_no_object(state: State) -> None:
    upload = upload_created("a")
    apply(state, upload, part_put(upload, 1, in_extents(extent(10))))
    assert state.placements() == ((Alike(2, 1, LYING, (), 1, 10),), ())


def test_layouts_of_an_earlier_policy_are_told_apart(state: State) -> None:
    other = msgspec.structs.replace(extent(10, places=("one", "two")), k=1, m=1)
    apply(state, put("a", in_extents(extent(10))), put("b", in_extents(other)))
    assert {(one.k, one.m, one.holders) for one in state.placements().alike} == {
        (2, 1, LYING),
        (1, 1, ("one", "two")),
    }


def test_more_objects_and_extents_than_are_looked_up_at_once(state: State) -> None:
    for number in range(30):
        apply(state, *(put(f"{number}-{n}", in_extents(*(extent(1) for _ in range(3)))) for n in range(40)))
    assert state.placements() == ((Alike(2, 1, LYING, (), 3600, 3600),), (Whole(1, 1200, 3600),))
