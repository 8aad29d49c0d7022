"""`outlast provider list` and `probe`: what is configured, what is measured, and where they differ."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from outlast.base.errors import Denied
from outlast.providers.disk import DiskProvider


def probed(shell: Any, *arguments: str) -> dict[str, Any]:
    """What `provider probe` found, by name; it ends with 1 if there is trouble."""
    result = shell.run("provider", "probe", *arguments, "--json")
    found = {one["name"]: one for one in json.loads(result.stdout)}
    assert result.exit_code == (1 if any(one["troubles"] for one in found.values()) else 0)
    return found


def kinds(one: dict[str, Any]) -> list[str]:
    assert all(trouble["what"] and trouble["remedy"] for trouble in one["troubles"])
    return [trouble["kind"] for trouble in one["troubles"]]


def files(folder: Path) -> dict[str, bytes]:
    """All objects; without the disk provider's own locks."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".")}


# ---------------------------------------------------------------- list


def test_list_tells_where_providers_are_and_what_they_do(shell: Any) -> None:
    listed = {one["name"]: one for one in shell.json("provider", "list")}
    assert list(listed) == ["a", "b", "c"]
    assert listed["a"]["url"] == f"file://{shell.folder / 'a'}"
    assert (listed["a"]["role"], listed["a"]["votes"], listed["a"]["may_hold_data"]) == ("full", True, True)
    assert listed["b"]["domains"]["operator"] == "b"
    assert all(one["read_ms"] > 0 for one in listed.values())
    assert "file://" in shell.ok("provider", "list")


def test_list_names_a_provider_that_the_settings_leave_out(shell: Any) -> None:
    text = shell.config.read_text()
    shell.config.write_text(text[: text.index("[providers.c]")])
    assert shell.json("provider", "list")[-1]["name"] == "c"
    assert "not in outlast.toml" in shell.ok("provider", "list")


def test_list_works_and_says_unknown_when_nobody_answers(shell: Any) -> None:
    for name in ("a", "b", "c"):
        shutil.rmtree(shell.folder / name)
    listed = shell.json("provider", "list")
    assert [(one["role"], one["votes"], one["read_ms"]) for one in listed] == [(None, None, None)] * 3
    result = shell.run("provider", "list")
    assert "unknown" in result.stdout
    assert "is unknown:" in result.stderr


# ---------------------------------------------------------------- probe


def test_probe_measures_all_providers_and_disturbs_none(bucket: Any) -> None:
    before = files(bucket.folder / "a")
    found = probed(bucket)
    assert list(found) == ["a", "b", "c"]
    one = found["a"]
    assert one["believed"] == {"may_vote": True, "may_hold_data": True}
    assert one["measured"]["may_vote"] and one["measured"]["may_hold_data"]
    assert one["measured"]["reasons"] == [] == one["troubles"]
    assert one["measured"]["read_ms"] > 0 < one["measured"]["write_ms"]
    assert files(bucket.folder / "a") == before
    assert "the store believes yes" in bucket.ok("provider", "probe", "a")


def test_probe_of_one_leaves_the_others_alone(shell: Any) -> None:
    shutil.rmtree(shell.folder / "c")
    assert list(probed(shell, "a", "b")) == ["a", "b"]
    assert "they are: a, b, c" in shell.fails("provider", "probe", "nobody")


def test_probe_of_a_url_needs_no_store_and_says_whose_it_is(shell: Any, empty: Any) -> None:
    (empty.folder / "place").mkdir()
    new = probed(empty, "--url", str(empty.folder / "place"))["url"]
    assert (new["believed"], new["marker"], new["measured"]["may_vote"]) == (None, None, True)
    ours = probed(empty, "--url", str(shell.folder / "a"))["url"]
    assert ours["marker"]["provider"] == "a"
    assert kinds(probed(empty, "--url", str(empty.folder / "nowhere"))["url"]) != []
    assert empty.run("provider", "probe", "a", "--url", "file:///x").exit_code == 2


def test_probe_finds_an_emptied_a_swapped_and_another_stores_place(shell: Any, empty: Any) -> None:
    other = empty.folder / "other"
    other.mkdir()
    arguments = [f"--provider={name}={other / name}" for name in ("a", "b", "c")]
    shell.ok("init", *arguments, "--config", str(other / "outlast.toml"))
    before = files(other / "b")
    text = shell.config.read_text()
    text = text.replace(str(shell.folder / "b"), str(other / "b"))
    shell.config.write_text(text.replace(str(shell.folder / "c"), str(shell.folder / "a")))
    found = probed(shell)
    assert kinds(found["a"]) == []
    assert kinds(found["b"]) == ["other-store"]
    assert kinds(found["c"]) == ["swapped"]
    assert files(other / "b") == before, "another store's place was written to"
    shutil.rmtree(shell.folder / "a")
    (shell.folder / "a").mkdir()
    assert kinds(probed(shell, "a")["a"]) == ["emptied"]


def test_probe_tells_of_a_provider_that_may_only_be_read(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(self: DiskProvider, key: str, data: bytes, under: object = None) -> None:
        raise Denied(self.name, "put", "403")

    monkeypatch.setattr(DiskProvider, "put", refused)
    found = probed(shell, "b")["b"]
    assert kinds(found) == ["denied", "cannot-vote", "cannot-hold-data"]
    assert "may write" in found["troubles"][0]["remedy"]


def test_probe_finds_a_voter_that_no_longer_passes_the_race(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def careless(self: DiskProvider, key: str, data: bytes, under: object = None) -> None:
        await self.put(key, data)

    monkeypatch.setattr(DiskProvider, "create", careless)
    found = probed(shell, "b")["b"]
    assert found["believed"]["may_vote"] and not found["measured"]["may_vote"]
    assert kinds(found) == ["cannot-vote"]
    assert "racers won" in found["troubles"][0]["what"]
    assert found["measured"]["may_hold_data"], "it can hold data as before"
