"""`outlast ls`, `outlast cat` and `outlast rm`."""

from typing import Any

import pytest


@pytest.fixture
def filled(bucket: Any) -> Any:
    for key in ("a.txt", "dir/b.txt", "dir/sub/c.txt", "dirt"):
        bucket.ok("cp", "-", f"outlast://bucket/{key}", input=key.encode())
    return bucket


def test_without_a_path_it_lists_the_buckets(filled: Any) -> None:
    assert [bucket["name"] for bucket in filled.json("ls")] == ["bucket"]
    assert "bucket/" in filled.ok("ls")


def test_a_bucket_is_listed_a_folder_at_a_time(filled: Any) -> None:
    listed = filled.json("ls", "bucket/")
    assert [entry.get("prefix") or entry["key"] for entry in listed] == ["dir/", "a.txt", "dirt"]
    assert [entry.get("prefix") or entry["key"] for entry in filled.json("ls", "bucket/dir/")] == [
        "dir/sub/",
        "dir/b.txt",
    ]


def test_recursive_lists_everything_with_sizes(filled: Any) -> None:
    listed = filled.json("ls", "-r", "outlast://bucket/dir")
    assert [(entry["key"], entry["size"]) for entry in listed] == [
        ("dir/b.txt", 9),
        ("dir/sub/c.txt", 13),
        ("dirt", 4),
    ]
    assert "13 B" in filled.ok("ls", "-r", "bucket/dir")


def test_more_than_a_page_is_listed_whole(bucket: Any) -> None:
    import asyncio

    import outlast

    async def fill() -> None:
        async with outlast.open(bucket.config, bucket.folder / "state") as store:
            await asyncio.gather(*(store.put("bucket", f"{n:05}", b"") for n in range(2050)))

    asyncio.run(fill())
    assert len(bucket.json("ls", "bucket/")) == 2050
    assert bucket.json("rm", "-r", "bucket", "--yes") == {"deleted": 2050}


def test_a_missing_bucket_is_told(shell: Any) -> None:
    assert "outlast bucket" in shell.fails("ls", "missing/")


def test_cat_writes_the_bytes_and_nothing_else(filled: Any) -> None:
    assert filled.run("cat", "bucket/dir/b.txt").stdout_bytes == b"dir/b.txt"
    assert filled.json("cat", "bucket/a.txt")["size"] == 5


def test_cat_of_a_missing_object_fails(filled: Any) -> None:
    assert "outlast ls" in filled.fails("cat", "bucket/missing")


def test_rm_removes_one_object(filled: Any) -> None:
    assert filled.json("rm", "bucket/a.txt") == {"deleted": 1}
    filled.fails("rm", "bucket/a.txt")


def test_a_folder_is_what_a_slash_ends(filled: Any) -> None:
    """`dir` is not the beginning of `dirt`, and the object of a folder's name goes with it."""
    filled.ok("cp", "-", "outlast://bucket/dir", input=b"x")
    assert filled.json("rm", "-r", "bucket/dir") == {"deleted": 3}
    assert [entry["key"] for entry in filled.json("ls", "-r", "bucket/")] == ["a.txt", "dirt"]


def test_rm_recursive_removes_what_begins_so_and_nothing_else(filled: Any) -> None:
    assert filled.json("rm", "-r", "bucket/dir/") == {"deleted": 2}
    assert [entry["key"] for entry in filled.json("ls", "-r", "bucket/")] == ["a.txt", "dirt"]


def test_a_whole_bucket_is_emptied_only_when_one_says_so(filled: Any) -> None:
    assert filled.run("rm", "bucket/").exit_code == 2
    assert "--yes" in filled.run("rm", "-r", "bucket").stderr
    assert filled.run("rm", "-r", "bucket", "--json").exit_code == 2
    assert filled.json("rm", "-r", "bucket/", "--dry-run") == {"would_delete": 4}
    assert "would delete dir/sub/c.txt (13 B)\n" in filled.ok("rm", "-r", "bucket/", "-n")
    assert filled.json("rm", "-r", "bucket/", "--yes") == {"deleted": 4}


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 4), ("\n", 4), ("", 4)])
def test_at_a_terminal_it_asks_before_it_empties_a_bucket(filled: Any, answer: str, left: int) -> None:
    ended = filled.run("rm", "-r", "bucket", input=answer.encode(), terminal=True)
    assert ended.exit_code == (1 if left else 0)
    assert "delete all of bucket: 4 objects, 31 B? [y/N]" in ended.stderr
    assert len(filled.json("ls", "-r", "bucket/")) == left


def test_what_is_not_there_is_told(filled: Any) -> None:
    """A mistyped name must not look like an empty folder."""
    assert "outlast ls" in filled.fails("rm", "-r", "bucket/missing")
    assert "outlast ls" in filled.fails("rm", "-r", "bucket/dir/missing/", "--dry-run")
    assert "outlast ls" in filled.fails("rm", "bucket/missing", "--dry-run")
    assert "outlast ls" in filled.fails("ls", "bucket/missing")
    assert "outlast ls" in filled.fails("cp", "-r", "outlast://bucket/missing", str(filled.folder / "out"))
    assert not (filled.folder / "out").exists()


@pytest.mark.parametrize(
    "arguments", [("cat", "bucket"), ("cat", "bucket/"), ("cp", "outlast://bucket", "x")]
)
def test_a_bucket_is_no_object(filled: Any, arguments: tuple[str, ...]) -> None:
    ended = filled.run(*arguments)
    assert ended.exit_code == 2
    assert "names a bucket and no object in it: outlast://bucket/KEY" in ended.stderr


def test_a_key_cannot_drive_the_terminal(bucket: Any) -> None:
    key = "red\x1b[31m\x9b2J\u202etxt\nnext"
    bucket.ok("cp", "-", f"outlast://bucket/{key}", input=b"x")
    shown = [
        bucket.ok("ls", "bucket/"),
        bucket.ok("rm", "-n", f"bucket/{key}"),
        bucket.run("cat", f"bucket/{key}!").stderr,
        bucket.run("ls", "bucket/", "--json").stdout,
    ]
    for text in shown:
        assert not set("\x1b\x9b\u202e") & set(text), ascii(text)
    assert all("red\\x1b[31m\\x9b2J\\x202etxt\\x0anext" in text for text in shown[:2])
    assert bucket.json("ls", "bucket/")[0]["key"] == key


def test_a_name_that_is_not_utf_8_is_told(filled: Any) -> None:
    """As Python has it from the command line: bytes that are none are surrogates."""
    (filled.folder / "caf\udce9").write_bytes(b"x")
    for arguments in (
        ("cat", "bucket/caf\udce9"),
        ("cp", str(filled.folder / "caf\udce9"), "outlast://bucket/"),
        ("ls", "bucket/caf\udce9"),
    ):
        ended = filled.run(*arguments)
        assert ended.exit_code == 2
        assert "is not UTF-8" in ended.stderr
    filled.ok("cp", str(filled.folder / "caf\udce9"), "outlast://bucket/named")
