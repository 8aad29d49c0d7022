"""`outlast recover`: a new machine for an old store. `outlast collect`: space back from what was deleted."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def old(bucket: Any) -> Any:
    """A store with an object, whose machine is about to be lost."""
    bucket.ok("cp", "-", "outlast://bucket/key", input=b"kept")
    return bucket


def lose_the_machine(shell: Any, key: bool) -> None:
    shell.config.unlink()
    if key:
        (shell.folder / "outlast.key").unlink()


def providers(shell: Any, *names: str) -> list[str]:
    return [f"--provider={name}={shell.folder / name}" for name in names]


def test_with_the_key_file_the_settings_are_written_again(old: Any) -> None:
    before = old.config.read_text()
    lose_the_machine(old, key=False)
    old.ok("recover", *providers(old, "a", "b", "c"))
    assert old.config.read_text() == before
    assert old.run("cat", "bucket/key").stdout_bytes == b"kept"


def test_with_the_recovery_sheet_the_key_comes_back_too(empty: Any, tmp_path: Path) -> None:
    told = empty.json("init", *providers(empty, "a", "b", "c"), "--recovery-sheet")
    key = (empty.folder / "outlast.key").read_text()
    lose_the_machine(empty, key=True)
    sheet = told["recovery_sheet"].encode()
    result = empty.run("recover", *providers(empty, "a", "b", "c"), "--sheet", "-", input=sheet)
    assert result.exit_code == 0, result.stderr
    assert (empty.folder / "outlast.key").read_text() == key
    empty.ok("status")


def test_it_works_with_some_of_the_providers_gone_and_says_which_are_not_named(old: Any) -> None:
    lose_the_machine(old, key=False)
    (old.folder / "b").rename(old.folder / "away")
    assert old.json("recover", *providers(old, "a", "b"))["left_out"] == ["c"]


def test_another_stores_key_is_refused(old: Any, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    arguments = [f"--provider={name}={other / name}" for name in ("a", "b", "c")]
    old.ok("init", *arguments, "--config", str(other / "outlast.toml"))
    lose_the_machine(old, key=False)
    key = str(other / "outlast.key")
    assert "another store's" in old.fails("recover", *providers(old, "a", "b", "c"), "--key-file", key)
    assert not old.config.exists()


def test_wrong_names_and_empty_places_are_refused(old: Any) -> None:
    lose_the_machine(old, key=False)
    assert "is called a" in old.fails("recover", f"--provider=z={old.folder / 'a'}")
    (old.folder / "new").mkdir()
    assert "none of the providers holds a store" in old.fails("recover", f"--provider=a={old.folder / 'new'}")


def test_a_sheet_with_a_slip_leaves_no_key_file(old: Any) -> None:
    lose_the_machine(old, key=True)
    result = old.run("recover", *providers(old, "a", "b", "c"), "--sheet", "-", input=b"1: nonsense\n")
    assert result.exit_code == 1
    assert "recovery sheet" in result.stderr
    assert not (old.folder / "outlast.key").exists()


def test_settings_that_are_there_are_not_overwritten(old: Any) -> None:
    before = old.config.read_bytes()
    old.fails("recover", *providers(old, "a", "b", "c"))
    assert old.config.read_bytes() == before


def fragments(shell: Any) -> int:
    return sum(
        1 for name in ("a", "b", "c") for path in (shell.folder / name / "x").rglob("*") if path.is_file()
    )


def test_collect_frees_what_was_deleted_and_only_that(bucket: Any) -> None:
    for key in ("one", "two"):
        bucket.ok("cp", "-", f"outlast://bucket/{key}", input=bytes(1 << 20))
    bucket.ok("rm", "bucket/one")
    assert fragments(bucket) == 6
    assert bucket.json("collect") == {"extents": 0, "left": 0, "waiting": 1}
    assert bucket.json("collect", "--grace", "0") == {"extents": 1, "left": 0, "waiting": 0}
    assert fragments(bucket) == 3
    assert bucket.run("cat", "bucket/two").stdout_bytes == bytes(1 << 20)
