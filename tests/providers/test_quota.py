"""Quotas as people write them in a provider's URL."""

import pytest

from outlast.base.errors import ConfigError
from outlast.providers.quota import Quota, count_of, size_of, unlimited
from outlast.providers.registry import parse_url


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1500", 1500),
        ("1500B", 1500),
        ("10GB", 10_000_000_000),
        ("10 GB", 10_000_000_000),
        ("1.5TiB", 3 << 39),
        ("500kB", 500_000),
        ("500KB", 500_000),
        ("2KiB", 2048),
        ("1PB", 10**15),
    ],
)
def test_a_size(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "10 gb", "10G", "1e9", "1.2.3MB", "\u0661GB", "1 000"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        size_of(text)


def test_a_count() -> None:
    assert [count_of(text) for text in ("0", "50000", "50k", "1.5M")] == [0, 50_000, 50_000, 1_500_000]
    with pytest.raises(ValueError, match="not a number"):
        count_of("50GB")


def test_a_url_with_a_quota_of_any_kind_of_provider() -> None:
    url = "quota_bytes=10GB&quota_requests=50k&quota_egress=1GiB"
    for place in ("/srv/a", "s3://bucket/a?region=eu-west-1", "webdav://host/a"):
        location = parse_url("p", f"{place}{'&' if '?' in place else '?'}{url}")
        assert location.quota == Quota(10_000_000_000, 50_000, 1 << 30)
        assert location.quota.monthly
    assert parse_url("p", "/srv/a").quota == unlimited
    assert not parse_url("p", "/srv/a?quota_bytes=1GB").quota.monthly


def test_a_quota_that_cannot_be_read_is_told_with_an_example() -> None:
    with pytest.raises(ConfigError, match="quota_bytes is not a size: 'much'") as caught:
        parse_url("p", "/srv/a?quota_bytes=much")
    assert "500GB" in caught.value.remedy
