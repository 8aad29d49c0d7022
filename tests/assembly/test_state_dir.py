"""Local state: each process has its own, takes over what a dead one left, and starts from a sibling's."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from outlast.assembly.state_dir import claim_state_dir, default_state_dir
from outlast.base.errors import ConfigError
from outlast.catalog.records import BucketCreated
from outlast.catalog.state import State
from outlast.catalog.wire import encode

STORE = b"\x01" * 16
KEY = "0123456789abcdef"


def add(state: State, name: str) -> None:
    state.apply(state.position.slot + 1, bytes(32), [encode(BucketCreated(name, 1))])


def fill(path: Path, name: str) -> None:
    with closing(State(path)) as state:
        add(state, name)


def content(path: Path) -> list[str]:
    with closing(State(path)) as state:
        return [bucket.name for bucket in state.buckets()]


def test_two_at_once_get_two_folders(tmp_path: Path) -> None:
    first, second = claim_state_dir(tmp_path, STORE, KEY), claim_state_dir(tmp_path, STORE, KEY)
    assert first.path.name == "0"
    assert second.path.name == "1"
    first.release()
    second.release()


def test_a_released_folder_is_taken_again_with_its_catalog(tmp_path: Path) -> None:
    first = claim_state_dir(tmp_path, STORE, KEY)
    fill(first.catalog, "one")
    first.release()
    again = claim_state_dir(tmp_path, STORE, KEY)
    assert again.path == first.path
    assert content(again.catalog) == ["one"]
    again.release()


def test_a_new_folder_starts_from_a_sibling_that_is_in_use(tmp_path: Path) -> None:
    first = claim_state_dir(tmp_path, STORE, KEY)
    fill(first.catalog, "one")
    with closing(State(first.catalog)) as in_use:
        add(in_use, "two")
        second = claim_state_dir(tmp_path, STORE, KEY)
        assert content(second.catalog) == ["one", "two"]
        add(in_use, "three")
    first.release()
    second.release()


def test_a_damaged_sibling_is_not_copied(tmp_path: Path) -> None:
    first = claim_state_dir(tmp_path, STORE, KEY)
    first.catalog.write_bytes(b"no database at all" * 1000)
    second = claim_state_dir(tmp_path, STORE, KEY)
    assert not second.catalog.exists()
    first.release()
    second.release()


def test_a_sibling_with_one_damaged_page_is_not_copied_and_an_older_one_is(tmp_path: Path) -> None:
    older, newer = claim_state_dir(tmp_path, STORE, KEY), claim_state_dir(tmp_path, STORE, KEY)
    fill(older.catalog, "one")
    fill(newer.catalog, "two")
    os.utime(older.catalog, (1, 1))
    data = bytearray(newer.catalog.read_bytes())
    data[-5000] ^= 1
    newer.catalog.write_bytes(data)
    third = claim_state_dir(tmp_path, STORE, KEY)
    assert content(third.catalog) == ["one"]
    for claimed in (older, newer, third):
        claimed.release()


def test_other_stores_are_kept_apart(tmp_path: Path) -> None:
    mine, other = claim_state_dir(tmp_path, STORE, KEY), claim_state_dir(tmp_path, b"\x02" * 16, KEY)
    assert mine.path.parent != other.path.parent
    mine.release()
    other.release()


def test_another_key_finds_nothing(tmp_path: Path) -> None:
    mine = claim_state_dir(tmp_path, STORE, KEY)
    fill(mine.catalog, "one")
    mine.release()
    other = claim_state_dir(tmp_path, STORE, "f" * 16)
    assert not other.catalog.exists()
    other.release()


def test_a_discarded_catalog_is_gone_with_its_side_files(tmp_path: Path) -> None:
    claimed = claim_state_dir(tmp_path, STORE, KEY)
    fill(claimed.catalog, "one")
    for name in ("catalog.sqlite-wal", "catalog.sqlite-new", "catalog.sqlite-new-wal"):
        claimed.catalog.with_name(name).write_bytes(b"x")
    claimed.discard_catalog()
    assert [path.name for path in claimed.path.iterdir()] == ["lock"]
    claimed.release()


def test_a_root_that_cannot_be_written_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        claim_state_dir(tmp_path / "file", STORE, KEY)
    assert "--state-dir" in caught.value.remedy


def test_the_environment_names_the_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OUTLAST_STATE_DIR", str(tmp_path))
    assert default_state_dir() == tmp_path
    monkeypatch.delenv("OUTLAST_STATE_DIR")
    assert default_state_dir().name == "outlast"
