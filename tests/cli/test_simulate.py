"""`outlast simulate`: a described store and one's own, in 80 columns and as JSON."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FEW = ("--years", "2000")


@pytest.mark.slow
def test_a_described_store(empty: Any) -> None:
    told = empty.json("simulate", "--providers", "5", "--tolerate", "2", *FEW)
    assert (told["k"], told["m"], len(told["voters"]), told["domain"]) == (3, 2, 5, "operator")
    for promise in ("reads", "writes"):
        share = told[promise]["unavailability"]
        assert share["low"] < share["value"] < share["high"] < 1e-6
        assert (share["method"], share["events"] > 0) == ("failure biasing", True)
    assert told["data"]["losses_a_year"]["high"] < 1e-8
    assert told["data"]["mean_years_to_loss"] == pytest.approx(1 / told["data"]["losses_a_year"]["value"])


def test_what_plain_years_saw_is_told_beside_it(empty: Any) -> None:
    told = empty.json("simulate", "--providers", "3", *FEW)
    watched = told["data"]["watched"]
    assert (watched["events"], watched["a_year"]["value"]) == (0, None)
    assert watched["a_year"]["high"] == pytest.approx(3 / watched["years"])
    assert watched["a_year"]["interval"] == "rule of three"
    said = " ".join(empty.ok("simulate", "--providers", "3", *FEW).split())
    assert f"data were lost never in {watched['years']:,.0f} years (so below 0.00" in said


def test_the_same_seed_tells_the_same(empty: Any) -> None:
    runs = [empty.json("simulate", "--providers", "3", *FEW, "--seed", seed) for seed in ("4", "4", "5")]
    assert runs[0] == runs[1]
    assert runs[0]["reads"] != runs[2]["reads"]


def test_one_operator_in_three_regions_is_worse_than_three_operators(empty: Any) -> None:
    one = empty.json("simulate", "--providers", "3", "--domain", "region", *FEW)
    three = empty.json("simulate", "--providers", "3", *FEW)
    assert one["reads"]["unavailability"]["low"] > 50 * three["reads"]["unavailability"]["high"]
    assert max(one["data"]["failed_meanwhile"], key=one["data"]["failed_meanwhile"].get) == (
        "account shared erased"
    )


def test_slow_repair_loses_more(empty: Any) -> None:
    fast, slow = (
        empty.json("simulate", "--providers", "3", *FEW, "--repair-hours", hours)["data"]["losses_a_year"]
        for hours in ("10", "1000")
    )
    assert slow["low"] > 50 * fast["high"]


@pytest.mark.parametrize("arguments", [("3",), ("7",), ("1", "--tolerate", "0")])
def test_the_text_fits_80_columns_and_tells_what_was_assumed(empty: Any, arguments: tuple[str, ...]) -> None:
    said = empty.ok("simulate", "--providers", *arguments, *FEW)
    assert max(map(len, said.splitlines())) <= 80
    for words in ("95 % interval", "Assumed:", "Not counted:", "Repair:", "assumed", "seed 1"):
        assert words in said


def test_ones_own_store_is_simulated_as_it_is(shell: Any) -> None:
    told = shell.json("simulate", *FEW)
    assert told["providers"] == ["a", "b", "c"]
    assert (told["k"], told["m"], told["tolerate"], told["voters"]) == (2, 1, 1, ["a", "b", "c"])
    causes = {one["cause"].split()[0] for one in told["assumed"]}
    assert causes == {"provider", "location"}  # directories: no region, account or credential
    assert told["unknown"] == {}
    (place, blame), *_ = sorted(told["data"]["failed_meanwhile"].items(), key=lambda pair: -pair[1])
    assert place.startswith("location ") and place.endswith(" erased")  # all on this one computer
    assert blame > 0.5


def test_what_is_not_known_is_told(empty: Any) -> None:
    arguments = [f"--provider={name}={empty.folder / name}?software=" for name in "ab"]
    empty.ok("init", *arguments, f"--provider=c={empty.folder / 'c'}")
    assert empty.json("simulate", *FEW)["unknown"]["software"] == ["a", "b"]
    assert "Unknown: the software of a, b" in empty.ok("simulate", *FEW)


def test_rates_of_ones_own(empty: Any, tmp_path: Path) -> None:
    table = tmp_path / "rates.toml"
    table.write_text(
        '[repair]\nmean_h = 24\nbasis = "data"\nsource = "measured"\n'
        '[[causes]]\nkind = "provider"\neffect = "loss"\nrate = 1\nbasis = "data"\nsource = "measured"\n'
    )
    told = empty.json("simulate", "--providers", "3", "--tolerate", "0", "--rates", str(table), *FEW)
    assert told["data"]["losses_a_year"]["value"] == pytest.approx(3, rel=0.1)
    never = empty.json("simulate", "--providers", "1", "--tolerate", "0", "--rates", str(table), *FEW)
    assert never["reads"]["outages_a_year"]["value"] == pytest.approx(1, rel=0.1)


def test_what_nothing_in_the_table_can_cause_is_said_to_be_so(empty: Any, tmp_path: Path) -> None:
    table = tmp_path / "rates.toml"
    table.write_text(
        '[repair]\nmean_h = 24\nbasis = "data"\nsource = "measured"\n'
        '[[causes]]\nkind = "provider"\neffect = "outage"\nrate = 1\nmean_h = 1\nbasis = "data"\n'
        'source = "measured"\n'
    )
    said = empty.ok("simulate", "--providers", "3", "--rates", str(table), *FEW)
    assert re.search(r"data are lost +cannot +by this table +0 +not simulated", said)
    assert "data were lost in no year, since nothing in the table can do that" in " ".join(said.split())
    assert "data kept over a year 100 % by this table" in " ".join(said.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--tolerate", "1"),
        ("--domain", "region"),
        ("--providers", "2", "--tolerate", "1"),
        ("--providers", "3", "--rates", "nowhere.toml"),
        (),  # there is no store here
    ],
)
def test_what_cannot_be_simulated_is_refused_with_advice(empty: Any, arguments: tuple[str, ...]) -> None:
    empty.fails("simulate", *arguments)


def test_no_other_command_waits_for_numpy() -> None:
    code = "import sys, outlast.cli.main; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
