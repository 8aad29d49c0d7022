"""How a machine reaches its providers."""

import pytest

from outlast.outages.reach import Reach, reach_of, zone_of


@pytest.mark.parametrize(
    ("url", "reach"),
    [
        ("file:///srv/attic", Reach(here=True)),
        ("memory://x", Reach(here=True)),
        ("s3://bucket?region=eu-west-1&profile=backup", Reach("backup", "amazonaws.com")),
        (
            "s3://bucket?region=eu-west-1",
            Reach("Amazon's, as this machine has them", "amazonaws.com"),
        ),
        (
            "s3://bucket?endpoint=http://127.0.0.1:9000&secret_access_key_env=SECRET",
            Reach("SECRET", here=True),
        ),
        ("s3://bucket?endpoint=http://192.0.2.7&secret_access_key_env=S", Reach("S", "")),
        ("azure://box?account=shop&account_key_env=AZ", Reach("AZ", "windows.net")),
        ("gs://bucket?service_account_file=/etc/g.json", Reach("/etc/g.json", "googleapis.com")),
        ("webdav://files.example.co.uk/outlast?user=me&password_env=PW", Reach("PW", "example.co.uk")),
    ],
)
def test_the_url_tells_by_what_a_provider_is_reached(url: str, reach: Reach) -> None:
    assert reach_of("p", url) == reach


@pytest.mark.parametrize(
    ("host", "zone"),
    [
        ("s3.eu-west-1.amazonaws.com", "amazonaws.com"),
        ("s3.cn-north-1.amazonaws.com.cn", "amazonaws.com.cn"),
        ("nas.ovh.de", "ovh.de"),
        ("example.org.", "example.org"),
        ("NAS", "nas"),
        ("192.0.2.1", ""),
        ("2001:db8::1", ""),
    ],
)
def test_a_zone_is_the_registered_name(host: str, zone: str) -> None:
    assert zone_of(host) == zone
