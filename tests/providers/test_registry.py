"""URLs of providers, and what they say of them."""

import os
import socket
from pathlib import Path

import pytest

from outlast.base.clock import SystemClock
from outlast.base.errors import ConfigError, Unavailable
from outlast.providers.disk import DiskProvider
from outlast.providers.registry import (
    domain_kinds,
    open_provider,
    parse_url,
    prepare,
)
from outlast.providers.wrap.layers import innermost, meter_of

here = socket.gethostname()


def test_a_directory_counts_as_its_own_operator_on_this_computer() -> None:
    location = parse_url("home", "file:///srv/a")
    assert (location.name, location.url, location.options, location.role) == (
        "home",
        "file:///srv/a",
        {},
        "full",
    )
    assert location.domains == {
        "operator": "home",
        "region": "",
        "account": "",
        "software": "disk",
        "location": here,
    }


def test_options_overrule_what_is_guessed_and_are_not_part_of_the_url() -> None:
    location = parse_url("home", "file:///srv/a?operator=My%20Home&location=&region=eu&role=witness")
    assert location.url == "file:///srv/a"
    assert location.options == {"operator": "My Home", "location": "", "region": "eu", "role": "witness"}
    assert location.role == "witness"
    assert location.domains == {
        "operator": "My Home",
        "region": "eu",
        "account": "",
        "software": "disk",
        "location": "",
    }


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("/srv/a", "file:///srv/a"),
        ("/srv/a b#c?role=data", "file:///srv/a%20b%23c"),
        ("file:///srv/a%20b", "file:///srv/a%20b"),
        ("file://localhost/srv/a", "file:///srv/a"),
        ("file:/srv/a/", "file:///srv/a"),
        ("FILE:///srv/a", "file:///srv/a"),
        ("memory://there", "memory://there"),
        ("memory:there", "memory://there"),
        ("memory:", "memory://home"),
    ],
)
def test_each_place_has_one_way_of_writing_it(url: str, canonical: str) -> None:
    assert parse_url("home", url).url == canonical
    assert parse_url("home", canonical).url == canonical


def test_a_path_may_be_relative_or_begin_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert parse_url("a", "one/two").url == f"file://{tmp_path}/one/two"
    assert parse_url("a", "./one").url == f"file://{tmp_path}/one"
    assert parse_url("a", "~/one").url == f"file://{tmp_path}/me/one"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "kind of provider"),
        ("gopher://x/y", "gopher"),
        ("file://elsewhere/srv/a", "absolute path"),
        ("file:srv/a", "absolute path"),
        ("file:///srv/%00", "absolute path"),
        ("file:///srv/a?colour=red", "colour"),
        ("file:///srv/a?role=king", "king"),
        ("file:///srv/a?region=a&region=b", "twice"),
        ("file://[srv/a", "not a URL"),
    ],
)
def test_what_cannot_be_understood_is_told_with_the_providers_name(url: str, complaint: str) -> None:
    for take in (lambda: parse_url("home", url), lambda: open_provider("home", url, SystemClock())):
        with pytest.raises(ConfigError, match=complaint) as raised:
            take()
        assert "home" in str(raised.value)


async def test_opening_a_directory_makes_nothing_and_preparing_it_does(tmp_path: Path) -> None:
    provider = open_provider("home", f"file://{tmp_path}/new%20one?role=data", SystemClock())
    assert isinstance(innermost(provider), DiskProvider)
    assert provider.name == "home"
    assert not os.path.lexists(tmp_path / "new one")
    with pytest.raises(Unavailable):
        await provider.put("a", b"x")
    await prepare(provider)
    await prepare(provider)
    await provider.put("a", b"x")
    assert (tmp_path / "new one" / "a").read_bytes() == b"x"
    await provider.close()


@pytest.mark.parametrize("url", ["memory://test-registry-counted", "file://{}"])
async def test_every_provider_is_counted(tmp_path: Path, url: str) -> None:
    provider = open_provider("home", url.format(tmp_path), SystemClock())
    await provider.put("a", b"xy")
    meter = meter_of(provider)
    assert meter is not None and meter.usage["put"].sent_bytes == 2
    await provider.close()


async def test_a_memory_url_is_one_place_in_this_process() -> None:
    clock = SystemClock()
    one, again = (open_provider("a", "memory://test-registry", clock) for _ in range(2))
    other = open_provider("a", "memory://test-registry-other", clock)
    await prepare(one)
    await one.put("a", b"x")
    await one.close()
    assert await again.get("a") == b"x"
    assert [entry async for entry in other.list("")] == []


def test_every_kind_of_domain_is_told() -> None:
    for url in ("file:///srv/a", "memory://a"):
        assert set(parse_url("a", url).domains) == set(domain_kinds)
