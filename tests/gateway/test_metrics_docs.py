"""docs/reference/metrics.md lists every metric as it is, and its examples name none that is not."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client import Metric
from running_gateway import Client, RunningGateway

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")

_endings = {
    "counter": ("_total",),
    "info": ("_info",),
    "histogram": ("_bucket", "_count", "_sum"),
    "gauge": ("",),
}


class Row(NamedTuple):
    name: str
    type: str
    labels: frozenset[str]
    help: str


def rows() -> list[Row]:
    found = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| (.+?) \|$", PAGE, re.MULTILINE)
    return [
        Row(name, type, frozenset(re.findall(r"\w+", labels)), help) for name, type, labels, help in found
    ]


@pytest.fixture(scope="module")
def families(gateway: RunningGateway) -> list[Metric]:
    """After a few requests, so that most have values."""
    s3: Client = gateway.client()
    name = gateway.new_name()
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=bytes(300_000))
    s3.get_object(Bucket=name, Key="k")["Body"].read()
    gateway.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return list(gateway.server.metrics.registry.collect())


def shown_name(family: Metric) -> str:
    """As it stands in the page: a histogram without an ending."""
    return family.name + ("" if family.type == "histogram" else _endings[family.type][0])


def test_every_metric_is_in_the_page_with_its_type_and_help_and_no_other(families: list[Metric]) -> None:
    listed = {(row.name, row.type, row.help) for row in rows()}
    assert listed == {(shown_name(family), family.type, family.documentation) for family in families}
    assert len(rows()) == len(listed) == len(families)


def test_labels_are_as_in_the_page(families: list[Metric]) -> None:
    listed = {row.name: row.labels for row in rows()}
    seen = 0
    for family in families:
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == listed[shown_name(family)], sample.name
            seen += 1
    assert seen > 100


def test_every_metric_has_a_help_text_and_a_name_by_the_rules(families: list[Metric]) -> None:
    for family in families:
        assert family.documentation.endswith("."), family.name
        assert re.fullmatch(r"(outlast|process)_[a-z0-9_]+", family.name)


def test_examples_name_what_there_is(families: list[Metric]) -> None:
    there = {family.name + ending for family in families for ending in _endings[family.type]}
    examples = "".join(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    named = set(re.findall(r"\b(?:outlast|process)_\w+", examples))
    assert len(named) > 5
    assert named <= there
    prose = set(re.findall(r"`((?:outlast|process)_\w+)`", PAGE))
    assert prose <= there | {row.name for row in rows()}
