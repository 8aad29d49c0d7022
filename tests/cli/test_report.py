"""`outlast report`: tables, a page, JSON, Markdown and SARIF of a store over three directories."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from outlast.catalog.records import DrillReported
from outlast.cli.session import store_at
from outlast.outages.incidents import load_incidents


@pytest.fixture
def filled(bucket: Any) -> Any:
    """A store with an object in the log and one in fragments."""
    bucket.ok("cp", "-", "outlast://bucket/small", input=b"small")
    bucket.ok("cp", "-", "outlast://bucket/big", input=bytes(300_000))
    return bucket


def test_the_answer_comes_first_and_tables_fit_eighty_columns(filled: Any) -> None:
    lines = filled.ok("report").splitlines()
    assert lines[0] == "Any one operator may fail: no request fails, and nothing is lost."
    assert "never drilled" in " ".join(lines[:6])
    assert [line for line in lines if len(line) > 80] == []


def test_its_figures_are_those_of_what_if(filled: Any) -> None:
    report = filled.json("report")
    assert report["verdicts"] == filled.json("what-if")["verdicts"]
    repeated = filled.json("what-if", "--incidents")["incidents"]
    assert {one["id"]: one["verdict"] for one in report["incidents"]} == {
        one["id"]: one["verdict"] for one in repeated
    }
    assert len(report["incidents"]) == len(load_incidents())
    for one in report["providers"]:
        assert one["fragment_bytes"] == 150_012
        assert one["fragment_bytes"] + one["log_bytes"] == pytest.approx(
            filled.bytes_at(one["name"]), rel=0.01
        )
    assert (report["newest"], report["asked"], report["repair_rate"]) == (True, True, "not known")


def test_who_is_away_is_in_the_report(filled: Any) -> None:
    (filled.folder / "b").rename(filled.folder / "b-away")
    report = filled.json("report")
    assert set(report["not_well"]) == {"b"}
    assert report["headline"].startswith("b is away already. No other operator may fail")
    assert filled.json("report", "--well")["headline"].startswith("Any one operator")


def test_what_was_drilled_is_in_the_report(filled: Any) -> None:
    async def commit() -> None:
        async with store_at(filled.config, filled.folder / "state") as store:
            await store.catalog.commit(DrillReported("b", ("b",), 0, 60_000, True, b"{}"))

    asyncio.run(commit())
    report = filled.json("report")
    told = [(drill["what"], drill["kept"], drill["duration_s"]) for drill in report["drills"]]
    assert told == [("b", True, 60)]
    drilled = {one["what"]: one["drilled"] for one in report["verdicts"]}
    assert drilled["b"]["kept"] is True and drilled["a"] is None
    assert "last drilled" in filled.ok("report", "--html", "-")


def test_page_and_sarif_are_written_together(filled: Any) -> None:
    page, sarif = filled.folder / "report.html", filled.folder / "outlast.sarif"
    said = filled.ok("report", "--html", str(page), "--sarif", str(sarif))
    first, second = said.split("\n", 1)
    assert first == "Any one operator may fail: no request fails, and nothing is lost."
    assert second.startswith("What else would be noticed, or may be: software=disk, location=")
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n<html lang=")
    [run] = json.loads(sarif.read_text())["runs"]
    assert {result["ruleId"] for result in run["results"]} >= {"loss-of-software", "loss-of-gateway"}


def test_a_result_points_at_the_line_of_its_provider(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(filled.folder.parent)
    [run] = json.loads(filled.ok("report", "--sarif", "-"))["runs"]
    lines = filled.config.read_text().splitlines()
    [result] = [one for one in run["results"] if one["ruleId"] == "loss-of-software"]
    places = [one["physicalLocation"] for one in [*result["locations"], *result["relatedLocations"]]]
    named = [lines[place["region"]["startLine"] - 1] for place in places]
    assert named == [f"[providers.{name}]" for name in "abc"]
    assert {place["artifactLocation"]["uri"] for place in places} == {"shop/outlast.toml"}


def test_a_settings_file_elsewhere_is_named_in_full(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(filled.folder / "a")
    [run] = json.loads(filled.ok("report", "--sarif", "-"))["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == filled.config.as_uri()


def test_one_thing_is_printed(filled: Any) -> None:
    assert filled.ok("report", "--html", "-").startswith("<!DOCTYPE html>\n")
    assert filled.ok("report", "--markdown").startswith("# If one provider has a bad day\n")
    assert filled.run("report", "--html", "-", "--json").exit_code == 2


def test_a_file_that_cannot_be_written_is_told(filled: Any) -> None:
    assert "cannot be written" in filled.fails("report", "--html", str(filled.folder / "none" / "page.html"))


def test_the_docs_tell_of_every_rule() -> None:
    from outlast.outages.model import KINDS
    from outlast.outages.report.sarif import rule_id

    page = (Path(__file__).parents[2] / "docs" / "guide" / "report.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"`{rule_id(kind)}`" not in page] == []
