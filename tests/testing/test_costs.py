"""docs/reference/costs.md says what the code does: a change that adds a request fails here."""

from pathlib import Path

import pytest

from outlast.testing.cost_table import Prices, load_prices, render
from outlast.testing.costs import Count, Share, count

DOCS = Path(__file__).parents[2] / "docs" / "reference"


@pytest.fixture(scope="module")
def counts() -> dict[str, Count]:
    return count(voters=3)


def test_the_page_is_current() -> None:
    assert (DOCS / "costs.md").read_text(encoding="utf-8") == render(load_prices(DOCS / "prices.toml")), (
        "run: make docs"
    )


def test_a_small_write_is_one_object_and_one_marker_at_each_voter(counts: dict[str, Count]) -> None:
    assert (counts["PUT 4 KiB"].total.writes, counts["PUT 4 KiB"].total.reads) == (3, 3)


@pytest.mark.parametrize("name", ["GET 4 KiB", "HEAD", "LIST, a page"])
def test_what_only_reads_asks_two_voters_of_three_and_writes_nothing(
    counts: dict[str, Count], name: str
) -> None:
    total = counts[name].total
    assert (total.writes, total.reads, total.deletes) == (0, 4, 0)


def test_an_extent_is_one_write_at_each_provider_and_the_commit(counts: dict[str, Count]) -> None:
    assert counts["PUT 16 MiB"].total.writes == 3 + 3


def test_an_idle_gateway_asks_every_five_minutes_and_no_more(counts: dict[str, Count]) -> None:
    """Twelve times: three markers, a slot and a marker at two voters, and what guards look at after that."""
    idle = counts["an idle gateway, one hour"].total
    assert idle.writes == idle.deletes == 0
    assert 12 * (3 + 4) <= idle.reads <= 12 * (3 + 4 + 3)


def test_what_is_not_known_is_not_taken_for_free() -> None:
    prices = Prices("X", "", writes=None, reads=0.4, deletes=None, egress_gb=None, source="", read_on="")
    assert prices.requests(Share(writes=3, reads=3)) is None
    assert prices.requests(Share(reads=2)) == pytest.approx(0.8)
    assert prices.egress(Share(received_bytes=1)) is None
    assert prices.egress(Share()) == 0
