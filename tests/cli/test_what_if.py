"""`outlast what-if`: what is told of a store over three directories, and when it fails a build."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Shell

from outlast.cli.what_if import FailLevel, _too_bad
from outlast.outages.answer import Answer
from outlast.outages.holdings import Amount, Holdings
from outlast.outages.incidents import load_incidents
from outlast.outages.model import KINDS
from outlast.outages.outcome import SUMMARIES
from outlast.outages.what_if import Outage
from outlast.outages.what_if import what_if as judge
from outlast.placement.members import Policy

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "what-if.md").read_text(encoding="utf-8")
BIG = hashlib.shake_128(b"big").digest(300_000)


def moved(source: Path, target: Path) -> Any:
    """A copy of a folder with a store in it."""
    shutil.copytree(source, target)
    shell = Shell(target)
    shell.config.write_text(shell.config.read_text().replace(str(source), str(target)))
    return shell


@pytest.fixture(scope="module")
def stocked(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with an object in the log and one in fragments, to be copied."""
    shell = moved(made, tmp_path_factory.mktemp("stocked") / "shop")
    shell.ok("bucket", "create", "bucket")
    shell.ok("cp", "-", "outlast://bucket/small", input=b"small")
    shell.ok("cp", "-", "outlast://bucket/big", input=BIG)
    return shell.folder


@pytest.fixture
def filled(stocked: Path, tmp_path: Path) -> Any:
    """A stocked store of one's own."""
    return moved(stocked, tmp_path / "shop")


def wipe(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def verdicts(shell: Any, *arguments: str, status: int = 0) -> dict[str, str]:
    return {
        one["what"]: one["verdict"] for one in shell.json("what-if", *arguments, status=status)["verdicts"]
    }


def test_every_failure_domain_is_looked_at(filled: Any) -> None:
    found = verdicts(filled)
    assert {name: found[name] for name in "abc"} == dict.fromkeys("abc", "redundancy-less")
    assert found["operator=a"] == "redundancy-less"
    assert found["software=disk"] == "read-loss"  # three directories on one computer
    [here] = [name for name in found if name.startswith("location=")]
    assert found[here] == found[here.replace("location", "gateway")] == "read-loss"
    assert found["key=outlast.key"] == "unknown"


def test_one_is_told_at_length_with_all_figures(filled: Any) -> None:
    text = filled.ok("what-if", "B")
    assert text.startswith("b: redundancy-less\n")
    assert "at risk      2 objects, 293.0 KiB" in text
    [told] = filled.json("what-if", "b")["verdicts"]
    assert (told["takes"], told["reads"], told["writes"], told["data"]) == (["b"], *["nothing"] * 3)
    assert (told["redundancy_left"], told["restore_s"]) == (0, None)
    assert told["restore_bytes"] == pytest.approx(filled.bytes_at("b"), rel=0.01)


def test_several_fail_together(filled: Any) -> None:
    assert verdicts(filled, "a", "+", "operator=C") == {"a + operator=c": "read-loss"}
    assert verdicts(filled, "a", "c", "--lost") == {"a + c": "data-loss"}


def test_all_pairs_worst_first(filled: Any) -> None:
    found = verdicts(filled, "--any", "2")
    assert {"a + b", "a + c", "b + c"} <= set(found)
    assert set(found.values()) == {"read-loss"}


def test_who_is_not_well_counts_as_away_unless_told_otherwise(filled: Any) -> None:
    wipe(filled.folder / "b")
    assert verdicts(filled, "c") == {"c": "read-loss"}
    assert filled.json("what-if", "c")["not_well"] == {"b": "estranged"}
    assert "fix          outlast repair\n" in filled.ok("what-if", "c")
    assert verdicts(filled, "c", "--well") == {"c": "redundancy-less"}
    filled.ok("repair")
    assert verdicts(filled, "c") == {"c": "redundancy-less"}


def test_quotas_that_are_used_up_stop_large_writes(filled: Any) -> None:
    text = filled.config.read_text()
    for name in "ab":
        text = text.replace(f'/{name}"', f'/{name}?quota_bytes=1kB"')
    filled.config.write_text(text)
    found = filled.json("what-if", "c")
    [told] = found["verdicts"]
    assert found["quota_used_up"] == ["a", "b"]
    assert (told["verdict"], told["writes"], told["fix"]) == (
        "write-loss",
        "degraded",
        "raise the quotas of a, b in outlast.toml",
    )
    refused = filled.run("cp", "-", "outlast://bucket/more", input=BIG)
    assert refused.exit_code == 1 and "quotas of a, b are used up" in refused.stderr
    assert "No operator may fail" in filled.ok("report")


def test_who_is_drilled_counts_as_away(filled: Any) -> None:
    filled.ok("drill", "a", "--shape", "refuse", "--seconds", "60", "--detach")
    assert filled.json("what-if", "c")["not_well"] == {"a": "down"}
    filled.ok("drill", "a", "--stop")
    assert filled.json("what-if", "c")["not_well"] == {}


@pytest.mark.slow
def test_a_store_without_majority_is_judged_as_it_was_last_seen(filled: Any) -> None:
    for name in "ab":
        (filled.folder / name).rename(filled.folder / f"{name}-away")
    result = filled.run("what-if", "c")
    assert result.exit_code == 0
    assert "which may not be the newest" in result.stderr
    assert result.stdout.startswith("c: read-loss\n")


def test_a_name_that_is_none_is_told_with_the_choices(filled: Any) -> None:
    assert "operator=a" in filled.fails("what-if", "aws")


def test_one_question_at_a_time(filled: Any) -> None:
    assert filled.run("what-if", "a", "--any", "2").exit_code == 2
    assert filled.run("what-if", "--incidents", "--incident", "aws-2017-02-28").exit_code == 2


def test_the_page_shows_what_is_printed(empty: Any) -> None:
    where = {"north": "Oslo", "east": "Oslo", "south": "Bergen"}
    empty.ok(
        "init", *(f"--provider={name}={empty.folder / name}?location={city}" for name, city in where.items())
    )
    empty.ok("bucket", "create", "bucket")
    empty.ok("cp", "-", "outlast://bucket/big", input=BIG)
    shown = PAGE.split("$ outlast what-if location=oslo\n", 1)[1].split("```", 1)[0]
    assert empty.ok("what-if", "location=oslo") == shown


def test_the_page_tells_of_every_kind_of_domain_and_every_verdict() -> None:
    assert [kind for kind in KINDS if kind != "provider" and f"`{kind}`" not in PAGE] == []
    assert [verdict for verdict in SUMMARIES if f"| `{verdict}` |" not in PAGE] == []


# ---------------------------------------------------------------- for machines


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["a", "--fail-if", "write-loss"], 0),
        (["a", "b", "--fail-if", "read-loss"], 3),
        (["a", "b", "--fail-if", "data-loss"], 0),
        (["a", "b", "--fail-if", "data-loss", "--lost"], 3),
        (["--fail-if", "data-loss"], 0),
        (["--fail-if", "read-loss"], 3),
        (["key", "--lost", "--fail-if", "data-loss"], 3),
        (["key", "--lost", "--fail-if", "data-loss", "--allow-unknown"], 0),
    ],
)
def test_the_exit_status_is_for_ci(filled: Any, arguments: list[str], status: int) -> None:
    assert filled.run("what-if", *arguments).exit_code == status


def test_the_key_file_fails_no_build_that_did_not_name_it() -> None:
    key = Outage("key=outlast.key", ("key",), frozenset(), manner="lost")
    verdict = judge(Holdings(Policy(0), (), (), (), (), Amount()), key, {})
    assert verdict.most.summary == "data-loss"
    assert not _too_bad([Answer(verdict)], FailLevel.WRITE, allow_unknown=False, named=False)
    assert _too_bad([Answer(verdict)], FailLevel.WRITE, allow_unknown=False, named=True)


def test_markdown_is_one_table(filled: Any) -> None:
    lines = filled.ok("what-if", "--markdown").splitlines()
    assert lines[0].startswith("| if this fails | takes |")
    assert {line.count(" | ") for line in lines} == {8}
    assert "| a | a | redundancy-less | go on | go on | 0 | 0 B | never |  |" in lines


def test_tables_fit_eighty_columns(empty: Any) -> None:
    names = [f"a-provider-with-a-long-name-{number}" for number in range(3)]
    empty.ok(
        "init", *(f"--provider={name}={empty.folder / name}?location=A very long place" for name in names)
    )
    for arguments in ([], ["--any", "2"], ["--incidents"], ["--lost"], [names[0], names[1]]):
        assert [line for line in empty.ok("what-if", *arguments).splitlines() if len(line) > 80] == []


# ---------------------------------------------------------------- how long a repair takes


def test_a_given_rate_gives_a_time(filled: Any) -> None:
    [told] = filled.json("what-if", "b", "--repair-rate", "0.01")["verdicts"]
    assert told["restore_s"] == round(told["restore_bytes"] / 0.01 / (1 << 20), 1)
    assert "14 s at 10.2 KiB/s" in filled.ok("what-if", "b", "--repair-rate", "0.01")


def test_given_prices_give_a_cost(filled: Any) -> None:
    prices = filled.folder / "prices.toml"
    prices.write_text("[a]\negress_gb = 1000.0\n[c]\negress_gb = 3000.0\n")
    [told] = filled.json("what-if", "b", "--prices", str(prices))["verdicts"]
    assert told["restore_usd"] == 0.61  # a fragment of 150 kB each from a and c, and the log from c
    assert "at most $0.61" in filled.ok("what-if", "b", "--prices", str(prices))
    [told] = filled.json("what-if", "a", "--prices", str(prices))["verdicts"]
    assert told["restore_usd"] is None, "nobody has said what b asks"


def test_a_measured_rate_gives_a_time_and_leaves_nothing_behind(filled: Any) -> None:
    [told] = filled.json("what-if", "b", "--measure")["verdicts"]
    assert told["restore_s"] is not None
    assert list(filled.folder.glob("*/probe/*")) == []


# ---------------------------------------------------------------- incidents


def test_every_incident_has_a_verdict(filled: Any) -> None:
    found = filled.json("what-if", "--incidents")["incidents"]
    assert [one["id"] for one in found] == [one.id for one in load_incidents()]
    assert {one["verdict"] for one in found} == {"nothing"}


def test_an_incident_hits_whom_it_names(empty: Any) -> None:
    where = "operator=Amazon&software=S3&region=us-east-1"
    empty.ok(
        "init",
        f"--provider=x={empty.folder / 'x'}?{where}",
        f"--provider=y={empty.folder / 'y'}",
        f"--provider=z={empty.folder / 'z'}",
    )
    found = {one["id"]: one for one in empty.json("what-if", "--incidents")["incidents"]}
    assert (found["aws-2017-02-28"]["verdict"], found["aws-2017-02-28"]["takes"]) == (
        "redundancy-less",
        ["x"],
    )
    assert found["dyn-2016-10-21"]["verdict"] == "nothing"
    assert "aws-2017-02-28: redundancy-less" in empty.ok("what-if", "--incident", "aws-2017-02-28")
