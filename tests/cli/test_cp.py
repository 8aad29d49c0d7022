"""`outlast cp`: files and folders in and out, whole or not at all, and not twice."""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import pytest

from outlast.cli import progress, transfer

MIB = 1 << 20


def content(size: int, seed: int = 0) -> bytes:
    """Bytes that differ everywhere, so that a lost or swapped stretch shows."""
    return hashlib.shake_128(str(seed).encode()).digest(size)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def fill(folder: Path) -> Path:
    files = {
        "small.txt": b"small",
        "empty": b"",
        "deep/er/big.bin": content(3 * MIB),
        "ü n/ö?.txt": b"umlaut",
    }
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


# ---------------------------------------------------------------- one file


@pytest.mark.parametrize("size", [0, 1, 128 * 1024, MIB, MIB + 1, 5 * MIB])
def test_a_file_comes_back_as_it_went_in(bucket: Any, tmp_path: Path, size: int) -> None:
    (tmp_path / "in").write_bytes(content(size))
    bucket.ok("cp", str(tmp_path / "in"), "outlast://bucket/key")
    bucket.ok("cp", "outlast://bucket/key", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == content(size)


def test_a_folder_as_the_target_keeps_the_name(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "name.txt").write_text("x")
    bucket.ok("cp", str(tmp_path / "name.txt"), "outlast://bucket/in/")
    bucket.ok("cp", str(tmp_path / "name.txt"), "outlast://bucket")
    assert [entry["key"] for entry in bucket.json("ls", "-r", "bucket/")] == ["in/name.txt", "name.txt"]
    (tmp_path / "out").mkdir()
    bucket.ok("cp", "outlast://bucket/in/name.txt", str(tmp_path / "out"))
    assert (tmp_path / "out" / "name.txt").read_text() == "x"


def test_standard_input_goes_in_and_standard_output_comes_out(bucket: Any) -> None:
    bucket.ok("cp", "-", "outlast://bucket/key", input=content(2 * MIB))
    assert bucket.run("cp", "outlast://bucket/key", "-").stdout_bytes == content(2 * MIB)


def test_a_long_stream_goes_in_as_parts(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "part_bytes", 6 * MIB)
    data = content(6 * MIB * 2 + 5)
    bucket.ok("cp", "-", "outlast://bucket/key", input=data)
    (entry,) = bucket.json("ls", "bucket/")
    assert entry["etag"].endswith("-3")
    assert bucket.run("cat", "bucket/key").stdout_bytes == data


def test_a_stream_of_exactly_one_part_has_no_empty_second(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "part_bytes", 6 * MIB)
    bucket.ok("cp", "-", "outlast://bucket/key", input=content(6 * MIB))
    (entry,) = bucket.json("ls", "bucket/")
    assert entry["etag"].endswith("-1")
    assert entry["size"] == 6 * MIB


def test_the_content_type_is_guessed_from_the_name(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>")
    bucket.ok("cp", str(tmp_path / "page.html"), "outlast://bucket/")
    assert bucket.json("cat", "bucket/page.html")["headers"]["content-type"] == "text/html"


def test_a_missing_object_leaves_no_file(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    bucket.fails("cp", "outlast://bucket/missing", str(tmp_path / "out" / "file"))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_file_and_a_missing_bucket_are_told(bucket: Any, tmp_path: Path) -> None:
    assert bucket.run("cp", str(tmp_path / "missing"), "outlast://bucket/key").exit_code == 1
    (tmp_path / "file").write_text("x")
    assert "outlast bucket" in bucket.fails("cp", str(tmp_path / "file"), "outlast://missing/key")


@pytest.mark.parametrize(
    "arguments",
    [
        ("a", "b"),
        ("outlast://bucket/a", "outlast://bucket/b"),
        ("-", "outlast://bucket/", "-r"),
        ("-", "outlast://bucket/in/"),
        ("outlast:///key", "file"),
        (".", "outlast://bucket/"),
        ("outlast://bucket/key", "-", "--json"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(bucket: Any, arguments: tuple[str, ...]) -> None:
    assert bucket.run("cp", *arguments).exit_code == 2


# ---------------------------------------------------------------- folders


def test_a_folder_comes_back_as_it_went_in(bucket: Any, tmp_path: Path) -> None:
    source = fill(tmp_path / "in")
    told = bucket.json("cp", "-r", str(source), "outlast://bucket/in")
    assert told == {"copied": 4, "already_there": 0, "failed": 0, "bytes": 3 * MIB + 11}
    bucket.ok("cp", "-r", "outlast://bucket/in", str(tmp_path / "out"))
    assert tree(tmp_path / "out") == tree(source)


def test_what_is_there_already_is_not_copied_again(bucket: Any, tmp_path: Path) -> None:
    source = fill(tmp_path / "in")
    bucket.ok("cp", "-r", str(source), "outlast://bucket/in")
    (source / "small.txt").write_bytes(b"SMALL")  # the same size, at the same second
    told = bucket.json("cp", "-r", str(source), "outlast://bucket/in")
    assert (told["copied"], told["already_there"]) == (1, 3)
    bucket.ok("cp", "-r", "outlast://bucket/in", str(tmp_path / "out"))
    assert bucket.json("cp", "-r", "outlast://bucket/in", str(tmp_path / "out"))["already_there"] == 4


def test_an_object_of_parts_is_recognised_too(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "part_bytes", 5 * MIB)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_bytes(content(11 * MIB))
    bucket.ok("cp", "-", "outlast://bucket/in/file", input=content(11 * MIB))
    assert bucket.json("cp", "-r", str(tmp_path / "in"), "outlast://bucket/in")["already_there"] == 1


@pytest.mark.parametrize("name", ["雪" * 80, "x" * 255])
def test_a_long_name_comes_back(bucket: Any, tmp_path: Path, name: str) -> None:
    """File systems count bytes, and a draft beside the file must not need more of them."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(b"x")
    bucket.ok("cp", "-r", str(tmp_path / "in"), "outlast://bucket/")
    bucket.ok("cp", "-r", "outlast://bucket/", str(tmp_path / "out"))
    assert tree(tmp_path / "out") == {name: b"x"}


def test_what_is_no_file_is_not_replaced_by_one(bucket: Any, tmp_path: Path) -> None:
    bucket.ok("cp", "-", "outlast://bucket/key", input=b"x")
    (tmp_path / "null").symlink_to("/dev/null")
    bucket.ok("cp", "outlast://bucket/key", str(tmp_path / "null"))
    assert Path("/dev/null").is_char_device()
    assert (tmp_path / "null").is_symlink()


def test_a_dry_run_says_what_would_be_copied_and_copies_nothing(bucket: Any, tmp_path: Path) -> None:
    source = fill(tmp_path / "in")
    (source / "small.txt").write_bytes(b"small")
    bucket.ok("cp", str(source / "small.txt"), "outlast://bucket/in/")
    told = bucket.json("cp", "-r", "-n", str(source), "outlast://bucket/in")
    assert (told["copied"], told["already_there"], told["dry_run"]) == (3, 1, True)
    assert len(bucket.json("ls", "-r", "bucket/in/")) == 1
    said = bucket.run("cp", "-rn", "outlast://bucket/in", str(tmp_path / "out")).stderr
    assert f"would copy outlast://bucket/in/small.txt to {tmp_path / 'out' / 'small.txt'} (5 B)" in said
    assert not (tmp_path / "out").exists()
    assert bucket.run("cp", "-n", str(source / "small.txt"), "outlast://bucket/").exit_code == 2


def test_a_name_is_a_folder_only_up_to_its_slash(bucket: Any, tmp_path: Path) -> None:
    for key in ("in/1", "inside/2"):
        bucket.ok("cp", "-", f"outlast://bucket/{key}", input=b"x")
    bucket.ok("cp", "-r", "outlast://bucket/in", str(tmp_path / "out"))
    assert list(tree(tmp_path / "out")) == ["1"]


@pytest.mark.parametrize("key", ["../evil", "a/../../evil", "/etc/evil", "a//evil", "a/./evil", ".."])
def test_a_key_never_becomes_a_file_outside_of_the_folder(bucket: Any, tmp_path: Path, key: str) -> None:
    bucket.ok("cp", "-", f"outlast://bucket/{key}", input=b"evil")
    bucket.ok("cp", "-", "outlast://bucket/good", input=b"good")
    inner = tmp_path / "outer" / "inner"
    result = bucket.run("cp", "-r", "outlast://bucket/", str(inner))
    assert result.exit_code == 1
    assert key in result.stderr
    assert tree(tmp_path / "outer") == {"inner/good": b"good"}


def test_a_file_that_cannot_be_read_is_told_and_the_others_go_on(bucket: Any, tmp_path: Path) -> None:
    source = fill(tmp_path / "in")
    (source / "broken").symlink_to("nowhere")
    os.mkfifo(source / "pipe")
    result = bucket.run("cp", "-r", str(source), "outlast://bucket/in", "--json")
    assert result.exit_code == 1
    assert "broken" in result.stderr
    assert "pipe" in result.stderr
    assert len(bucket.json("ls", "-r", "bucket/in/")) == 4


def test_a_missing_bucket_ends_the_copy_at_once(shell: Any, tmp_path: Path) -> None:
    source = fill(tmp_path / "in")
    assert shell.fails("cp", "-r", str(source), "outlast://missing/in").count("->") == 1


def test_a_file_given_as_a_folder_is_told(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "not a folder" in bucket.fails("cp", "-r", str(tmp_path / "file"), "outlast://bucket/")


# ---------------------------------------------------------------- how far it is


def test_a_copy_shows_how_far_it_is_of_what(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    source = fill(tmp_path / "in")

    def shown(*arguments: str) -> str:
        said = bucket.run("cp", *arguments, terminal=True).stderr
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said)

    assert "4 of 4 files" in (up := shown("-r", str(source), "outlast://bucket/in"))
    assert "3.0/3.0 MiB" in up
    assert "left" in up
    assert "4 of 4 files" in shown("-r", "outlast://bucket/in", str(tmp_path / "out"))
    assert "3.0/3.0 MiB" in shown("-r", "outlast://bucket/in", str(tmp_path / "out")), "spared, all of it"
    (tmp_path / "one").write_bytes(bytes(2 * MIB))
    assert "2.0/2.0 MiB" in shown(str(tmp_path / "one"), "outlast://bucket/one")
    assert "2.0/2.0 MiB" in shown("outlast://bucket/one", str(tmp_path / "two"))
    assert (
        "files" not in bucket.run("cp", "outlast://bucket/one", "-", terminal=True).stderr.split("copied")[0]
    )


def test_waiting_is_told(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, here: everything takes longer than no time at all."""
    monkeypatch.setattr(progress, "slow_s", 0.0)
    assert "waiting for providers that are slow to answer" in bucket.run("ls", terminal=True).stderr
    assert bucket.run("ls").stderr == "", "a script has no use for that"
