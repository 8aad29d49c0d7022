"""The file under the catalog: what may be wrong with it, and what a crash leaves."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from making import HASH, apply, put

from outlast.base.errors import ConfigError, StoreCorrupt, StoreUnavailable
from outlast.base.limits import MIB
from outlast.catalog.boot import UNKNOWN, boot_id
from outlast.catalog.database_file import copy_database
from outlast.catalog.records import BucketCreated
from outlast.catalog.state import State
from outlast.catalog.wire import encode


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


def filled(path: Path) -> State:
    state = State(path)
    apply(state, BucketCreated("bucket", 1))
    apply(state, *[put(f"key {n}", bytes(2000)) for n in range(200)])
    return state


def test_a_new_file_is_at_no_slot(path: Path) -> None:
    assert State(path).position == (-1, bytes(32))


def test_a_closed_file_opens_where_it_was(path: Path) -> None:
    state = filled(path)
    before = state.fingerprint()
    state.close()
    again = State(path)
    assert (again.position, again.fingerprint()) == ((1, HASH), before)
    assert again.find("bucket", "key 7") is not None


def test_slots_are_applied_once_and_in_order(path: Path) -> None:
    state = filled(path)
    for slot in (0, 1, 3):
        with pytest.raises(ValueError, match="does not follow"):
            state.apply(slot, HASH, [])
    assert state.apply(2, HASH, []) == []


def test_a_batch_with_an_unknown_record_changes_nothing(path: Path) -> None:
    state = filled(path)
    before = state.fingerprint()
    with pytest.raises(ConfigError):
        state.apply(2, HASH, [encode(BucketCreated("new", 1)), b"\x92\x63\x01"])
    assert (state.fingerprint(), state.position.slot) == (before, 1)


def test_a_batch_that_breaks_in_the_middle_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = filled(path)
    before, counts = state.fingerprint(), state.counts()

    def broken() -> None:
        raise RuntimeError

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(state._tables.buckets, "flush", broken)
        apply(state, BucketCreated("new", 1), put("a", bucket="new"))
    assert (state.fingerprint(), state.counts(), state.bucket("new")) == (before, counts, None)
    assert apply(state, BucketCreated("new", 1)) == [None]
    assert state.bucket("new") == ("new", 1, 0, 0)


@pytest.mark.parametrize("content", [b"not a database" * 1000, b"SQLite format 3\0" + bytes(8192)])
def test_a_file_that_is_no_database_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        State(path)


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (a)")
    with pytest.raises(StoreCorrupt):
        State(path)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]


def test_a_catalog_of_another_version_is_refused(path: Path) -> None:
    filled(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreCorrupt):
        State(path)


def test_a_damaged_page_is_noticed_when_it_is_read(path: Path) -> None:
    filled(path).close()
    data = bytearray(path.read_bytes())
    for start in range(16384, len(data), 16384):
        data[start : start + 16] = b"\xff" * 16
    path.write_bytes(data)
    with pytest.raises(StoreCorrupt):
        State(path).list_objects("bucket")


def test_a_file_in_no_directory_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        State(tmp_path / "missing" / "catalog.db")


def test_a_copy_of_a_catalog_in_use_is_that_catalog(path: Path, tmp_path: Path) -> None:
    state = filled(path)
    copy_database(path, tmp_path / "copy.db")
    copy = State(tmp_path / "copy.db")
    assert (copy.position, copy.fingerprint()) == (state.position, state.fingerprint())
    apply(copy, put("only here"))
    assert state.version("bucket", "only here") is None


def test_a_copy_of_nothing_or_of_rubbish_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        copy_database(path, tmp_path / "copy.db")
    path.write_bytes(b"rubbish" * 1000)
    with pytest.raises(StoreCorrupt):
        copy_database(path, tmp_path / "copy2.db")


def test_what_was_applied_survives_a_process_that_is_killed(path: Path, tmp_path: Path) -> None:
    state = filled(path)
    for suffix in ("", "-wal"):  # as a killed process leaves them: nothing closed, nothing checkpointed
        source = path.with_name(path.name + suffix)
        (tmp_path / f"left.db{suffix}").write_bytes(source.read_bytes())
    left = State(tmp_path / "left.db")
    assert (left.position, left.fingerprint()) == (state.position, state.fingerprint())


def test_a_list_that_stops_early_does_not_keep_the_write_ahead_log_from_being_reset(path: Path) -> None:
    state = filled(path)
    for n in range(12):
        assert state.list_objects("bucket", delimiter="/", limit=1).next is not None
        apply(state, *[put(f"{n}/{m}", bytes(100_000)) for m in range(10)])
    assert path.with_name(path.name + "-wal").stat().st_size < 8 * MIB


def test_a_file_in_use_when_the_machine_stopped_is_refused(path: Path) -> None:
    state = State(path, boot="monday")
    apply(state, BucketCreated("bucket", 1))
    assert State(path, boot="monday").bucket("bucket") is not None  # only the process died
    with pytest.raises(StoreCorrupt, match="machine stopped"):
        State(path, boot="tuesday")


def test_a_file_that_was_closed_opens_after_the_machine_was_started_anew(path: Path) -> None:
    State(path, boot="monday").close()
    assert State(path, boot="tuesday").position.slot == -1
    with pytest.raises(StoreCorrupt):
        State(path, boot="wednesday")


def test_a_file_in_use_is_refused_where_the_machine_does_not_tell_its_runs(
    path: Path, tmp_path: Path
) -> None:
    assert boot_id(tmp_path / "missing") == UNKNOWN
    State(path, boot=UNKNOWN).close()
    State(path, boot=UNKNOWN)
    with pytest.raises(StoreCorrupt):
        State(path, boot=UNKNOWN)


def test_a_copy_of_a_catalog_from_before_the_machine_stopped_is_refused(path: Path, tmp_path: Path) -> None:
    State(path, boot="monday")
    copy_database(path, tmp_path / "copy.db")
    with pytest.raises(StoreCorrupt):
        State(tmp_path / "copy.db", boot="tuesday")
