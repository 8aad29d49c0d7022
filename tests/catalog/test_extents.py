"""Extents: references, death, and fragments that are lost and restored."""

from collections.abc import Iterator
from random import Random

import msgspec
import pytest
from making import (
    GENESIS,
    PLACES,
    apply,
    apply_one,
    extent,
    fragments,
    fresh_id,
    in_extents,
    incarnation,
    inline,
    part_put,
    put,
    upload_created,
)

from outlast.base.errors import NoSuchUpload, PreconditionFailed, WriteExpired, WriteLost
from outlast.catalog.content import Piece
from outlast.catalog.records import (
    Body,
    BucketCreated,
    Condition,
    Extent,
    ExtentsCollected,
    Fragment,
    FragmentsLost,
    FragmentsRestored,
    ObjectDeleted,
    ProviderReattached,
    WritesExpired,
)
from outlast.catalog.state import State


def begun_at(slot: int, *extents: Extent) -> Body:
    return msgspec.structs.replace(in_extents(*extents), begun=slot)


@pytest.fixture
def state() -> Iterator[State]:
    state = State(":memory:")
    apply(state, GENESIS, BucketCreated("bucket", 1))
    yield state
    state.close()


def test_a_lost_fragment_is_known_to_readers_at_once(state: State) -> None:
    there = extent()
    apply(state, put("a", in_extents(there)))
    assert apply_one(state, FragmentsLost(there.id, fragments(there, 2))) is True
    assert apply_one(state, FragmentsLost(there.id, fragments(there, 0))) is True
    found = state.find("bucket", "a")
    assert found is not None
    [piece] = found.content
    assert isinstance(piece, Piece)
    assert piece.extent.missing == 0b101
    assert [degraded.id for degraded in state.degraded_extents()] == [there.id]
    assert state.counts().degraded == 1


def test_a_fragment_that_no_extent_can_have_is_neither_lost_nor_restored(state: State) -> None:
    there = extent()
    apply(state, put("a", in_extents(there)))
    none = tuple(Fragment(index, "four", incarnation("four")) for index in (-1, 3, 2**60))
    assert apply(state, FragmentsLost(there.id, none), FragmentsRestored(there.id, none)) == [True, True]
    assert state.extents() == [there]


def test_a_restored_fragment_is_in_its_new_place(state: State) -> None:
    there = extent(missing=0b010)
    apply(state, put("a", in_extents(there)))
    moved = Fragment(1, "four", incarnation("four"))
    assert apply_one(state, FragmentsRestored(there.id, (moved,))) is True
    known = state.extent(there.id)
    assert known is not None
    assert (known.places, known.missing) == (("one", "four", "three"), 0)
    assert known.fragment(1) == moved
    assert state.degraded_extents() == []


def test_a_late_note_does_not_call_a_fragment_lost_that_has_moved(state: State) -> None:
    there = extent()
    moved = Fragment(1, "four", incarnation("four"))
    apply(state, put("a", in_extents(there)), FragmentsRestored(there.id, (moved,)))
    assert apply_one(state, FragmentsLost(there.id, fragments(there, 1))) is True
    assert state.degraded_extents() == []


def test_a_note_counts_only_with_the_right_place_even_if_the_incarnation_is_right(state: State) -> None:
    there = extent()
    apply(state, put("a", in_extents(there)))
    assert apply_one(state, FragmentsLost(there.id, (Fragment(1, "four", incarnation("two")),))) is True
    assert state.degraded_extents() == []


def test_a_late_note_does_not_call_a_fragment_lost_that_was_written_again_after_an_erasure(
    state: State,
) -> None:
    there = extent()
    again = Fragment(1, "two", incarnation("two", 2))
    apply(state, put("a", in_extents(there)), ProviderReattached("two", incarnation("two", 2)))
    apply(state, FragmentsRestored(there.id, (again,)), FragmentsLost(there.id, fragments(there, 1)))
    assert state.degraded_extents() == []
    apply(state, FragmentsLost(there.id, (again,)))
    assert [degraded.missing for degraded in state.degraded_extents()] == [0b010]


def test_a_note_that_names_an_earlier_incarnation_restores_nothing(state: State) -> None:
    there = extent(missing=0b010)
    apply(state, put("a", in_extents(there)), ProviderReattached("two", incarnation("two", 2)))
    stale = fragments(there, 1)
    unknown = (Fragment(1, "nobody", incarnation("nobody")),)
    late = [FragmentsRestored(there.id, some) for some in (stale, unknown)]
    assert apply(state, *late) == [True, True]
    assert [degraded.missing for degraded in state.degraded_extents()] == [0b010]
    apply(state, FragmentsRestored(there.id, (Fragment(1, "two", incarnation("two", 2)),)), *late)
    assert state.degraded_extents() == [], "nor does it take back what is restored"


def missing(state: State, *extents: Extent) -> list[int]:
    """What is shown as missing of these."""
    shown = [state.extent(one.id) for one in extents]
    return [-1 if one is None else one.missing for one in shown]


def test_what_an_erased_provider_held_is_missing_everywhere_from_its_new_incarnation_on(state: State) -> None:
    there, other = extent(), extent(missing=0b001)
    apply(
        state,
        put("a", in_extents(there, other)),
        put("b", in_extents(extent(places=("one", "three", "four")))),
    )
    assert (missing(state, there, other), state.counts().degraded) == ([0, 0b001], 1)
    apply(state, ProviderReattached("two", incarnation("two", 2)))
    assert (missing(state, there, other), state.counts().degraded) == ([0b010, 0b011], 2)
    found = state.find("bucket", "a")
    assert found is not None
    assert [piece.extent.missing for piece in found.content if isinstance(piece, Piece)] == [0b010, 0b011]
    assert [one.missing for one in state.degraded_extents()] == [0b010, 0b011]
    assert [one.missing for one in state.extents()] == [0b010, 0b011, 0]


def test_a_write_that_an_erasure_overtook_is_accepted_while_enough_fragments_count(state: State) -> None:
    apply(state, ProviderReattached("two", incarnation("two", 2)))
    there = extent()
    assert not isinstance(apply_one(state, put("a", in_extents(there))), Exception)
    assert missing(state, there) == [0b010]


def test_a_write_of_which_too_few_fragments_count_is_refused_and_its_extents_dead(state: State) -> None:
    upload = upload_created("u")
    apply(state, upload, *(ProviderReattached(name, incarnation(name, 2)) for name in ("two", "three")))
    good, bad = extent(places=("one", "four", "five")), extent()
    wishes = (put("a", in_extents(good, bad)), part_put(upload, 1, in_extents(extent())))
    early = put("b", in_extents(extent(missing=0b110, places=("one", "four", "five"))))
    nameless = put("c", in_extents(msgspec.structs.replace(extent(), incarnations=())))
    outcomes = apply(state, *wishes, early, nameless)
    assert all(isinstance(outcome, WriteLost) for outcome in outcomes)
    assert state.extents() == []
    assert (len(state.dead_extents()), state.counts().dead) == (5, 5)


def test_a_page_of_degraded_extents_is_the_same_whichever_way_it_is_looked_up(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(1)
    extents = [
        extent(missing=random.choice([0, 0, 0, 1, 2, 4]), places=random.sample(PLACES, 3)) for _ in range(300)
    ]
    apply(state, put("a", in_extents(*extents)))
    wished = [one for one in state.extents() if one.missing]
    for seek_rows in (0, 10**9):  # layout by layout, or through all extents
        monkeypatch.setattr("outlast.catalog.extents.seek_rows", seek_rows)
        assert state.degraded_extents() == wished
        assert state.degraded_extents(after=wished[40].id, limit=30) == wished[41:71]


def test_layouts_that_no_extent_has_any_more_are_forgotten(state: State) -> None:
    there = extent()
    apply(state, put("a", in_extents(there)))
    for _ in range(3):
        apply(state, FragmentsLost(there.id, fragments(there, 1)))
        apply(state, FragmentsRestored(there.id, fragments(there, 1)))
    assert len(state._tables.layouts.alive()) == 1
    apply(state, ObjectDeleted("bucket", "a"), ExtentsCollected((there.id,)))
    assert state._database.rows("SELECT * FROM layouts") == []


def test_a_write_that_the_log_has_twice_lives_as_long_as_its_last_reference(state: State) -> None:
    there = extent()
    apply(state, put("a", in_extents(there), condition=Condition("match", "*")))
    assert state.counts()[-3:] == (0, 0, 1)
    apply(state, put("a", in_extents(there)), put("b", in_extents(there)))
    assert state.counts()[-3:] == (1, 0, 0)
    apply(state, ObjectDeleted("bucket", "a"))
    assert state.counts()[-3:] == (1, 0, 0)
    apply(state, ObjectDeleted("bucket", "b"))
    assert state.counts()[-3:] == (0, 0, 1)


def test_one_note_is_about_several_fragments(state: State) -> None:
    there = extent()
    apply(state, put("a", in_extents(there)), FragmentsLost(there.id, fragments(there, 0, 2)))
    assert [degraded.missing for degraded in state.degraded_extents()] == [0b101]
    apply(state, FragmentsRestored(there.id, fragments(there, 2, 0)))
    assert state.degraded_extents() == []


def test_news_of_an_unknown_extent_is_false(state: State) -> None:
    there = extent()
    every = fragments(there, 0, 1, 2)
    assert apply(state, FragmentsLost(there.id, every), FragmentsRestored(there.id, every)) == [False, False]


def test_an_extent_dies_with_its_last_reference_in_that_slot(state: State) -> None:
    there = extent()
    apply(state, put("a", in_extents(there)))
    apply(state, ObjectDeleted("bucket", "a"))
    apply(state)
    [dead] = state.dead_extents()
    assert (dead.extent, dead.died) == (there, 2)
    assert (state.dead_extents(died_by=1), state.dead_extents(died_by=2)) == ([], [dead])
    assert (state.dead_extents(died_after=2), state.dead_extents(died_after=1)) == ([], [dead])


def test_no_clock_dates_a_death(state: State) -> None:
    apply(state, put("a", in_extents(extent()), at=1), BucketCreated("from a clock 20 years ahead", 1 << 41))
    apply(state, put("a", b"overwritten by a gateway whose clock is behind", at=0))
    assert [dead.died for dead in state.dead_extents()] == [2]


def test_the_longest_dead_come_first(state: State) -> None:
    extents = [extent() for _ in range(4)]
    apply(state, *(put(f"{n}", in_extents(one)) for n, one in enumerate(extents)))
    for n in (2, 0, 3, 1):
        apply(state, ObjectDeleted("bucket", f"{n}"))
    assert [dead.extent for dead in state.dead_extents()] == [extents[n] for n in (2, 0, 3, 1)]
    assert [dead.extent for dead in state.dead_extents(limit=2)] == [extents[2], extents[0]]


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


def test_writes_that_began_too_long_ago_are_refused_and_their_extents_dead(state: State) -> None:
    upload = upload_created("u")
    apply(state, upload)
    early, late, part = (begun_at(slot, extent()) for slot in (4, 5, 4))
    apply(state, WritesExpired(4), WritesExpired(2))
    outcomes = apply(
        state,
        put("early", early),
        put("late", late),
        part_put(upload, 1, part),
        put("small", msgspec.structs.replace(inline(b"hello"), begun=0)),
        put("begun at no known slot", in_extents(extent())),
    )
    assert [isinstance(outcome, WriteExpired) for outcome in outcomes] == [True, False, True, False, True]
    assert state.extents() == list(late.extents)
    assert {dead.extent for dead in state.dead_extents()} >= {*early.extents, *part.extents}
    assert state.parts(upload.upload) == []
    assert state.writes_expired_by == 4


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
    assert apply_one(state, FragmentsLost(there.id, fragments(there, 1))) is True
