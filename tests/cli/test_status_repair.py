"""`outlast status` and `repair`: seeing a loss, and mending it."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from outlast.base.errors import Full
from outlast.cli.output import bytes_text
from outlast.providers.disk import DiskProvider
from outlast.providers.marker import Marker
from outlast.providers.protocol import Data, data_size
from outlast.providers.space import Space

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


def states(shell: Any, status: int = 0) -> dict[str, str]:
    return {one["name"]: one["state"] for one in shell.json("status", status=status)["providers"]}


def said(shell: Any, status: int) -> str:
    """What `outlast status` prints, which must end with this exit status."""
    result = shell.run("status")
    assert result.exit_code == status, result.stdout + result.stderr
    return str(result.stdout)


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """By provider, how many bytes its disk of 100 GB has left, as the kernel and writes to it say it."""
    free: dict[str, int] = {}
    real = DiskProvider.put

    async def space(self: DiskProvider) -> Space:
        return Space(free.get(self.name, 50 * 10**9), 100 * 10**9)

    async def put(self: DiskProvider, key: str, data: Data, under: Marker | None = None) -> None:
        if data_size(data) > free.get(self.name, 10**9):
            raise Full(self.name, "put", f"{key}: No space left on device")
        await real(self, key, data, under)

    monkeypatch.setattr(DiskProvider, "space", space)
    monkeypatch.setattr(DiskProvider, "put", put)
    return free


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
    assert states(filled, 3) == {"a": "healthy", "b": "estranged", "c": "healthy"}
    assert "degraded: everything can be read and written; 0 more operators may be lost" in said(filled, 3)


def test_status_tells_of_a_provider_that_is_not_mounted(filled: Any) -> None:
    (filled.folder / "b").rename(filled.folder / "elsewhere")
    assert states(filled, 3)["b"] != "healthy"
    assert not (filled.folder / "b").exists(), "an unmounted disk must not be mistaken for an empty one"
    assert_reads(filled)


@pytest.mark.slow
def test_status_still_answers_when_too_many_are_gone(filled: Any) -> None:
    for name in ("a", "b"):
        (filled.folder / name).rename(filled.folder / f"{name}-away")
    assert "out of reach: nothing can be read or written; not available: a, b" in said(filled, 4)


@pytest.mark.slow
def test_status_of_a_store_that_cannot_be_reached_at_all_is_no_success(filled: Any) -> None:
    for name in ("a", "b", "c"):
        (filled.folder / name).rename(filled.folder / f"{name}-away")
    text = said(filled, 4)
    assert "out of reach: nothing can be read or written" in text
    assert "goes on" not in text
    shutil.rmtree(filled.folder / "state")
    unknown = filled.run("status")
    assert (unknown.exit_code, "outlast status" in unknown.stderr) == (4, False), "where nothing is known"
    assert "outlast doctor" in unknown.stderr


def test_status_tells_what_a_well_store_is(filled: Any) -> None:
    told = filled.json("status")
    assert (told["health"], told["providers"][0]["takes_writes"]) == ("well", True)


def test_status_tells_of_extents_that_miss_a_fragment(filled: Any) -> None:
    (filled.folder / "b").rename(filled.folder / "elsewhere")
    filled.ok("cp", "-", "outlast://bucket/more", input=BIG)
    assert "1 of 2 extents miss a fragment, which a gateway or `outlast repair` restores once" in said(
        filled, 3
    )
    (filled.folder / "elsewhere").rename(filled.folder / "b")
    assert "or `outlast repair` restores now" in said(filled, 3)


# ---------------------------------------------------------------- full


def test_a_full_disk_is_named_by_status_doctor_and_repair(filled: Any, disks: dict[str, int]) -> None:
    disks["b"] = 100_000  # a few bytes are taken all the same, as on many a full disk
    text = said(filled, 3)
    assert "refuses writes" in text and "No space left" in text and "make room there" in text
    told = {one["name"]: one for one in filled.json("status", status=3)["providers"]}
    assert told["b"]["space"] == {"free": 100_000, "total": 100 * 10**9}
    assert (told["b"]["state"], told["b"]["takes_writes"]) == ("healthy", False)
    assert [trouble["kind"] for trouble in told["b"]["troubles"]] == ["full"]
    doctor = filled.run("doctor")
    assert doctor.exit_code == 1
    assert "No space left" in doctor.stdout and "make room there" in doctor.stdout
    assert "give it back the rights" not in doctor.stdout
    filled.ok("cp", "-", "outlast://bucket/more", input=BIG)
    repair = filled.run("repair")
    assert repair.exit_code == 1
    assert "No space left" in repair.stderr and "make room there" in repair.stderr
    assert "all providers answer" not in repair.stdout + repair.stderr
    del disks["b"]
    assert filled.json("repair")["degraded"] == 0
    assert filled.json("status")["health"] == "well"


def test_where_all_disks_are_full_writes_are_out_of_reach(filled: Any, disks: dict[str, int]) -> None:
    disks.update(dict.fromkeys("abc", 100_000))
    assert "out of reach: nothing can be written" in said(filled, 4)


def test_a_disk_that_is_nearly_full_is_a_warning(filled: Any, disks: dict[str, int]) -> None:
    disks["c"] = 4 * 10**9
    text = said(filled, 3)
    assert "c: its disk is nearly full: 3.7 GiB of 93.1 GiB are free" in text
    assert "degraded: any 1 of its operators may be lost; see the troubles above" in text
    doctor = filled.run("doctor")
    assert (doctor.exit_code, doctor.stdout.count("BAD")) == (1, 1), doctor.stdout
    assert "nearly full" in doctor.stdout and "3 of 3 voters can vote" in doctor.stdout


def test_quotas_are_kept_to_and_shown(bucket: Any) -> None:
    config, folder = bucket.config, bucket.folder
    limited = config.read_text().replace(f"{folder / 'a'}", f"{folder / 'a'}?quota_bytes=1MB")
    config.write_text(limited)
    bucket.ok("cp", "-", "outlast://bucket/first", input=BIG)
    (quota,) = (one["quota"]["bytes"] for one in bucket.json("status")["providers"] if one["name"] == "a")
    assert quota["of"] == 1_000_000 <= quota["used"] < 2_000_000
    bucket.ok("cp", "-", "outlast://bucket/second", input=BIG)
    text = bucket.ok("status")
    assert f"a: {bytes_text(quota['used'])} of 976.6 KiB stored: used up" in text, "the second is elsewhere"
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


def test_repair_that_cannot_look_at_every_fragment_is_not_done(filled: Any) -> None:
    """Nothing is known to be missing, and a third of it is out of reach."""
    (filled.folder / "b").rename(filled.folder / "elsewhere")
    report = filled.json("repair", status=1)
    assert (report["degraded"], report["unreachable"]) == (0, 1)
    assert [(one["name"], one["troubles"][0]["kind"]) for one in report["obstacles"]] == [("b", "unmounted")]


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
    assert "mount its disk" in result.stderr, "what has to be done first"
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
    told = {one["name"]: one for one in filled.json("status", status=3)["providers"]}
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
