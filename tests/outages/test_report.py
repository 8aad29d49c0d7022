"""The report: the same figures in every form, escaped, and a page that is whole and needs nothing else."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace as replaced
from tests.outages.invented_stores import held, member, store
from tests.outages.report_example import (
    DRILLS,
    MEMBERS,
    REACHES,
    VIEW,
    example_holdings,
    example_report,
    reported,
)

from outlast.base.figures import bytes_text
from outlast.catalog.records import DrillReported
from outlast.outages.drill.report import DrillReport as Drill
from outlast.outages.drill.report import Requests, encoded
from outlast.outages.incidents import load_incidents
from outlast.outages.model import KINDS
from outlast.outages.outcome import SUMMARIES
from outlast.outages.reach import Reach
from outlast.outages.report import words
from outlast.outages.report.contents import Report, caveat, headline
from outlast.outages.report.data import report_json
from outlast.outages.report.drills import past_drill
from outlast.outages.report.markdown import report_markdown
from outlast.outages.report.markup import Html, join, tag
from outlast.outages.report.page import html_page
from outlast.outages.report.sarif import report_sarif, rule_id

DOCS = Path(__file__).parents[2] / "docs" / "guide"
PICTURES = ("report", "report-dark", "report-days", "report-phone", "report-phone-dark")
SECTIONS = ("answer", "baskets", "days", "fixes", "incidents", "drills", "basis")
NASTY = "</td><script>alert(1)</script> | \"'&<b>`*_[x](y){0}\u202e\x00 ~"
ABC = [member("a"), member("b"), member("c")]


def tree(page: str) -> ElementTree.Element:
    """The page, which must be well-formed."""
    assert page.startswith("<!DOCTYPE html>\n")
    return ElementTree.fromstring(page.split("\n", 1)[1])


def text(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


def rows(root: ElementTree.Element, section: str) -> dict[str, dict[str, str]]:
    """The cells of a section's rows: by what the row is about, then by column."""
    found: dict[str, dict[str, str]] = {}
    for row in root.iterfind(f".//section[@id='{section}']//tr[@data-what]"):
        cells = {cell.get("data-column", ""): text(cell) for cell in row.iterfind("td")}
        found[row.get("data-what", "")] = cells | {"verdict": row.get("data-verdict", "")}
    return found


def nasty_report() -> Report:
    members = [replace_operator(name) for name in "abc"]
    return reported(
        store(members, held(2, "a b", gone="c"), inline=3),
        members,
        {"a": Reach(credential=NASTY)},
        now={"b": "down"},
        drills=[replace(DRILLS[0], what=NASTY, observed=NASTY)],
        view=replace(VIEW, host=NASTY),
    )


def replace_operator(name: str) -> Any:
    return member(name, operator=f"{NASTY}{name}", location=NASTY, software="")


# ---------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def root() -> ElementTree.Element:
    return tree(html_page(example_report()))


def test_every_section_is_there_under_its_heading(root: ElementTree.Element) -> None:
    sections = root.findall(".//section")
    assert [section.get("id") for section in sections] == list(SECTIONS)
    for section in sections:
        heading = section.find("h2")
        assert heading is not None and heading.get("id") == section.get("aria-labelledby")
        assert text(heading)
    assert len(root.findall(".//h1")) == 1


def test_the_page_loads_and_runs_nothing(root: ElementTree.Element) -> None:
    elements = {element.tag for element in root.iter()}
    assert not elements & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "image"}
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on") and name not in ("src", "srcset", "style", "action"), name
            if name == "href":
                assert value.startswith("#") or (element.tag == "a" and re.match("https?://", value))
    [style] = root.iterfind(".//style")
    assert "@import" not in text(style)
    assert set(re.findall(r"url\(([^)]*)\)", text(style))) <= {"#missing"}
    policy = root.find(".//meta[@http-equiv='Content-Security-Policy']")
    assert policy is not None and policy.get("content", "").startswith("default-src 'none'")


def test_links_within_the_page_lead_somewhere_and_ids_are_unique(root: ElementTree.Element) -> None:
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    targets = {a.get("href", "")[1:] for a in root.iterfind(".//a") if a.get("href", "").startswith("#")}
    assert targets <= set(ids)
    assert targets >= set(SECTIONS)


def test_tables_are_tables_for_those_who_cannot_see_them(root: ElementTree.Element) -> None:
    assert root.get("lang") == "en"
    tables = root.findall(".//table")
    assert len(tables) == 4  # bad days, incidents that hit and that do not, drills
    for table in tables:
        caption = table.find("caption")
        assert caption is not None and text(caption)
        columns = [text(head) for head in table.iterfind("thead/tr/th[@scope='col']")]
        for row in table.iterfind("tbody/tr"):
            head = row.find("th")
            assert head is not None
            if row.get("class") == "group":
                assert (head.get("scope"), head.get("colspan")) == ("rowgroup", str(len(columns)))
            else:
                assert head.get("scope") == "row"
                assert [cell.get("data-column") for cell in row.iterfind("td")] == columns[1:]
    roles = {element.get("role") for element in root.iterfind(".//table//*")}
    assert {"row", "rowgroup", "columnheader", "rowheader", "cell"} <= roles


def test_every_picture_has_a_title_or_is_told_beside_it(root: ElementTree.Element) -> None:
    pictures = root.findall(".//svg")
    assert pictures
    for picture in pictures:
        if picture.get("aria-hidden") == "true":
            continue
        title = picture.find("title")
        assert picture.get("role") == "img" and title is not None
        assert picture.get("aria-label") == text(title) != ""


def test_bars_are_as_long_as_what_lies_there(root: ElementTree.Element) -> None:
    found, bars = report_json(example_report())["providers"], root.findall(".//svg[@class='bar']")
    most = max(one["fragment_bytes"] + one["log_bytes"] + one["missing_bytes"] for one in found)
    for one in found:
        [bar] = [bar for bar in bars if text(bar[0]).startswith(f"{one['name']}:")]
        widths = {
            rect.get("class"): float(rect.get("width", "").rstrip("%")) for rect in bar.iterfind("rect")
        }
        assert widths.get("bar-fragments", 0) == pytest.approx(100 * one["fragment_bytes"] / most, abs=0.01)
        assert widths.get("bar-missing", 0) == pytest.approx(100 * one["missing_bytes"] / most, abs=0.01)


def test_the_page_shows_the_figures_of_the_json(root: ElementTree.Element) -> None:
    data = report_json(example_report())
    days = rows(root, "days")
    assert list(days) == [one["what"] for one in data["verdicts"]]
    assert {one["verdict"] for one in data["verdicts"]} >= {"read-loss", "redundancy-less", "unknown"}
    for one in data["verdicts"]:
        cells = days[one["what"]]
        assert cells["verdict"] == one["verdict"]
        assert words.VERDICTS[one["verdict"]] in cells["Then"]
        assert cells["Reads"] == words.READS[one["reads"]]
        assert cells["Writes"] == words.WRITES[one["writes"]]
        assert cells["Data"] == words.DATA[one["data"]]
        assert cells["Left"] == str(one["redundancy_left"])
        assert cells["Unreadable"] == bytes_text(one["unreadable"]["bytes"])
        assert cells["At risk"] == bytes_text(one["at_risk"]["bytes"])
        assert cells["To restore"].split(",")[0] == bytes_text(one["restore_bytes"])
        assert cells["Drilled"] == ("12 days ago" if one["drilled"] else "never")
        assert (cells["Fix"] == "\u2013") == (one["fix"] == "")
        assert all(name in cells["Takes"] for name in [*one["takes"], *one["may_take"]])
    repeated = rows(root, "incidents")
    assert set(repeated) == {one["id"] for one in data["incidents"]}
    for one in data["incidents"]:
        assert repeated[one["id"]]["verdict"] == one["verdict"]
        assert repeated[one["id"]]["Left"] == str(one["redundancy_left"])


def test_fixes_are_ranked_with_before_and_after(root: ElementTree.Element) -> None:
    fixes = report_json(example_report())["fixes"]
    items = root.findall(".//ol[@class='fixes']/li")
    assert [text(item[0]) for item in items] == [fix["fix"] for fix in fixes]
    for item, fix in zip(items, fixes, strict=True):
        shown = text(item)
        for one in fix["helps"]:
            assert one["what"] in shown
            assert words.VERDICTS[one["before"]] in shown
            assert (words.VERDICTS[one["after"]] if one["after"] else "not tried") in shown
    assert any(one["after"] is None for fix in fixes for one in fix["helps"])


def test_nobodys_name_becomes_markup() -> None:
    page = html_page(nasty_report())
    shown = tree(page)
    assert "<script" not in page and "\x00" not in page and "\u202e" not in page
    assert not list(shown.iterfind(".//b"))
    names = [text(heading) for heading in shown.iterfind(".//h3")]
    assert any("</td><script>alert(1)</script>" in name and "\ufffd" in name for name in names)


def test_a_page_is_closed_the_way_browsers_read_it() -> None:
    """As HTML, where a slash closes only what has no content."""

    class Balance(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag != "meta":
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: Any) -> None:
            assert tag in ("meta", "rect", "circle", "path"), tag

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    for report in (example_report(), nasty_report()):
        balance = Balance()
        balance.feed(html_page(report))
        balance.close()
        assert balance.open == []


def test_markup_escapes_text_and_keeps_markup() -> None:
    assert tag("p", "a < b & c", Html("<br />"), class_='x"y') == (
        '<p class="x&quot;y">a &lt; b &amp; c<br /></p>'
    )
    assert join("<", tag("rect", width=3, x=None)) == '&lt;<rect width="3" />'


def test_the_pictures_in_the_docs_are_small_and_shown() -> None:
    page = (DOCS / "report.md").read_text(encoding="utf-8")
    pictures = list((DOCS / "images").glob("report*.png"))
    assert {picture.stem for picture in pictures} == set(PICTURES)
    for picture in pictures:
        assert picture.stat().st_size < 150 * 1024
        assert f"images/{picture.name}" in page


# ---------------------------------------------------------------- what is said


def test_a_store_as_meant_is_said_to_be_well() -> None:
    told = [member(name, region=name, account=name, software=name, location=name) for name in "abc"]
    report = reported(store(told, held(2, "a b c")), told, {})
    assert headline(report) == "Any one operator may fail: no request fails, and nothing is lost."
    page = tree(html_page(report))
    fixes = page.find(".//section[@id='fixes']")
    assert fixes is not None and text(fixes).count("copy the key file") == 1
    assert len(report.fixes) == 1, "nothing else is to be done"


def test_the_key_file_is_never_said_to_be_without_consequence() -> None:
    """Without its last copy everything is lost, and nobody here knows of copies."""
    [key] = [one for one in report_json(example_report())["verdicts"] if one["kinds"] == ["key"]]
    assert (key["verdict"], key["at_least"], key["at_most"]) == ("unknown", "nothing", "data-loss")
    assert key["fix"].startswith("copy the key file")


def test_incidents_that_hit_nobody_here_are_not_said_to_be_borne() -> None:
    report = reported(store(ABC, held(2, "a b c")), ABC, {})
    assert words.incidents_text(report) == f"none of {len(load_incidents())} would hit these providers"
    assert "would hit these providers" in html_page(report)
    hit = words.incidents_text(example_report())
    assert re.fullmatch(r"\d+ of \d+ would hit, or may; \d+ of these would not be noticed", hit)


def test_who_is_away_already_is_not_counted_among_those_that_may_fail() -> None:
    five = [member(name) for name in "abcde"]
    shop = store(five, held(3, "a b c d e"), tolerate=2)
    one = headline(reported(shop, five, {}, now={"b": "down"}))
    assert (
        one == "op-b is away already. Any one other operator may fail: no request fails, and nothing is lost."
    )
    two = headline(reported(shop, five, {}, now={"b": "down", "c": "down"}))
    assert two.startswith("op-b and op-c are away already. No other operator may fail: reads or writes would")
    three = headline(reported(shop, five, {}, now=dict.fromkeys("bcd", "down")))
    assert "No other operator may fail: some reads or writes fail already" in three


def test_a_broken_promise_is_the_headline() -> None:
    assert headline(example_report()).startswith("3 of 4 operators may fail")
    alike = reported(store(ABC, held(2, "a b c")), ABC, {}, now={"c": "down"})
    assert headline(alike).startswith("op-c is away already. No other operator may fail")
    broken = reported(store(ABC, held(3, "a b c")), ABC, {})
    assert headline(broken).startswith("No operator may fail")
    assert "no operator" in headline(reported(store(ABC, held(3, "a b c"), tolerate=0), ABC, {}))


def test_what_the_headline_leaves_out_is_named_below_it() -> None:
    report = example_report()
    assert caveat(report) == (
        "What else would be noticed, or may be: account=4711, software=S3, location=Frankfurt,"
        " location=Dublin, and 4 more."
    )
    told = [member(name, region=name, account=name, software=name, location=name) for name in "abc"]
    assert caveat(reported(store(told, held(2, "a b c")), told, {})) == (
        "What else would be noticed, or may be: key=outlast.key."
    )
    for form in (
        html_page(report),
        report_markdown(report).replace("\\", ""),
        json.dumps(report_json(report)),
    ):
        assert caveat(report) in form


def test_a_store_that_is_to_bear_two_losses_is_held_to_two() -> None:
    five = [member(name) for name in "abcde"]
    whole = store(five, held(3, "a b c d e"), tolerate=2)
    assert headline(reported(whole, five, {})).startswith("Any 2 operators may fail at once:")
    lacking = store(five, held(3, "a b c d", gone="e"), tolerate=2)
    assert headline(reported(lacking, five, {})).startswith("Any one operator may fail, but not any 2")


def test_who_is_not_well_is_told_at_the_top() -> None:
    page = html_page(reported(store(ABC, held(2, "a b c")), ABC, {}, now={"c": "down"}))
    answer = tree(page).find(".//section[@id='answer']")
    assert answer is not None and "c (down)" in text(answer)


@pytest.mark.parametrize("form", [html_page, report_markdown, lambda report: json.dumps(report_json(report))])
def test_a_store_that_was_never_drilled_is_told_to_be(form: Any) -> None:
    assert "never drilled" in form(reported(store(ABC, held(2, "a b c")), ABC, {}))
    assert "never drilled" not in form(example_report())


def drill_record(**what: Any) -> DrillReported:
    """A drill of an hour and a half, as the catalog keeps it."""
    one = Requests(done=119, failed=1, p50_ms=4.0, p99_ms=85.4)
    told = Drill(
        what="azure",
        providers=("azure",),
        faults=("hang", "err of 20 %"),
        speed=1,
        began=0,
        ended=5_400_000,
        end="finished",
        verdict="redundancy-less",
        promised=("read", "write"),
        kept=False,
        broken="a write failed",
        requests={"during": {"read": one}, "after": {"read": replaced(one, failed=77)}},
        failures=(),
        noticed_s={"azure": 1.52},
        back_s=2.0,
        whole_s=30.0,
    )
    values = {"what": "azure", "providers": ("azure",), "began": 0, "ended": 5_400_000, "kept": False}
    return DrillReported(**{**values, "report": encoded(told), **what})


def test_a_drill_is_told_with_what_was_seen_while_it_lasted() -> None:
    told = past_drill(drill_record())
    assert (told.what, told.kept, told.duration_s, told.began.year) == ("azure", False, 5400, 1970)
    assert told.shape == "hang, then err of 20 %"
    seen = "1 of 120 reads failed, p99 85 ms; noticed after 1.5 s; whole again 30.0 s after the end"
    assert told.observed == f"a write failed; {seen}"


def test_a_drill_of_another_version_still_says_whether_it_was_kept() -> None:
    told = past_drill(drill_record(report=b"{}"))
    assert (told.kept, told.shape, told.observed) == (
        False,
        "not known",
        "written by another version of Outlast",
    )


def test_drills_are_told_the_newest_first() -> None:
    older = replace(DRILLS[0], began=VIEW.at - timedelta(days=90), what="google", kept=False)
    report = reported(example_holdings(), MEMBERS, REACHES, drills=[older, DRILLS[0]])
    assert [drill["what"] for drill in report_json(report)["drills"]] == ["azure", "google"]
    assert report_json(report)["drilled"] == "last drilled 12 days ago"
    section = tree(html_page(report)).find(".//section[@id='drills']")
    assert section is not None
    assert "broken" in text(section) and "0 of 4,812 requests failed" in text(section)


def test_every_verdict_and_every_kind_has_its_words() -> None:
    assert list(words.VERDICTS) == list(words.MEANINGS) == list(SUMMARIES)
    assert tuple(words.KINDS) == KINDS


def test_a_time_is_shown_only_where_the_rate_is_known() -> None:
    unknown = replace(VIEW, bytes_per_s=None, rate_from="not known")
    page = tree(html_page(reported(example_holdings(), MEMBERS, REACHES, view=unknown)))
    assert rows(page, "days")["azure"]["To restore"] == "9.0 GiB"
    assert rows(tree(html_page(example_report())), "days")["azure"]["To restore"] == "9.0 GiB, 6 min"


# ---------------------------------------------------------------- Markdown


def test_markdown_has_the_figures_of_the_json() -> None:
    report = example_report()
    section = report_markdown(report).split("## Every bad day\n", 1)[1].split("\n## ", 1)[0]
    lines = section.splitlines()
    for one in report_json(report)["verdicts"]:
        name = one["what"].replace("_", "\\_")
        [line] = [line for line in lines if line.startswith(f"| {name} | ")]
        cells = line.strip("| ").split(" | ")
        assert cells[2].startswith(one["verdict"])
        assert cells[6:8] == [str(one["redundancy_left"]), bytes_text(one["unreadable"]["bytes"])]


def test_nobodys_name_breaks_a_table_of_markdown() -> None:
    lines = report_markdown(nasty_report()).splitlines()
    table: list[int] = []
    for line in lines:
        bars = len(re.findall(r"(?<!\\)\|", line))
        if line.startswith("|"):
            table.append(bars)
        elif table:
            assert len(set(table)) == 1
            table = []
    assert not any("<script" in line.replace("\\<", "") for line in lines)


# ---------------------------------------------------------------- SARIF

LINES = {name: number for number, name in enumerate(REACHES, 5)}


def sarif(report: Report) -> Any:
    return json.loads(json.dumps(report_sarif(report, "outlast.toml", LINES)))


def test_sarif_has_what_the_specification_requires() -> None:
    found = sarif(example_report())
    assert found["version"] == "2.1.0" and found["$schema"].endswith("/sarif-schema-2.1.0.json")
    [run] = found["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "Outlast" and re.fullmatch(r"\d+(\.\d+)*", driver["version"])
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids)) == len(KINDS)
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in driver["rules"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", run["invocations"][0]["endTimeUtc"])
    assert run["results"]
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("warning", "error")
        assert result["message"]["text"]
        for place in [*result["locations"], *result["relatedLocations"]]:
            physical = place["physicalLocation"]
            assert physical["artifactLocation"]["uri"] == "outlast.toml"
            assert physical["region"]["startLine"] >= 1


def test_each_loss_that_would_be_noticed_is_one_result_at_its_providers_lines() -> None:
    report = example_report()
    [run] = sarif(report)["runs"]
    results = {result["properties"]["what"]: result for result in run["results"]}
    worse = ("write-loss", "read-loss", "data-loss", "unknown")
    verdicts = report_json(report)["verdicts"]
    assert list(results) == [one["what"] for one in verdicts if one["at_most"] in worse]
    amazon = results["operator=Amazon"]
    assert (amazon["ruleId"], amazon["level"]) == ("loss-of-operator", "error")
    places = [*amazon["locations"], *amazon["relatedLocations"]]
    assert [place["physicalLocation"]["region"]["startLine"] for place in places] == [5, 6]
    assert results["location=Dublin"]["level"] == "warning"  # only for all that is known
    assert "azure" not in results


def test_a_result_keeps_its_fingerprint_when_only_figures_change() -> None:
    def fingerprints(report: Report) -> dict[str, str]:
        return {
            result["properties"]["what"]: result["partialFingerprints"]["failureDomain/v1"]
            for result in sarif(report)["runs"][0]["results"]
        }

    before = fingerprints(example_report())
    shop = replace(example_holdings(), inline=replace(example_holdings().inline, bytes=7))
    after = fingerprints(reported(shop, MEMBERS, REACHES, view=replace(VIEW, slot=99)))
    assert before == after and len(set(before.values())) == len(before)


def test_what_a_message_would_take_for_a_link_or_a_place_holder_is_escaped() -> None:
    texts = [result["message"]["text"] for result in sarif(nasty_report())["runs"][0]["results"]]
    assert any("\\[x\\](y){{0}}" in text for text in texts)


def test_rules_keep_their_names() -> None:
    """Whoever switched one off named it."""
    assert [rule_id(kind) for kind in KINDS] == [
        "loss-of-provider",
        "loss-of-operator",
        "loss-of-region",
        "loss-of-account",
        "loss-of-software",
        "loss-of-location",
        "loss-of-credential",
        "loss-of-dns",
        "loss-of-gateway",
        "loss-of-key",
    ]
