"""`outlast init`: makes a store, or says why not and leaves nothing behind."""

import json
import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outlast.cli import progress
from outlast.testing.servers import webdav
from outlast.testing.servers.process import Server


def providers(folder: Path, *names: str) -> list[str]:
    return [argument for name in names for argument in ("--provider", f"{name}={folder / name}")]


def files_in(folder: Path) -> list[str]:
    """What was left, but for the directories and the lock files of disks."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and ".locks" not in path.parts
    )


def test_it_writes_the_settings_the_key_and_a_marker_at_each_provider(empty: Any) -> None:
    told = empty.json("init", *providers(empty.folder, "a", "b", "c"))
    settings = tomllib.loads(empty.config.read_text())
    assert settings["store"] == told["store"]
    assert list(settings["providers"]) == ["a", "b", "c"]
    assert stat.S_IMODE((empty.folder / "outlast.key").stat().st_mode) == 0o600
    for name in ("a", "b", "c"):
        assert json.loads((empty.folder / name / "0-outlast").read_text())["store"] == told["store"]
    assert told["layout"] == {"data": 2, "parity": 1}
    assert told["voters"] == ["a", "b", "c"]
    assert empty.json("status")["objects"] == 0


def test_it_says_for_each_provider_what_it_may_do_and_why_not(empty: Any) -> None:
    arguments = [*providers(empty.folder, "a", "b", "c"), "--provider", f"w={empty.folder}/w?role=witness"]
    said = empty.ok("init", *arguments)
    assert "a witness by its role: holds no data" in said
    assert said.count("yes    yes") == 3


def test_options_in_the_url_are_kept(empty: Any) -> None:
    arguments = [*providers(empty.folder, "a", "b"), "--provider", f"c={empty.folder}/c?operator=At+Home"]
    told = empty.json("init", *arguments)
    assert told["providers"][2]["domains"]["operator"] == "At Home"
    assert tomllib.loads(empty.config.read_text())["providers"]["c"]["url"].endswith("?operator=At+Home")
    assert empty.json("status")["providers"][2]["operator"] == "At Home"


def test_too_few_providers_are_refused_with_what_would_mend_it(empty: Any) -> None:
    said = empty.fails("init", *providers(empty.folder, "a", "b"))
    assert "cannot keep the tolerance" in said
    assert "add providers" in said
    assert files_in(empty.folder) == []


def test_two_directories_of_one_operator_count_once(empty: Any) -> None:
    arguments = [f"--provider={name}={empty.folder / name}?operator=Home" for name in ("a", "b", "c")]
    assert "1" in empty.fails("init", *arguments)
    assert files_in(empty.folder) == []


def test_the_kind_of_domain_that_may_be_lost_can_be_chosen(empty: Any) -> None:
    def in_regions(*regions: str) -> list[str]:
        return [f"--provider={r[0]}={empty.folder / r[0]}?operator={r[0]}&region={r}" for r in regions]

    arguments = ("--domain", "region")
    said = empty.fails(
        "init",
        *arguments,
        *in_regions("alps", "bay"),
        f"--provider=c={empty.folder / 'c2'}?operator=c&region=alps",
    )
    assert "different regions" in said
    assert "its region is not known" in empty.fails(
        "init", *arguments, *providers(empty.folder, "a", "b", "c")
    )
    told = empty.json("init", *arguments, *in_regions("alps", "bay", "coast"))
    assert told["domain"] == "region"
    assert empty.json("status")["domain"] == "region"


@pytest.mark.parametrize("acknowledge", ["all", "early"])
def test_every_answer_about_a_store_that_acknowledges_early_says_so(empty: Any, acknowledge: str) -> None:
    names = providers(empty.folder, "a", "b", "c")
    assert empty.json("init", "--acknowledge", acknowledge, *names)["acknowledge"] == acknowledge
    assert empty.json("status")["acknowledge"] == acknowledge
    for command in (["status"], ["what-if"], ["what-if", "a"], ["report"]):
        said = " ".join(empty.ok(*command).split())
        assert ("acknowledges early" in said) is (acknowledge == "early"), command


def test_tolerance_nought_needs_one_provider(empty: Any) -> None:
    empty.ok("init", *providers(empty.folder, "a"), "--tolerate", "0")
    empty.ok("bucket", "create", "bucket")


def test_a_provider_of_another_store_is_refused(shell: Any, empty: Any) -> None:
    arguments = [*providers(empty.folder / "new", "a", "b"), "--provider", f"c={shell.folder / 'b'}"]
    before = (shell.folder / "b" / "0-outlast").read_bytes()
    said = empty.run("init", *arguments, "--config", str(empty.folder / "new.toml"))
    assert said.exit_code == 1
    assert "already belongs to another store" in said.stderr
    assert (shell.folder / "b" / "0-outlast").read_bytes() == before
    assert not (empty.folder / "new.toml").exists()


def test_a_provider_that_is_not_empty_is_refused(empty: Any) -> None:
    (empty.folder / "c").mkdir()
    (empty.folder / "c" / "diary.txt").write_text("mine")
    assert "is not empty: it holds diary.txt" in empty.fails("init", *providers(empty.folder, "a", "b", "c"))


def test_what_a_killed_probe_left_is_recognized(empty: Any) -> None:
    for name in ("a", "c"):
        left = empty.folder / name / "probe" / "0123456789abcdef-0003"
        left.parent.mkdir(parents=True)
        left.write_bytes(bytes(4096))
    diary = left.with_name("diary.txt")
    diary.write_text("mine")
    arguments = providers(empty.folder, "a", "b", "c")
    assert "provider c is not empty: it holds probe/diary.txt" in empty.fails("init", *arguments)
    assert len(files_in(empty.folder)) == 3
    diary.unlink()
    empty.ok("init", *arguments)
    assert not any("probe" in name for name in files_in(empty.folder))


@pytest.fixture
def webdav_server(empty: Any) -> Iterator[Server]:
    folder = empty.folder / "server"
    folder.mkdir()
    server = webdav.start(folder)
    try:
        yield server
    finally:
        server.stop()


def test_a_wrong_password_can_be_mended_and_init_repeated(
    empty: Any, webdav_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probes of the other places are not under way when the one that fails is found out."""
    places = [empty.folder / "server" / "share" / name for name in ("a", "b")]
    for place in places:
        place.mkdir()
    right = f"user={webdav.user}&password_env={webdav.password_variable}"
    wrong = f"user={webdav.user}&password_env=WRONG_PASSWORD"
    url, b, d = webdav_server.url, empty.folder / "b", empty.folder / "d"
    d.write_text("a file, not a directory")
    monkeypatch.setenv(webdav.password_variable, webdav.password)
    monkeypatch.setenv("WRONG_PASSWORD", "wrong")
    first = [f"-pa={url}/a?operator=A&{right}", *providers(b, "1", "2", "3")]
    said = empty.fails("init", *first, f"-pc={url}/b?operator=C&{wrong}", f"-pd={d}")
    assert "provider c" in said
    assert "provider d" in said
    assert [path for place in (*places, b) for path in place.rglob("*") if path.is_file()] == []
    empty.ok("init", *first, f"-pc={url}/b?operator=C&{right}")


def test_a_place_that_does_not_answer_is_named_while_it_is_waited_for(
    empty: Any, webdav_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "slow_s", 0.01)
    monkeypatch.setenv(webdav.password_variable, webdav.password)
    url = f"{webdav_server.url}?operator=slow&user={webdav.user}&password_env={webdav.password_variable}"
    said = empty.run("init", *providers(empty.folder, "a", "b", "c"), f"-pslow={url}").stderr
    assert re.search("^waiting for .*slow$", said, re.MULTILINE)


def test_one_place_under_two_names_is_refused(empty: Any) -> None:
    arguments = [*providers(empty.folder, "a", "b"), "--provider", f"c={empty.folder}/b/"]
    assert "the same place" in empty.fails("init", *arguments)


def test_a_place_within_another_is_refused(empty: Any) -> None:
    """They are no two places: who loses the outer one loses both."""
    inner = ("--provider", f"c={empty.folder}/a/inner")
    assert "c is within the place of a" in empty.fails("init", *providers(empty.folder, "a", "b"), *inner)
    assert "c is within the place of a" in empty.fails("init", *inner, *providers(empty.folder, "a", "b"))
    (empty.folder / "link").symlink_to(empty.folder / "a")
    linked = ("--provider", f"c={empty.folder}/link/inner")
    assert "c is within the place of a" in empty.fails("init", *providers(empty.folder, "a", "b"), *linked)
    linked = ("--provider", f"c={empty.folder}/link")
    assert "the same place" in empty.fails("init", *providers(empty.folder, "a", "b"), *linked)
    empty.ok("init", *providers(empty.folder, "a", "b", "ab"))


def test_a_provider_that_cannot_be_written_is_named(empty: Any) -> None:
    (empty.folder / "c").write_text("a file, not a directory")
    said = empty.fails("init", *providers(empty.folder, "a", "b", "c"))
    assert "provider c" in said
    assert files_in(empty.folder) == ["c"]


def test_an_existing_store_is_never_overwritten(shell: Any) -> None:
    before = shell.config.read_bytes(), (shell.folder / "outlast.key").read_bytes()
    assert "already exists" in shell.fails("init", *providers(shell.folder, "d", "e", "f"))
    assert before == (shell.config.read_bytes(), (shell.folder / "outlast.key").read_bytes())


def test_an_existing_key_file_is_never_overwritten(empty: Any) -> None:
    (empty.folder / "outlast.key").write_text("the only copy of something")
    empty.fails("init", *providers(empty.folder, "a", "b", "c"))
    assert (empty.folder / "outlast.key").read_text() == "the only copy of something"
    assert files_in(empty.folder) == ["outlast.key"]


def test_settings_that_cannot_be_written_leave_nothing_behind(empty: Any) -> None:
    config = empty.folder / "missing" / "outlast.toml"
    key = empty.folder / "outlast.key"
    arguments = [*providers(empty.folder, "a", "b", "c"), "--config", str(config), "--key-file", str(key)]
    assert "cannot be written" in empty.fails("init", *arguments)
    assert files_in(empty.folder) == []


@pytest.mark.parametrize("argument", ["a", "a=", "=file:///srv/a"])
def test_what_is_not_name_and_url_is_a_usage_error(empty: Any, argument: str) -> None:
    result = empty.run("init", "--provider", argument)
    assert result.exit_code in (1, 2)
    assert files_in(empty.folder) == []


def test_memory_that_ends_with_the_command_is_refused(empty: Any) -> None:
    assert "about to end" in empty.fails("init", *(f"--provider={name}=memory://{name}" for name in "abc"))


def test_an_unknown_kind_of_provider_is_named(empty: Any) -> None:
    assert "gopher" in empty.fails("init", "--provider", "a=gopher://a")


def test_a_locked_key_file_opens_with_its_passphrase_only(
    empty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*providers(empty.folder, "a", "b", "c"), "--lock"]
    result = empty.run("init", *arguments, input=b"correct horse\ncorrect horse\n")
    assert result.exit_code == 0, result.stderr
    assert "locked" in empty.fails("status")


def test_the_recovery_sheet_is_printed_when_asked_for(empty: Any) -> None:
    told = empty.json("init", *providers(empty.folder, "a", "b", "c"), "--recovery-sheet")
    assert told["key_id"] in told["recovery_sheet"]
