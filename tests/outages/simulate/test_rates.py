"""Tables of rates: the default one is sound, and a wrong one is refused with its reason."""

from pathlib import Path

import pytest

from outlast.base.errors import ConfigError
from outlast.outages.incidents import incident
from outlast.outages.simulate.durations import Exponential, LogNormal, Observed
from outlast.outages.simulate.history import _hours, hours_of
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
    """For how long objects could not be read, by what was hit."""
    operators, regions = hours_of("operator"), hours_of("region")
    assert incident("azure-2024-11-13").duration_s / 3600 in operators
    assert len(operators) >= 16 and len(regions) >= 8


def test_what_hit_a_share_of_the_reads_counts_for_that_share_of_its_time() -> None:
    # Google, 2019-03-12: 4.8 % of the requests failed, and others were slow.
    assert pytest.approx(4.17 * 0.048, abs=0.01) in hours_of("operator")
    assert max(hours_of("region")) < 0.5 * incident("azure-2018-09-04").duration_s / 3600


@pytest.mark.parametrize(
    "other",
    [
        "ovh-2021-03-10",  # never ended
        "unisuper-2024-05-02",
        "cloudflare-2023-11-02",  # managing, not storing
        "azure-2025-10-29",  # another service
        "aws-2025-10-20",  # no source says that S3 could not be read
        "dyn-2016-10-21",  # stores no objects
        "google-2026-05-19",  # one customer's account
        "google-2023-04-25",  # no source tells the end
    ],
)
def test_what_did_not_keep_objects_from_being_read_does_not_count(other: str) -> None:
    assert _hours(incident(other)) == 0


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
        (HEAD + CAUSE + "mean_h = 0", "must be above 0"),
        (HEAD + CAUSE + "hours = []", "must be above 0"),
        (HEAD + CAUSE + "hours = [1, -1]", "must be above 0"),
        (HEAD + CAUSE + "hours = [1, inf]", "must be above 0"),
        (HEAD + CAUSE + "mean_h = nan", "must be above 0"),
        (HEAD + CAUSE + "median_h = 1\nsigma = 40", "sigma must be from 0 to 4"),
        (HEAD + CAUSE + "median_h = 1\nsigma = nan", "sigma must be from 0 to 4"),
        (HEAD + CAUSE + "mean_h = 1\nsurprise = 1", "surprise"),
        (HEAD + CAUSE + 'mean_h = 1\nhours = "incidents"', "said in one way"),
        (
            HEAD + CAUSE.replace("operator", "account") + 'hours = "incidents"',
            "only of operators and regions",
        ),
        (HEAD + CAUSE.replace("rate = 1", "rate = -1") + "mean_h = 1", "from 0 to 1000 a year"),
        (HEAD + CAUSE.replace("rate = 1", "rate = inf") + "mean_h = 1", "from 0 to 1000 a year"),
        (HEAD + CAUSE.replace("rate = 1", "rate = nan") + "mean_h = 1", "from 0 to 1000 a year"),
        (HEAD + CAUSE.replace("outage", "loss") + "mean_h = 1", "up to [repair]"),
        (HEAD + CAUSE.replace("operator", "moon") + "mean_h = 1", "moon"),
        (HEAD + CAUSE + 'mean_h = 1\nonly = { moon = "x" }', "moon"),
        (HEAD.replace("24", "0") + CAUSE + "mean_h = 1", "the mean repair must be above 0"),
        (HEAD.replace("24", "nan") + CAUSE + "mean_h = 1", "the mean repair must be above 0"),
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


@pytest.mark.parametrize("hours", [float("nan"), float("inf"), 0.0, 1e9])
def test_a_time_to_repair_that_is_none_is_refused(hours: float) -> None:
    with pytest.raises(ConfigError, match="the mean repair must be"):
        default_rates().repaired_in(hours)


def test_the_page_shows_the_default_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "guide" / "simulate.md").read_text(encoding="utf-8")
    for one in default_rates().causes:
        lasts = "as the incidents" if one.hours == "incidents" else one.duration or "until repaired"
        row = f"| {one.name} | {one.rate:g} | {lasts} |"
        assert row in page
        assert f"| {one.basis}: {one.source} |" in page
