"""`outlast status` and `repair`: seeing a loss, and mending it."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from outlast.cli.output import bytes_text

BIG = hashlib.shake_128(b"big").digest(3 << 20)


@pytest.fixture
def filled(bucket: Any) -> Any:
    """A bucket with an object in the log and one in fragments."""
    bucket.ok("cp", "-", "outlast://bucket/small", input=b"small")
    bucket.ok("cp", "-", "outlast://bucket/big", input=BIG)
    return bucket


def wipe(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def states(shell: Any) -> dict[str, str]:
    return {one["name"]: one["state"] for one in shell.json("status")["providers"]}


def assert_reads(shell: Any) -> None:
    assert shell.run("cat", "bucket/small").stdout_bytes == b"small"
    assert shell.run("cat", "bucket/big").stdout_bytes == BIG


# ---------------------------------------------------------------- status


def test_status_tells_what_the_store_holds(filled: Any) -> None:
    told = filled.json("status")
    assert (told["buckets"], told["objects"], told["bytes"]) == (1, 2, 5 + len(BIG))
    assert (told["tolerate"], told["voters"], told["extents_degraded"]) == (1, ["a", "b", "c"], 0)
    assert "any 1 of its operators may be lost" in filled.ok("status")


def test_status_tells_of_a_wiped_provider(filled: Any) -> None:
    wipe(filled.folder / "b")
    assert states(filled) == {"a": "healthy", "b": "estranged", "c": "healthy"}
    assert "0 more operators may be lost" in filled.ok("status")


def test_status_tells_of_a_provider_that_is_not_mounted(filled: Any) -> None:
    (filled.folder / "b").rename(filled.folder / "elsewhere")
    assert states(filled)["b"] != "healthy"
    assert not (filled.folder / "b").exists(), "an unmounted disk must not be mistaken for an empty one"
    assert_reads(filled)


@pytest.mark.slow
def test_status_still_answers_when_too_many_are_gone(filled: Any) -> None:
    for name in ("a", "b"):
        (filled.folder / name).rename(filled.folder / f"{name}-away")
    said = filled.ok("status")
    assert "2 operators are away, and only 1 may be" in said


def test_quotas_are_kept_to_and_shown(bucket: Any) -> None:
    config, folder = bucket.config, bucket.folder
    limited = config.read_text().replace(f"{folder / 'a'}", f"{folder / 'a'}?quota_bytes=1MB")
    config.write_text(limited)
    bucket.ok("cp", "-", "outlast://bucket/first", input=BIG)
    (quota,) = (one["quota"]["bytes"] for one in bucket.json("status")["providers"] if one["name"] == "a")
    assert quota["of"] == 1_000_000 <= quota["used"] < 2_000_000
    bucket.ok("cp", "-", "outlast://bucket/second", input=BIG)
    said = bucket.ok("status")
    assert f"a: {bytes_text(quota['used'])} of 976.6 KiB stored: used up" in said, "the second is elsewhere"
    config.write_text(limited.replace(f"{folder / 'b'}", f"{folder / 'b'}?quota_bytes=1MB"))
    assert (
        "the quotas of a, b are used up" in bucket.run("cp", "-", "outlast://bucket/third", input=BIG).stderr
    )
    assert bucket.run("cat", "bucket/second").stdout_bytes == BIG


# ---------------------------------------------------------------- repair


def test_repair_gives_a_wiped_provider_everything_back(filled: Any) -> None:
    wipe(filled.folder / "b")
    told = filled.json("repair")
    assert told["reattached"] == ["b"]
    assert told["restored"] == told["missing"] == 1
    assert (told["degraded"], told["unreachable"], told["problems"]) == (0, 0, [])
    assert set(states(filled).values()) == {"healthy"}
    wipe(filled.folder / "a")  # what was given back is now needed
    assert_reads(filled)


def test_repair_of_a_whole_store_changes_nothing(filled: Any) -> None:
    assert filled.json("repair")["restored"] == 0
    assert "0 fragments" in filled.ok("repair")


def test_repair_finds_a_damaged_fragment_by_reading_it(filled: Any) -> None:
    (fragment,) = (path for path in (filled.folder / "c" / "x").rglob("*") if path.is_file())
    damaged = bytearray(fragment.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    fragment.write_bytes(damaged)
    assert filled.json("repair", "--quick")["bad"] == 0
    assert filled.json("repair")["bad"] == 1
    assert filled.json("repair")["bad"] == 0


def test_repair_with_a_provider_away_says_so(filled: Any) -> None:
    (filled.folder / "b").rename(filled.folder / "elsewhere")
    filled.ok("cp", "-", "outlast://bucket/more", input=BIG)
    result = filled.run("repair")
    assert result.exit_code == 1
    assert "still degraded" in result.stdout
    (filled.folder / "elsewhere").rename(filled.folder / "b")
    assert filled.json("repair")["degraded"] == 0


@pytest.mark.slow
def test_all_erased_but_one_is_told_as_it_is(filled: Any) -> None:
    for name in ("a", "b"):
        wipe(filled.folder / name)
    filled.fails("cat", "bucket/big")


# ---------------------------------------------------------------- a log without its marker


def remove_log(place: Path, what: str) -> None:
    """As the beginning of an `rm -rf` does it: the marker is the last to go."""
    if what == "folder":
        shutil.rmtree(place / "log")
    else:
        (place / "log" / "main" / what).unlink()


@pytest.mark.parametrize("what", ["folder", "segments", "0000000000000000.journal"])
def test_a_voter_that_has_lost_its_log_and_not_its_marker_is_estranged_until_it_is_repaired(
    filled: Any, what: str
) -> None:
    remove_log(filled.folder / "b", what)
    assert (filled.folder / "b" / "0-outlast").exists()
    filled.ok("cp", "-", "outlast://bucket/after", input=b"after")
    told = {one["name"]: one for one in filled.json("status")["providers"]}
    assert told["b"]["state"] == "estranged"
    assert [trouble["kind"] for trouble in told["b"]["troubles"]] == ["lost-log"]
    assert "outlast repair" in told["b"]["troubles"][0]["remedy"]
    filled.ok("repair")
    assert states(filled) == {"a": "healthy", "b": "healthy", "c": "healthy"}
    remove_log(filled.folder / "a", what)
    assert_reads(filled)  # with the votes that the repaired one gives
    assert filled.run("cat", "bucket/after").stdout_bytes == b"after"


@pytest.mark.slow
def test_where_a_majority_has_lost_its_log_writes_are_refused_and_no_history_begins_anew(filled: Any) -> None:
    kept = {path.name: path.read_bytes() for path in (filled.folder / "c" / "log" / "main").iterdir()}
    for name in ("a", "b"):
        remove_log(filled.folder / name, "folder")
    assert filled.run("cp", "-", "outlast://bucket/after", input=b"after").exit_code == 1
    for name in ("a", "b"):
        assert not (filled.folder / name / "log").exists(), "nothing was voted for there"
    now = {path.name: path.read_bytes() for path in (filled.folder / "c" / "log" / "main").iterdir()}
    assert all(content.startswith(kept[name]) for name, content in now.items())
