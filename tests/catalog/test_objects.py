"""Objects: put, copy, delete, and the conditions of these."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import GENESIS, PLAIN, apply, apply_one, extent, fresh_id, in_extents, put

from outlast.base.errors import NoSuchBucket, NoSuchKey, PreconditionFailed, ReadExpired
from outlast.base.limits import MIB
from outlast.catalog.content import Found, Inline, Piece, Reference, cut, joined, located, overlapping
from outlast.catalog.records import (
    Attributes,
    BucketCreated,
    Checksum,
    Condition,
    Extent,
    ExtentsCollected,
    FragmentsLost,
    ObjectCopied,
    ObjectDeleted,
    ObjectsDeleted,
    Version,
)
from outlast.catalog.state import State

ABSENT = Condition("absent")


@pytest.fixture
def state() -> Iterator[State]:
    state = State(":memory:")
    apply(state, GENESIS, BucketCreated("bucket", 1), BucketCreated("other", 1))
    yield state
    state.close()


def copied(version: Version, **changes: object) -> ObjectCopied:
    fields: dict[str, object] = {
        "source_bucket": "bucket", "source_key": "a", "source_version": version.id,
        "bucket": "other", "key": "copy", "version_id": fresh_id(), "at": 3000,
    }  # fmt: skip
    return ObjectCopied(**(fields | changes))  # type: ignore[arg-type]  # the fields' types are above


def test_a_put_object_is_found_with_its_bytes(state: State) -> None:
    record = put("a", b"hello", checksum=Checksum("CRC32C", "mnG7TA=="))
    assert apply_one(state, record) == record.version
    found = state.find("bucket", "a")
    assert found is not None
    assert (found.version, found.content, found.inline) == (record.version, (Inline(b"hello"),), b"hello")
    assert state.version("bucket", "a") == record.version


def test_an_empty_object_has_no_pieces_and_is_inline(state: State) -> None:
    apply(state, put("a", b""))
    found = state.find("bucket", "a")
    assert found is not None
    assert (found.content, found.inline) == ((), b"")


def test_an_object_in_extents_is_found_with_where_they_are(state: State) -> None:
    first, second = extent(16 * MIB), extent(3)
    apply(state, put("a", in_extents(first, second)))
    found = state.find("bucket", "a")
    assert found is not None
    assert found.content == (Piece(first, 0, 16 * MIB), Piece(second, 0, 3))
    assert found.inline is None


def test_a_span_gives_only_the_pieces_that_it_touches(state: State) -> None:
    extents = [extent(10) for _ in range(4)]
    apply(state, put("a", in_extents(*extents)))
    found = state.find("bucket", "a", span=(15, 30))
    assert found is not None
    assert [piece.extent for piece in found.content if isinstance(piece, Piece)] == extents[1:3]
    assert found.offset == 10


def test_what_is_not_there_is_none_and_a_missing_bucket_raises(state: State) -> None:
    assert state.find("bucket", "a") is None
    assert state.version("bucket", "a") is None
    for read in (state.find, state.version, state.list_objects):
        with pytest.raises(NoSuchBucket):
            read("nowhere", "a")


def test_an_overwrite_leaves_the_newest_and_counts_it_once(state: State) -> None:
    apply(state, put("a", b"older"), put("a", b"newer one"))
    found = state.find("bucket", "a")
    assert found is not None
    assert found.inline == b"newer one"
    counts = state.counts()
    assert (counts.objects, counts.bytes) == (1, 9)


def test_of_many_creates_in_one_batch_exactly_one_wins(state: State) -> None:
    racers = [put("a", str(n).encode(), condition=ABSENT) for n in range(32)]
    outcomes = apply(state, *racers)
    assert outcomes[0] == racers[0].version
    assert all(isinstance(outcome, PreconditionFailed) for outcome in outcomes[1:])


def test_a_match_needs_the_present_etag(state: State) -> None:
    first = put("a")
    apply(state, first)
    matching = Condition("match", first.version.etag)
    outcomes = apply(
        state,
        put("a", b"1", condition=Condition("match", "other")),
        put("a", b"2", condition=matching),
        put("a", b"3", condition=matching),
        put("a", b"4", condition=Condition("match", "*")),
        put("b", b"5", condition=Condition("match", "*")),
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [PreconditionFailed, Version, PreconditionFailed, Version, NoSuchKey]


def test_a_put_into_no_bucket_is_refused(state: State) -> None:
    assert isinstance(apply_one(state, put("a", bucket="nowhere")), NoSuchBucket)


def test_a_copy_shares_the_extents_and_has_attributes_of_its_own_if_given(state: State) -> None:
    shared = extent()
    source = put("a", in_extents(shared))
    attributes = Attributes({"content-type": "image/png"})
    apply(state, source)
    version = apply_one(state, copied(source.version, attributes=attributes))
    assert isinstance(version, Version)
    assert (version.etag, version.size) == (source.version.etag, source.version.size)
    assert (version.attributes, version.modified) == (attributes, 3000)
    apply(state, ObjectDeleted("bucket", "a"))
    found = state.find("other", "copy")
    assert found is not None
    assert found.content == (Piece(shared, 0, shared.size),)
    assert state.extents() == [shared]


def test_a_copy_onto_itself_changes_the_attributes_and_keeps_the_extents(state: State) -> None:
    source = put("a", in_extents(extent()))
    apply(state, source)
    apply(state, copied(source.version, bucket="bucket", key="a", attributes=Attributes()))
    version = state.version("bucket", "a")
    assert version is not None
    assert version.attributes == Attributes() != PLAIN
    assert (len(state.extents()), state.dead_extents()) == (1, [])


def test_a_copy_of_a_version_that_was_replaced_meanwhile_is_refused(state: State) -> None:
    source = put("a")
    apply(state, source, put("a", b"newer"))
    assert isinstance(apply_one(state, copied(source.version)), NoSuchKey)


def test_a_delete_says_whether_there_was_something(state: State) -> None:
    apply(state, put("a"))
    assert apply(state, ObjectDeleted("bucket", "a"), ObjectDeleted("bucket", "a")) == [True, False]
    assert state.find("bucket", "a") is None


def test_a_conditional_delete_of_another_version_leaves_it(state: State) -> None:
    apply(state, put("a"))
    outcomes = apply(
        state,
        ObjectDeleted("bucket", "a", Condition("match", "other")),
        ObjectDeleted("bucket", "b", Condition("match", "*")),
    )
    assert [type(outcome) for outcome in outcomes] == [PreconditionFailed, NoSuchKey]
    assert state.version("bucket", "a") is not None


def test_many_deletes_count_what_there_was(state: State) -> None:
    apply(state, put("a"), put("b"), put("c"))
    assert apply_one(state, ObjectsDeleted("bucket", ("a", "x", "c", "a"))) == 2
    assert [entry.key for entry in state.list_objects("bucket").entries] == ["b"]


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(st.lists(KEYS, unique=True))
def test_any_key_is_kept_and_listed_in_the_order_of_its_bytes(keys: list[str]) -> None:
    state = State(":memory:")
    apply(state, BucketCreated("bucket", 1), *[put(key, key.encode()) for key in keys])
    listed = [entry.key for entry in state.list_objects("bucket").entries]
    assert listed == sorted(keys, key=str.encode)
    for key in keys:
        found = state.find("bucket", key)
        assert found is not None
        assert found.inline == key.encode()
    state.close()


def content_of(parts: list[bytes | tuple[int, int, int, int]]) -> tuple[bytes | Reference, ...]:
    """References to rows of which some follow one another, and some come twice."""
    return tuple(part if isinstance(part, bytes) else Reference(*part) for part in parts)


PARTS = st.one_of(
    st.binary(min_size=1, max_size=6),
    st.tuples(st.integers(1, 9), st.integers(0, 2), st.integers(1, 4), st.integers(1, 5)),
)
CONTENTS = st.lists(PARTS).map(content_of)


def spelled(content: tuple[bytes | Reference, ...]) -> list[object]:
    """One thing for each byte of the content."""
    units: list[object] = []
    for part in content:
        if isinstance(part, bytes):
            units += part
        else:
            for row in range(part.extent, part.extent + part.count):
                units += [(row, n) for n in range(part.start, part.start + part.length)]
    return units


@given(CONTENTS, st.integers(0, 60), st.integers(0, 60))
def test_cutting_a_content_is_cutting_its_bytes(
    content: tuple[bytes | Reference, ...], start: int, stop: int
) -> None:
    assert spelled(cut(content, start, stop)) == spelled(content)[start:stop]


@given(st.lists(CONTENTS))
def test_joining_contents_is_joining_their_bytes(contents: list[tuple[bytes | Reference, ...]]) -> None:
    assert spelled(joined(contents)) == [unit for content in contents for unit in spelled(content)]


@given(CONTENTS, st.integers(0, 60), st.integers(1, 60))
def test_the_overlapping_parts_hold_the_span_and_no_extent_more(
    content: tuple[bytes | Reference, ...], start: int, length: int
) -> None:
    offset, parts = overlapping(content, start, start + length)
    wished = spelled(content)[start : start + length]
    assert spelled(parts)[start - offset :][: len(wished)] == wished
    each = [one for part in parts for one in ([part] if isinstance(part, bytes) else split(part))]
    for low, high, _ in located(tuple(each)):
        assert low + offset < start + length and high + offset > start


def split(part: Reference) -> list[Reference]:
    return [part.some(number, number + 1) for number in range(part.count)]


def test_extents_entered_together_are_one_reference_and_cuts_of_them_few(state: State) -> None:
    extents = [extent(10) for _ in range(1000)]
    apply(state, put("a", in_extents(*extents)))
    found = state.find("bucket", "a", span=(15, 9985))
    assert found is not None
    assert [part.count for part in found.stored if isinstance(part, Reference)] == [998]
    assert [piece.extent for piece in found.content if isinstance(piece, Piece)] == extents[1:-1]
    assert len(cut(found.stored, 5, 9975)) == 3


def test_large_objects_are_found_copied_and_deleted_with_few_statements(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = put("a", in_extents(*[extent(10) for _ in range(1000)]))
    apply(state, record)
    statements: list[str] = []
    database = state._database
    for name in ("run", "rows"):
        real = getattr(database, name)

        def counted(sql: str, *values: object, real: Callable[..., object] = real) -> object:
            statements.append(sql)
            return real(sql, *values)

        monkeypatch.setattr(database, name, counted)
    assert state.find("bucket", "a") is not None
    apply(state, copied(record.version))
    apply(state, ObjectDeleted("bucket", "a"))
    apply(state, ObjectDeleted("other", "copy"))
    assert len(statements) < 100
    counts = state.counts()
    assert (counts.objects, counts.extents, counts.dead) == (0, 0, 1000)


def test_extents_are_looked_up_when_they_are_come_to(state: State) -> None:
    first, second = extent(10), extent(10)
    apply(state, put("a", in_extents(first, second)))
    found = state.find("bucket", "a")
    assert found is not None
    pieces = found.pieces()
    assert next(pieces) == Piece(first, 0, 10)
    apply(state, FragmentsLost(second.id, (second.fragment(1),)))
    assert next(pieces) == Piece(msgspec.structs.replace(second, missing=0b10), 0, 10)


def test_the_row_of_an_extent_that_was_collected_is_given_to_no_other(state: State) -> None:
    apply(state, put("a", in_extents(extent(10))))
    found = state.find("bucket", "a")
    assert found is not None
    (one,) = state.extents()
    apply(state, ObjectDeleted("bucket", "a"))
    apply(state, ExtentsCollected((one.id,)))
    apply(state, put("b", in_extents(extent(10))))
    with pytest.raises(ReadExpired):
        next(found.pieces())


def test_mixed_contents_are_inline_only_when_all_of_it_is() -> None:
    version, never = put("a").version, dict[int, Extent]().__getitem__
    assert Found(version, (b"ab", b"c"), 0, never).inline == b"abc"
    assert Found(version, (b"ab", Reference(1, 0, 1)), 0, never).inline is None
