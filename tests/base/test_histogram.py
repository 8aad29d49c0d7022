"""A histogram counts each value once, under the lowest bound that it does not exceed."""

import pytest

from outlast.base.histogram import Histogram, latencies, latency_bounds_s


def test_a_value_on_a_bound_counts_below_it_and_one_above_all_counts_last() -> None:
    histogram = Histogram((1, 2, 4))
    for value in (0, 1, 1.5, 2, 4.1, 100):
        histogram.add(value)
    assert histogram.counts == [2, 2, 0, 2]
    assert histogram.total == pytest.approx(108.6)


def test_histograms_share_no_counts() -> None:
    one, other = latencies(), latencies()
    one.add(0.3)
    assert sum(other.counts) == 0 and len(other.counts) == len(latency_bounds_s) + 1
