"""`outlast drill`: what is refused, what is told, and that a drill with nobody behind it ends."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from outlast.cli.drill import BROKEN
from outlast.outages.drill.conduct import DrillPace
from outlast.outages.drill.promise import Promise

BIG = hashlib.shake_128(b"big").digest(300_000)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes before and after a drill takes less time than in life."""
    monkeypatch.setattr(
        "outlast.cli.drill.pace",
        DrillPace(before=0.3, after=0.1, canary_pause=0.02, look=0.02, settle=0.5, look_whole=0.1),
    )


@pytest.fixture
def filled(bucket: Any) -> Any:
    """A bucket with an object in the log and one in fragments."""
    bucket.ok("cp", "-", "outlast://bucket/small", input=b"small")
    bucket.ok("cp", "-", "outlast://bucket/big", input=BIG)
    return bucket


def states(shell: Any, status: int = 0) -> dict[str, str]:
    return {one["name"]: one["state"] for one in shell.json("status", status=status)["providers"]}


def assert_reads(shell: Any) -> None:
    assert shell.run("cat", "bucket/small").stdout_bytes == b"small"
    assert shell.run("cat", "bucket/big").stdout_bytes == BIG


# ---------------------------------------------------------------- with a canary


@pytest.mark.slow
def test_a_drill_says_what_was_promised_and_what_was_seen(filled: Any) -> None:
    report = filled.json("drill", "b", "--shape", "refuse", "--seconds", "2")
    assert (report["what"], report["providers"], report["end"]) == ("b", ["b"], "finished")
    assert (report["verdict"], report["kept"], report["broken"]) == ("redundancy-less", True, "")
    for window in ("before", "during", "after"):
        for kind in ("read", "write"):
            requests = report["requests"][window][kind]
            assert requests["done"]
            assert requests["failed"] == 0
            assert requests["p50_ms"] <= requests["p99_ms"]
    assert report["noticed_s"]["b"] is not None
    assert None not in (report["back_s"], report["whole_s"])
    assert [one["name"] for one in filled.json("bucket", "list")] == ["bucket"]
    assert set(states(filled).values()) == {"healthy"}
    assert filled.json("status")["extents_degraded"] == 0
    assert_reads(filled)


@pytest.mark.slow
def test_the_history_stands_beside_what_if(filled: Any) -> None:
    def drilled(*arguments: str) -> Any:
        return {one["what"]: one["drilled"] for one in filled.json("what-if", *arguments)["verdicts"]}

    assert drilled("b") == {"b": None}
    assert "never" in filled.ok("what-if", "b")
    filled.ok("drill", "b", "--seconds", "1")
    assert drilled("b")["b"]["kept"] is True
    assert drilled("b")["b"]["ago_s"] < 3600
    assert drilled("c") == {"c": None}
    assert "ago, as promised" in filled.ok("what-if", "b")
    (drill,) = filled.json("drill", "--history")["drills"]
    assert (drill["what"], drill["kept"]) == ("b", True)
    (line,) = filled.ok("drill", "--history").splitlines()[1:]
    assert line.split()[2:] == ["b", "b", "yes", "redundancy-less"]


@pytest.mark.slow
def test_an_incident_is_played_in_less_time_on_whom_one_says(filled: Any) -> None:
    said = filled.fails("drill", "aws-2017-02-28")
    assert "would hit no provider" in said
    assert "--on" in said
    report = filled.json("drill", "aws-2017-02-28", "--on", "c", "--seconds", "3")
    assert (report["what"], report["providers"]) == ("aws-2017-02-28", ["c"])
    assert report["speed"] == 15420 / 3
    assert report["kept"]
    assert len(report["faults"]) == 3
    assert "err of 50 % of reads for 1 s" in report["faults"]


@pytest.mark.slow
def test_what_the_store_does_not_bear_is_refused_and_when_forced_does_what_was_said(filled: Any) -> None:
    said = filled.fails("drill", "b", "c")
    assert "b + c is more than the store tolerates: read-loss" in said
    assert "--force" in said
    report = filled.json("drill", "b", "+", "c", "--force", "--seconds", "15")
    assert (report["verdict"], report["promised"], report["kept"]) == ("read-loss", [], True)
    assert report["requests"]["during"]["write"]["failed"]


def test_a_store_that_is_not_healthy_is_not_drilled(filled: Any) -> None:
    (filled.folder / "b").rename(filled.folder / "elsewhere")
    said = filled.fails("drill", "b")
    assert "b is " in said
    (filled.folder / "elsewhere").rename(filled.folder / "b")
    filled.ok("drill", "a", "--shape", "slow", "--seconds", "60", "--detach")
    assert "a drill is in progress at a" in filled.fails("drill", "b")


@pytest.mark.slow
def test_a_broken_promise_has_an_exit_status_of_its_own(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is promised here, also what cannot be kept."""
    monkeypatch.setattr(
        "outlast.outages.drill.promise.promise_of", lambda verdict: Promise("", ("read", "small write"))
    )
    report = filled.json("drill", "a", "b", "--force", "--seconds", "60", status=BROKEN)
    assert (report["end"], report["kept"]) == ("broken", False)
    assert report["broken"]
    assert "and what was promised did not hold" in filled.ok("what-if", "a", "b")


# ---------------------------------------------------------------- with nobody behind it


def test_it_is_seen_by_every_process_and_ends_when_told(filled: Any) -> None:
    begun = filled.json("drill", "b", "--shape", "refuse", "--seconds", "60", "--detach")
    assert (begun["providers"], begun["shape"]) == (["b"], "refuse")
    assert states(filled, 3)["b"] == "down"
    assert_reads(filled)
    assert filled.json("drill", "b", "--stop") == {"providers": ["b"], "shape": None}
    assert set(states(filled).values()) == {"healthy"}
    filled.ok("drill", "c", "--seconds", "60", "--detach")
    assert filled.json("drill", "--stop")["providers"] == ["c"]


def test_only_what_is_drilled_can_be_ended(filled: Any) -> None:
    assert "no drill is in force at b" in filled.fails("drill", "b", "--stop")
    assert filled.json("drill", "--stop")["providers"] == []
    filled.ok("drill", "c", "--seconds", "60", "--detach")
    assert "there is one at c" in filled.fails("drill", "b", "--stop")
    assert filled.ok("drill", "--stop") == "c: drill ended\n"


def test_status_says_that_it_is_a_drill_until_when_and_whose(filled: Any) -> None:
    filled.ok("drill", "b", "--shape", "denied", "--seconds", "60", "--detach")
    result = filled.run("status")
    assert result.exit_code == 3
    (told,) = [line for line in result.stdout.splitlines() if line.startswith("b: ")]
    assert re.fullmatch(
        r"b: a drill makes it fail: denied until [-0-9]+ [:0-9]+ UTC, ordered by \S+@\S+", told
    )
    assert "-> nothing is wrong with it: wait, or end the drill: outlast drill --stop b" in result.stdout
    assert "credential" not in result.stdout + filled.run("doctor").stdout


def test_a_hanging_provider_does_not_hang_the_command(filled: Any) -> None:
    filled.ok("drill", "b", "--shape", "hang", "--seconds", "60", "--detach")
    assert_reads(filled)
    filled.ok("cp", "-", "outlast://bucket/meanwhile", input=b"written")
    filled.ok("drill", "b", "--stop")


def test_quotas_that_are_used_up_count_before_a_drill(filled: Any) -> None:
    """Large writes are refused whoever fails, so the drill would promise what cannot be kept."""
    text = filled.config.read_text()
    for name in "ab":
        text = text.replace(f'/{name}"', f'/{name}?quota_bytes=1kB"')
    filled.config.write_text(text)
    assert "more than the store tolerates: write-loss" in filled.fails("drill", "c", "--detach")


def test_a_second_one_that_the_store_would_not_bear_is_refused(filled: Any) -> None:
    filled.ok("drill", "b", "--seconds", "60", "--detach")
    assert "c is more than the store tolerates" in filled.fails("drill", "c", "--detach")
    filled.ok("drill", "c", "--force", "--seconds", "1", "--detach")


def test_what_makes_no_sense_is_told(shell: Any) -> None:
    assert "there is no failure domain 'nobody'" in shell.fails("drill", "nobody")
    assert "over time" in shell.fails("drill", "aws-2017-02-28", "--on", "a", "--detach")
    for arguments in (["a", "--shape", "sulk"], ["a", "--minutes", "1", "--seconds", "1"], []):
        assert shell.run("drill", *arguments).exit_code == 2


def test_the_page_tells_how_long_a_killed_drill_lasts() -> None:
    page = (Path(__file__).parents[2] / "docs" / "guide" / "drills.md").read_text(encoding="utf-8")
    assert f"{DrillPace().lease:.0f} s" in page
