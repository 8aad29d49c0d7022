"""Lists of objects and uploads, beyond what the model checks by chance."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from making import apply, put, upload_created

from outlast.catalog.database import Row, Scan
from outlast.catalog.records import BucketCreated, Checksum
from outlast.catalog.state import State


@pytest.fixture
def state() -> Iterator[State]:
    state = State(":memory:")
    apply(state, BucketCreated("bucket", 1), BucketCreated("other", 1), put("zzz", bucket="other"))
    yield state
    state.close()


def fill(state: State, *keys: str) -> None:
    apply(state, *[put(key) for key in keys])


def names(state: State, **options: Any) -> tuple[list[str], list[str], str | None]:
    listing = state.list_objects("bucket", **options)
    return [entry.key for entry in listing.entries], listing.prefixes, listing.next


def test_an_entry_shows_what_a_list_needs(state: State) -> None:
    record = put("a", b"hello", at=77, checksum=Checksum("SHA256", "x-2", "COMPOSITE"))
    apply(state, record)
    [entry] = state.list_objects("bucket").entries
    assert entry == ("a", record.version.etag, 5, 77, "SHA256", "COMPOSITE")


def test_pages_put_together_are_the_whole_list(state: State) -> None:
    keys = [f"{folder}/{n:02}" for folder in "abc" for n in range(20)] + ["a", "b0", "z"]
    fill(state, *keys)
    for delimiter in ("", "/", "1"):
        for limit in (1, 2, 7):
            shown: list[str] = []
            start: str | None = ""
            while start is not None:
                page = state.list_objects("bucket", "", delimiter, start, limit)
                shown += sorted([entry.key for entry in page.entries] + page.prefixes)
                start = page.next
                assert len(shown) <= len(keys), "the pages do not come to an end"
            whole = state.list_objects("bucket", "", delimiter)
            assert shown == sorted([entry.key for entry in whole.entries] + whole.prefixes)


def test_the_last_page_has_no_next_even_when_it_is_full(state: State) -> None:
    fill(state, "a", "b")
    assert names(state, limit=2) == (["a", "b"], [], None)
    assert names(state, limit=1) == (["a"], [], "a")
    assert names(state, limit=0) == ([], [], None)


def test_a_page_that_ends_with_a_prefix_goes_on_behind_all_of_it(state: State) -> None:
    fill(state, "asdf", "boo/bar", "boo/baz/xyzzy", "cquux/bla", "cquux/thud")
    assert names(state, delimiter="/", limit=1) == (["asdf"], [], "asdf")
    assert names(state, delimiter="/", limit=1, start_after="asdf") == ([], ["boo/"], "boo/")
    assert names(state, delimiter="/", limit=1, start_after="boo/") == ([], ["cquux/"], None)
    assert names(state, prefix="boo/", delimiter="/", limit=1) == (["boo/bar"], [], "boo/bar")
    assert names(state, prefix="boo/", delimiter="/", start_after="boo/bar") == ([], ["boo/baz/"], None)


def test_a_start_inside_a_common_prefix_skips_it_and_one_before_shows_it(state: State) -> None:
    fill(state, "prefix1/object", "prefix2/object")
    assert names(state, prefix="prefix", delimiter="/", start_after="prefix1/a")[1] == ["prefix2/"]
    assert names(state, prefix="prefix", delimiter="/", start_after="prefix1")[1] == ["prefix1/", "prefix2/"]


def test_a_key_that_is_the_prefix_itself_is_an_entry(state: State) -> None:
    fill(state, "folder/", "folder/a", "folder/b/c")
    assert names(state, prefix="folder/", delimiter="/") == (["folder/", "folder/a"], ["folder/b/"], None)


def test_large_folders_are_left_by_seeking(state: State) -> None:
    fill(state, *[f"{folder}/{n:03}" for folder in ("a", "b") for n in range(100)], "c")
    steps = 0
    scanning = state._database.scanning

    @contextmanager
    def counting() -> Iterator[Scan]:
        with scanning() as scan:

            def counted(*question: Any) -> Iterator[Row]:
                nonlocal steps
                for row in scan(*question):
                    steps += 1
                    yield row

            yield counted

    state._database.scanning = counting  # type: ignore[method-assign]  # to see how much is read
    assert names(state, delimiter="/") == (["c"], ["a/", "b/"], None)
    assert steps < 30


def test_uploads_are_listed_by_key_and_then_id_from_the_markers_on(state: State) -> None:
    uploads = [upload_created(key) for key in ("b", "a", "a", "c/d")]
    apply(state, *uploads)
    b, a1, a2, c = [upload.upload for upload in uploads]
    listed = state.uploads("bucket")
    assert [(entry.key, entry.id) for entry in listed.entries] == [("a", a1), ("a", a2), ("b", b), ("c/d", c)]
    page = state.uploads("bucket", limit=1)
    assert ([entry.id for entry in page.entries], page.next) == ([a1], ("a", a1))
    after = state.uploads("bucket", key_marker="a", upload_marker=a1, limit=2)
    assert ([entry.id for entry in after.entries], after.next) == ([a2, b], ("b", b))
    assert [entry.id for entry in state.uploads("bucket", key_marker="a").entries] == [b, c]


def test_uploads_roll_up_under_a_delimiter(state: State) -> None:
    apply(state, *[upload_created(key) for key in ("b/x", "c/a", "c/b", "d", "e/f")])
    listed = state.uploads("bucket", delimiter="/")
    assert ([entry.key for entry in listed.entries], listed.prefixes) == (["d"], ["b/", "c/", "e/"])
    page = state.uploads("bucket", delimiter="/", limit=1)
    assert (page.prefixes, page.next) == (["b/"], ("b/", b""))
    assert state.uploads("bucket", delimiter="/", key_marker="c/").prefixes == ["e/"]
    assert [entry.key for entry in state.uploads("bucket", prefix="c/", key_marker="a").entries] == [
        "c/a",
        "c/b",
    ]
    assert state.uploads("bucket", limit=0) == ([], [], None)


def test_a_page_of_uploads_can_end_with_either_kind(state: State) -> None:
    apply(state, *[upload_created(key) for key in ("a/1", "b", "c/1", "d")])
    shown: list[str] = []
    marker: tuple[str, bytes] | None = ("", b"")
    while marker is not None:
        page = state.uploads("bucket", "", "/", *marker, limit=1)
        shown += [entry.key for entry in page.entries] + page.prefixes
        marker = page.next
        assert len(shown) <= 4, "the pages do not come to an end"
    assert shown == ["a/", "b", "c/", "d"]
