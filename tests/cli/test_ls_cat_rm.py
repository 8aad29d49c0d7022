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
    assert bucket.json("rm", "-r", "bucket/0") == {"deleted": 2050}


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


def test_rm_recursive_removes_what_begins_so_and_nothing_else(filled: Any) -> None:
    assert filled.json("rm", "-r", "bucket/dir/") == {"deleted": 2}
    assert [entry["key"] for entry in filled.json("ls", "-r", "bucket/")] == ["a.txt", "dirt"]


def test_a_whole_bucket_is_emptied_only_when_one_says_so(filled: Any) -> None:
    assert filled.run("rm", "bucket/").exit_code == 2
    assert filled.json("rm", "-r", "bucket/") == {"deleted": 4}
