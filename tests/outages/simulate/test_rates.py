"""Tables of rates: the default one is sound, and a wrong one is refused with its reason."""

from pathlib import Path

import pytest

from outlast.base.errors import ConfigError
from outlast.outages.incidents import incident
from outlast.outages.simulate.durations import Exponential, LogNormal, Observed
from outlast.outages.simulate.history import hours_of
from outlast.outages.simulate.rates import default_rates, load_rates, parse_rates

HEAD = '[repair]\nmean_h = 24\nbasis = "assumed"\nsource = "so"\n'
CAUSE = '[[causes]]\nkind = "operator"\neffect = "outage"\nrate = 1\nbasis = "assumed"\nsource = "so"\n'


def test_the_default_table_says_where_each_figure_is_from() -> None:
    rates = default_rates()
    assert all(len(one.source) > 20 for one in (*rates.causes, rates.repair))
    assert len({(one.kind, one.effect) for one in rates.causes}) == len(rates.causes)


def test_the_default_table_adds_up_to_what_clouds_show() -> None:
    """7.5 hours a year for one cloud service (IWGCR 2012): ours are within a factor of 1.5."""
    hours = sum(
        one.rate * one.duration.mean_h
        for one in default_rates().causes
        if one.duration is not None and not one.only
    )
    assert 5 < hours < 11


def test_incidents_tell_how_long_outages_last() -> None:
    """As long as the library says, by what was hit; without what never ended or left the data alone."""
    operators, regions = hours_of("operator"), hours_of("region")
    assert incident("google-2025-06-12").duration_s / 3600 in operators
    assert incident("aws-2025-10-20").duration_s / 3600 in regions
    for other in ("ovh-2021-03-10", "unisuper-2024-05-02", "cloudflare-2023-11-02"):
        assert incident(other).duration_s / 3600 not in (*operators, *regions)
    assert len(operators) > 15 and len(regions) > 7


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("mean_h = 2", Exponential(2)),
        ("median_h = 2\nsigma = 0.5", LogNormal(2, 0.5)),
        ("hours = [1, 2.5]", Observed((1, 2.5))),
        ('hours = "incidents"', Observed(hours_of("operator"))),
    ],
)
def test_ways_to_say_how_long(text: str, duration: object) -> None:
    (cause,) = parse_rates(HEAD + CAUSE + text, "table").causes
    assert cause.duration == duration


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("not toml", "not a table of rates"),
        (HEAD, "causes"),
        (HEAD + CAUSE, "how long it lasts must be said in one way"),
        (HEAD + CAUSE + "mean_h = 1\nmedian_h = 2\nsigma = 1", "said in one way"),
        (HEAD + CAUSE + "median_h = 2", "said in one way"),
        (HEAD + CAUSE + "mean_h = 0", "must be positive"),
        (HEAD + CAUSE + "hours = []", "must be positive"),
        (HEAD + CAUSE + "hours = [1, -1]", "must be positive"),
        (HEAD + CAUSE + "mean_h = 1\nsurprise = 1", "surprise"),
        (HEAD + CAUSE + 'mean_h = 1\nhours = "incidents"', "said in one way"),
        (
            HEAD + CAUSE.replace("operator", "account") + 'hours = "incidents"',
            "only of operators and regions",
        ),
        (HEAD + CAUSE.replace("rate = 1", "rate = -1") + "mean_h = 1", "negative"),
        (HEAD + CAUSE.replace("outage", "loss") + "mean_h = 1", "up to [repair]"),
        (HEAD + CAUSE.replace("operator", "moon") + "mean_h = 1", "moon"),
        (HEAD + CAUSE + 'mean_h = 1\nonly = { moon = "x" }', "moon"),
        (HEAD.replace("24", "0") + CAUSE + "mean_h = 1", "repair must be positive"),
    ],
)
def test_a_wrong_table_is_refused_with_its_reason(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match="table") as refused:
        parse_rates(text, "table")
    assert problem in str(refused.value)
    assert refused.value.remedy


def test_a_table_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rates.toml"
    with pytest.raises(ConfigError, match="cannot be read"):
        load_rates(path)
    path.write_text(HEAD + CAUSE + "mean_h = 3", encoding="utf-8")
    assert load_rates(path).causes[0].duration == Exponential(3)


def test_another_time_to_repair_is_told_as_given() -> None:
    repair = default_rates().repaired_in(5).repair
    assert (repair.mean_h, repair.basis, repair.duration) == (5, "given", Exponential(5))


def test_the_page_shows_the_default_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "guide" / "simulate.md").read_text(encoding="utf-8")
    for one in default_rates().causes:
        lasts = "as the incidents" if one.hours == "incidents" else one.duration or "until repaired"
        row = f"| {one.name} | {one.rate:g} | {lasts} |"
        assert row in page
        assert f"| {one.basis}: {one.source} |" in page
