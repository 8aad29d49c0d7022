"""The pages about providers say what the code does."""

import re
from pathlib import Path

import pytest

from outlast.base.errors import Cause
from outlast.providers.cloud.address import options_of
from outlast.providers.cloud.quirks import find_operator, operators
from outlast.providers.longtail import address as longtail
from outlast.providers.wrap.retry import passing

docs = Path(__file__).parents[3] / "docs/reference/providers"
clouds = (docs / "clouds.md").read_text()


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading."""
    after = text.partition(f"## {heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", after, re.M)
    assert table is not None, heading
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def test_the_table_of_operators_is_the_codes() -> None:
    told = {(row[0], row[1], row[3], float(row[4])) for row in rows(clouds, "Operators")}
    assert told == {(one.name, one.software, one.creates, one.name_interval_s) for one in operators}


@pytest.mark.parametrize("row", rows(clouds, "Operators"), ids=lambda row: row[0])
def test_the_host_in_the_table_is_recognised(row: list[str]) -> None:
    host = row[2].strip("`").replace("REGION", "eu-1").replace("ACCOUNT", "abc1")
    found = find_operator(host)
    assert found is not None
    operator, told = found
    assert operator.name == row[0]
    assert ("region" in told, "account" in told) == ("REGION" in row[2], "ACCOUNT" in row[2])


def test_what_is_said_of_an_operators_conditions_has_a_source() -> None:
    sources = set(re.findall(r"^(\d)\. ", clouds, re.M))
    for row in rows(clouds, "Operators"):
        assert (row[3] == "unknown") == (row[5] == ""), row
        assert set(re.findall(r"\d", row[5])) <= sources


def test_every_option_is_in_the_pages() -> None:
    told = {
        (option, kind)
        for row in rows(clouds, "Options")
        for option in re.findall(r"`(\w+)`", row[0])
        for kind in (options_of if row[1] == "all" else re.findall(r"`(\w+)`", row[1]))
    }
    assert told == {(option, kind) for kind, options in options_of.items() for option in options}
    webdav = (docs / "webdav.md").read_text()
    for option in longtail.options:
        assert option in webdav


def test_what_is_asked_again_is_in_the_page() -> None:
    told = {row[0].strip("`"): row[3] for row in rows((docs / "README.md").read_text(), "Causes")}
    assert {cause for cause, again in told.items() if again.startswith("yes")} == set(passing)
    assert set(told) <= set(Cause)
