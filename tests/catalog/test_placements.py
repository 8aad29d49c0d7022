"""What lies where, counted."""

from collections.abc import Iterator

import msgspec
import pytest
from making import GENESIS, apply, extent, fragments, in_extents, incarnation, part_put, put, upload_created

from outlast.catalog.placements import Alike, Whole
from outlast.catalog.records import (
    BucketCreated,
    ExtentsCollected,
    Fragment,
    FragmentsLost,
    FragmentsRestored,
    ObjectCopied,
    ObjectDeleted,
    ProviderReattached,
)
from outlast.catalog.state import State
from outlast.coding.geometry import Geometry

LYING = ("one", "three", "two")
"""Where an extent of `making` lies, in order."""


def fragment_bytes(*sizes: int) -> int:
    """Of extents of these sizes, cut in two: the fragments of one index."""
    return sum(Geometry(size, 2).fragment_bytes for size in sizes)


def alike(holders: tuple[str, ...], gone: tuple[str, ...], *sizes: int) -> Alike:
    return Alike(2, 1, holders, gone, len(sizes), sum(sizes), fragment_bytes(*sizes))


@pytest.fixture
def state() -> Iterator[State]:
    state = State(":memory:")
    apply(state, GENESIS, BucketCreated("bucket", 1))
    yield state
    state.close()


def test_an_empty_store_has_nothing_anywhere(state: State) -> None:
    assert state.placements() == ((), (), {})


def test_extents_that_lie_alike_are_one_entry(state: State) -> None:
    apply(state, put("a", in_extents(extent(10))), put("b", in_extents(extent(20), extent(30))))
    assert state.placements() == ((alike(LYING, (), 10, 20, 30),), (Whole(1, 2, 60),), {})


def test_which_fragment_is_where_does_not_matter(state: State) -> None:
    turned = extent(10, places=("three", "one", "two"))
    apply(state, put("a", in_extents(extent(10))), put("b", in_extents(turned)))
    assert state.placements().alike == (alike(LYING, (), 10, 10),)


def test_small_objects_have_no_entry(state: State) -> None:
    apply(state, put("a", b"small"))
    assert state.placements() == ((), (), {})


def test_an_object_belongs_to_the_entries_of_all_its_extents(state: State) -> None:
    apply(state, put("a", in_extents(extent(10), extent(20, missing=0b100))), put("b", in_extents(extent(5))))
    found, wholes, _ = state.placements()
    assert found == (alike(LYING, (), 10, 5), alike(("one", "two"), ("three",), 20))
    assert sorted(wholes) == [Whole(0b01, 1, 5), Whole(0b11, 1, 30)]


def test_what_is_lost_restored_or_moved_is_counted_where_it_is_now(state: State) -> None:
    there = extent(10)
    apply(state, put("a", in_extents(there)), FragmentsLost(there.id, fragments(there, 0, 1)))
    assert state.placements().alike == (alike(("three",), ("one", "two"), 10),)
    apply(state, FragmentsRestored(there.id, (Fragment(0, "four", incarnation("four")),), there.places))
    assert state.placements().alike == (alike(("four", "three"), ("two",), 10),)


def test_an_erased_provider_holds_nothing_of_before(state: State) -> None:
    apply(state, put("a", in_extents(extent(10), extent(20))))
    apply(state, ProviderReattached("two", incarnation("two", 2)))
    assert state.placements().alike == (alike(("one", "three"), ("two",), 10, 20),)


def test_what_was_deleted_counts_no_more_and_a_copy_counts_again(state: State) -> None:
    record = put("a", in_extents(extent(10)))
    apply(state, record, ObjectCopied("bucket", "a", record.version.id, "bucket", "b", b"v" * 16, 5))
    assert state.placements() == ((alike(LYING, (), 10),), (Whole(1, 2, 20),), {})
    apply(state, ObjectDeleted("bucket", "a"), ObjectDeleted("bucket", "b"))
    assert state.placements() == ((), (), dict.fromkeys(LYING, fragment_bytes(10)))


def test_what_awaits_collection_is_counted_where_it_lies_and_not_among_what_is_in_use(state: State) -> None:
    dead, alive = extent(1000), extent(10)
    apply(state, put("a", in_extents(dead)), put("b", in_extents(alive)))
    apply(state, FragmentsLost(dead.id, fragments(dead, 0)), ObjectDeleted("bucket", "a"))
    found = state.placements()
    assert found.alike == (alike(LYING, (), 10),)
    assert found.dead == dict.fromkeys(("two", "three"), fragment_bytes(1000))
    apply(state, ExtentsCollected((dead.id,)))
    assert state.placements().dead == {}


def test_the_log_is_counted_with_what_was_overwritten_in_it(state: State) -> None:
    before = state.log_bytes
    for _ in range(10):
        apply(state, put("a", b"x" * 1000))
    assert 10 * 1000 < state.log_bytes - before < 10 * 1500


def test_a_part_of_an_upload_has_extents_and_is_no_object(state: State) -> None:
    upload = upload_created("a")
    apply(state, upload, part_put(upload, 1, in_extents(extent(10))))
    assert state.placements() == ((alike(LYING, (), 10),), (), {})


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
    assert state.placements() == ((alike(LYING, (), *[1] * 3600),), (Whole(1, 1200, 3600),), {})
