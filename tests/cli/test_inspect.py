"""`outlast inspect`: what the providers really hold, compared with what the catalog says."""

from pathlib import Path
from typing import Any

from outlast.base import limits


def put(shell: Any, tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(bytes(size))
    shell.ok("cp", str(tmp_path / "file"), "outlast://bucket/key")


def fragments(shell: Any, provider: str) -> list[Path]:
    return sorted(path for path in (shell.folder / provider / "x").rglob("*") if path.is_file())


def found(shell: Any, what: Any) -> dict[str, str]:
    return {one["provider"]: one["found"] for one in what["fragments"]}


def test_a_slot_shows_what_each_voter_holds(bucket: Any) -> None:
    rows = bucket.json("inspect", "slot", "1")
    assert [row["voter"] for row in rows] == ["a", "b", "c"]
    held = [row["states"][-1] for row in rows if row["states"]]
    assert sum(state["records"] == {"BucketCreated": 1} for state in held) >= 2
    assert all(row["states"] == [] and row["error"] == "" for row in bucket.json("inspect", "slot", "99"))


def test_a_slot_at_a_lost_voter_shows_why_it_cannot_be_read(bucket: Any) -> None:
    (bucket.folder / "a").rename(bucket.folder / "elsewhere")
    rows = {row["voter"]: row for row in bucket.json("inspect", "slot", "0")}
    assert rows["a"]["error"] or rows["a"]["states"] == []
    assert rows["b"]["states"][0]["records"] == {"Genesis": 1}


def test_an_object_shows_which_fragment_is_absent_and_which_damaged(bucket: Any, tmp_path: Path) -> None:
    put(bucket, tmp_path, 3 * limits.inline_bytes_max)
    shown = bucket.json("inspect", "object", "bucket/key")
    assert shown["extents"] == 1
    assert all(text.startswith("intact") for text in found(bucket, shown["shown"][0]).values())
    (lost,) = fragments(bucket, "a")
    lost.unlink()
    (damaged,) = fragments(bucket, "b")
    content = bytearray(damaged.read_bytes())
    content[1000] ^= 1
    damaged.write_bytes(content)
    (extent,) = bucket.json("inspect", "object", "bucket/key")["shown"]
    states = found(bucket, extent)
    assert states["a"] == "absent"
    assert states["b"].startswith("damaged")
    assert states["c"].startswith("intact")
    assert bucket.json("inspect", "extent", extent["id"]) == extent
    assert "absent" in bucket.ok("inspect", "extent", extent["id"])


def test_a_small_object_lies_in_the_catalog(bucket: Any, tmp_path: Path) -> None:
    put(bucket, tmp_path, 100)
    shown = bucket.json("inspect", "object", "bucket/key")
    assert (shown["size"], shown["inline_bytes"], shown["extents"]) == (100, 100, 0)


def test_what_is_not_there_is_said_so(bucket: Any) -> None:
    assert "no extent" in bucket.fails("inspect", "extent", "abcd")
    assert bucket.run("inspect", "extent", "no hex").exit_code == 2
    assert bucket.run("inspect", "object", "bucket/none").exit_code == 1
