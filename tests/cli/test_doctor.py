"""`outlast doctor`: each thing that can be wrong is found, with its remedy."""

import json
import shutil
from typing import Any


def bad(shell: Any) -> dict[str, str]:
    """What was found wrong: check -> what is the matter."""
    result = shell.run("doctor", "--json")
    findings = json.loads(result.stdout)
    wrong = {one["check"]: one["what"] for one in findings if not one["well"]}
    assert result.exit_code == (1 if wrong else 0)
    assert all(one["remedy"] for one in findings if not one["well"])
    return wrong


def test_a_whole_store_has_nothing_wrong(shell: Any) -> None:
    assert bad(shell) == {}
    assert "BAD" not in shell.ok("doctor")


def test_no_settings_at_all(empty: Any) -> None:
    assert list(bad(empty)) == ["config"]


def test_settings_with_a_mistake(shell: Any) -> None:
    shell.config.write_text("store =")
    assert "not TOML" in bad(shell)["config"]


def test_a_missing_key_file(shell: Any) -> None:
    (shell.folder / "outlast.key").unlink()
    assert list(bad(shell)) == ["key"]


def test_a_key_file_that_others_may_read(shell: Any) -> None:
    (shell.folder / "outlast.key").chmod(0o644)
    assert "other users can read" in bad(shell)["key"]


def test_another_stores_key_file(shell: Any, empty: Any) -> None:
    other = empty.folder / "other"
    other.mkdir()
    arguments = [f"--provider={name}={other / name}" for name in ("a", "b", "c")]
    shell.ok("init", *arguments, "--config", str(other / "outlast.toml"))
    shutil.copy(other / "outlast.key", shell.folder / "outlast.key")
    assert "another store's" in bad(shell)["store"]
    assert "another store's" in shell.fails("ls")


def test_an_erased_provider(shell: Any) -> None:
    shutil.rmtree(shell.folder / "b")
    (shell.folder / "b").mkdir()
    wrong = bad(shell)
    assert "its marker (0-outlast) is missing" in wrong["provider b"]
    assert "2 of 3 voters can vote" in wrong["agreement"]


def test_a_provider_that_is_not_there(shell: Any) -> None:
    shutil.rmtree(shell.folder / "b")
    assert "provider b" in bad(shell)


def test_two_providers_swapped(shell: Any) -> None:
    (shell.folder / "a").rename(shell.folder / "x")
    (shell.folder / "b").rename(shell.folder / "a")
    (shell.folder / "x").rename(shell.folder / "b")
    wrong = bad(shell)
    assert "the place of 'b' of this store" in wrong["provider a"]
    assert "the place of 'a' of this store" in wrong["provider b"]


def test_settings_that_name_a_stranger(shell: Any) -> None:
    shell.config.write_text(shell.config.read_text().replace("[providers.c]", "[providers.z]"))
    assert "not one of this store" in bad(shell)["store"]


def test_nobody_there(shell: Any) -> None:
    for name in ("a", "b", "c"):
        shutil.rmtree(shell.folder / name)
    assert {"store", "provider a", "provider b", "provider c"} <= set(bad(shell))


def test_a_state_folder_that_cannot_be_written(shell: Any) -> None:
    (shell.folder / "state").write_text("a file")
    assert "local state" in bad(shell)


def test_a_damaged_local_catalog(shell: Any) -> None:
    shell.ok("bucket", "create", "bucket")
    (catalog,) = (shell.folder / "state").rglob("catalog.sqlite")
    data = bytearray(catalog.read_bytes())
    data[len(data) // 2] ^= 1
    catalog.write_bytes(data)
    assert str(catalog) in bad(shell)["local state"]
    shutil.rmtree(catalog.parent)
    assert bad(shell) == {}


def test_a_probe_leaves_nothing_behind(shell: Any) -> None:
    shell.ok("doctor")
    assert [path for path in (shell.folder / "a" / "probe").rglob("*") if path.is_file()] == []
