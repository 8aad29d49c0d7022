"""What restoring costs: the dearest providers that may be read from, and nothing invented."""

from pathlib import Path

import pytest
from tests.outages.invented_stores import held, member, store

from outlast.base.errors import ConfigError
from outlast.outages.cost import Egress, load_egress

GB = 10**9
MEMBERS = [member("a", operator="A"), member("b", operator="B"), member("c", operator="C")]
EGRESS = Egress({"A": 0.01, "B": 0.10, "C": 1.0})


def test_a_fragment_is_made_from_k_others() -> None:
    shop = store(MEMBERS, held(2, "a b c", extents=1, size=4 * GB))  # fragments of 2 GB
    assert EGRESS.restoring(shop, {"a"}) == pytest.approx(2 * 0.10 + 2 * 1.0)
    assert EGRESS.restoring(shop, {"c"}) == pytest.approx(2 * 0.01 + 2 * 0.10)


def test_of_more_than_k_the_dearest_are_counted() -> None:
    shop = store(MEMBERS, held(1, "a b c", extents=1, size=GB))
    assert EGRESS.restoring(shop, {"a"}) == pytest.approx(1.0)
    assert EGRESS.restoring(shop, {"c"}) == pytest.approx(0.10)


def test_a_voters_log_is_read_from_another() -> None:
    shop = store(MEMBERS, inline=GB // 100)  # of 100 bytes each
    assert EGRESS.restoring(shop, {"c"}) == pytest.approx(0.10)


def test_what_is_missing_already_counts_and_what_is_lost_does_not() -> None:
    assert EGRESS.restoring(store(MEMBERS, held(2, "b c", gone="a", size=4 * GB)), set()) == pytest.approx(
        2.2
    )
    assert EGRESS.restoring(store(MEMBERS, held(2, "a b", size=4 * GB)), {"a"}) == 0
    assert EGRESS.restoring(store(MEMBERS, held(2, "a b c", size=4 * GB)), set()) == 0


def test_a_price_that_is_not_known_makes_no_figure() -> None:
    shop = store(MEMBERS, held(2, "a b c", size=4 * GB))
    assert Egress({"A": 0.01, "B": 0.10}).restoring(shop, {"a"}) is None
    assert Egress({"A": 0.01, "B": 0.10}).restoring(shop, {"c"}) is not None


def test_prices_are_read_from_the_file_that_the_docs_have(tmp_path: Path) -> None:
    prices = load_egress(Path(__file__).parents[2] / "docs" / "reference" / "prices.toml")
    assert prices.usd_per_gb["Cloudflare"] == 0
    assert "Microsoft" not in prices.usd_per_gb
    for text in ("[Amazon]\negress_gb = 'dear'", "not TOML", "Amazon = 1"):
        (tmp_path / "prices.toml").write_text(text)
        with pytest.raises(ConfigError, match=r"prices\.toml"):
            load_egress(tmp_path / "prices.toml")
    with pytest.raises(ConfigError):
        load_egress(tmp_path / "missing.toml")
