"""Servers for these tests, one of each for all tests of a process, and unused places in them."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from outlast.base.clock import SystemClock
from outlast.providers.protocol import Provider
from outlast.providers.registry import open_provider
from outlast.testing.servers import CannotHave, Server, azurite, moto, swift, webdav

numbers = count()
google_key_variable = "OUTLAST_TEST_GOOGLE_KEY"
# No account of anybody: the server of ours asks for no proof.
google_key = '{"disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}'


def _running(start: Callable[[Path], Server], factory: pytest.TempPathFactory) -> Iterator[Server]:
    try:
        server = start(factory.mktemp("server"))
    except CannotHave as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"*** SKIPPED: {reason}")
    try:
        os.environ.update(server.secrets)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    for server in _running(moto.start, tmp_path_factory):
        moto.make_bucket(server, "bucket")
        yield server


@pytest.fixture(scope="session")
def azurite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    for server in _running(azurite.start, tmp_path_factory):
        azurite.make_container(server, "container")
        yield server


@pytest.fixture(scope="session")
def swift_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    for server in _running(swift.start, tmp_path_factory):
        swift.make_bucket(server, "bucket")
        yield server


@pytest.fixture(scope="session")
def webdav_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _running(webdav.start, tmp_path_factory)


@pytest.fixture
def prefix() -> str:
    """A prefix that nobody has used."""
    return f"test/{os.getpid()}-{next(numbers)}"


@pytest.fixture
def moto_url(moto_server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OUTLAST_TEST_KEY", "anybody")
    keys = "access_key_id_env=OUTLAST_TEST_KEY&secret_access_key_env=OUTLAST_TEST_KEY"
    return f"s3://bucket/{prefix}?endpoint={moto_server.url}&{keys}"


@pytest.fixture
def azurite_url(azurite_server: Server, prefix: str) -> str:
    return (
        f"azure://container/{prefix}?account={azurite.account}&endpoint={azurite_server.url}"
        f"&account_key_env={azurite.key_variable}"
    )


@pytest.fixture
def swift_url(swift_server: Server, prefix: str) -> str:
    return (
        f"s3://bucket/{prefix}?endpoint={swift_server.url}&access_key_id_env={swift.key_id_variable}"
        f"&secret_access_key_env={swift.secret_variable}"
    )


@pytest.fixture
def webdav_url(webdav_server: Server, prefix: str) -> str:
    return f"{webdav_server.url}/{prefix}?user={webdav.user}&password_env={webdav.password_variable}"


@pytest.fixture
def opened() -> Callable[[str], Provider]:
    """Open a provider by its URL."""
    return lambda url: open_provider("there", url, SystemClock())
