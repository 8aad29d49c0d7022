"""From a request line and a Host header to a bucket and a key."""

import pytest

from outlast.gateway.s3.address import Hosts, locate, split_target

HOSTS = Hosts(["example.com", "S3.example.com."])


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("127.0.0.1:9000", ""),
        ("localhost", ""),
        ("localhost:9000", ""),
        ("[::1]:9000", ""),
        ("", ""),
        ("photos.localhost:9000", "photos"),
        ("a.b.localhost", "a.b"),
        ("s3.example.com", ""),
        ("example.com", ""),
        ("photos.s3.example.com", "photos"),
        ("photos.example.com", "photos"),
        ("PHOTOS.Example.com:80", "photos"),
        ("elsewhere.org", ""),
        ("notexample.com", ""),
    ],
)
def test_buckets_in_host_names(host: str, bucket: str) -> None:
    assert HOSTS.bucket(host) == bucket


@pytest.mark.parametrize(
    ("target", "split"),
    [
        ("/b/k", ("/b/k", "")),
        ("/b/k?x=1?2", ("/b/k", "x=1?2")),
        ("http://host:9000/b/k?x", ("/b/k", "x")),
        ("http://host", ("/", "")),
        ("*", ("/", "")),
        ("//b//k", ("//b//k", "")),
    ],
)
def test_targets(target: str, split: tuple[str, str]) -> None:
    assert split_target(target) == split


def test_keys_are_opaque() -> None:
    assert locate("/b/../etc//passwd%2F.", "") == ("b", "../etc//passwd/.")
    assert locate("/../etc", "photos") == ("photos", "../etc")
    assert locate("/", "photos") == ("photos", "")
