"""What the probe finds out about real servers: who may vote, who may hold data, and why not."""

from collections.abc import Callable

import pytest

from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.providers.capabilities import Capabilities, probe
from outlast.providers.protocol import Provider
from outlast.providers.registry import open_provider
from outlast.testing.gcs_server import GcsServer

Open = Callable[[str], Provider]


async def probed(provider: Provider) -> Capabilities:
    found = await probe(provider, SystemEntropy())
    assert [entry async for entry in provider.list("")] == [], "a probe leaves something behind"
    await provider.close()
    return found


def google(server: GcsServer, monkeypatch: pytest.MonkeyPatch, options: str = "") -> Provider:
    key = '{"disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}'
    monkeypatch.setenv("OUTLAST_TEST_GOOGLE_KEY", key)
    url = f"gs://bucket/a?endpoint={server.url}&service_account_key_env=OUTLAST_TEST_GOOGLE_KEY{options}"
    return open_provider("there", url, SystemClock())


@pytest.mark.slow
@pytest.mark.xdist_group("azurite")
async def test_azurite_votes_and_holds_data(azurite_url: str, opened: Open) -> None:
    found = await probed(opened(azurite_url))
    assert (found.may_vote, found.may_hold_data, found.reasons) == (True, True, ())
    assert 0 < found.round_trip_s < 1


@pytest.mark.slow
@pytest.mark.xdist_group("moto")
async def test_moto_holds_data(moto_url: str, opened: Open) -> None:
    """Whether it may vote is left to chance: it checks and writes without a lock."""
    assert (await probed(opened(moto_url))).may_hold_data


@pytest.mark.slow
@pytest.mark.xdist_group("swift")
async def test_swift_is_refused_a_vote_with_the_reason_and_holds_data(swift_url: str, opened: Open) -> None:
    found = await probed(opened(swift_url))
    assert not found.may_vote
    assert found.may_hold_data
    (reason,) = found.reasons
    assert "racers won" in reason or "501" in reason


@pytest.mark.slow
@pytest.mark.xdist_group("webdav")
async def test_webdav_is_refused_a_vote_with_the_reason_and_holds_data(webdav_url: str, opened: Open) -> None:
    found = await probed(opened(webdav_url))
    assert not found.may_vote
    assert found.may_hold_data
    assert found.reasons == (
        "create: there: create: unsupported: a place of this kind has no conditional writes",
    )


@pytest.mark.slow
async def test_google_votes_although_a_name_can_be_written_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with GcsServer(["bucket"], SystemClock()) as server:
        found = await probed(google(server, monkeypatch, "&name_interval_s=1.0"))
        assert (found.may_vote, found.may_hold_data, found.reasons) == (True, True, ())


@pytest.mark.slow
async def test_a_server_that_throttles_losers_rather_than_refusing_them_still_votes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with GcsServer(["bucket"], SystemClock(), name_interval_s=0.05, throttle_first=True) as server:
        found = await probed(google(server, monkeypatch, "&name_interval_s=0.05"))
        assert found.may_vote, found.reasons
        assert server.throttled > 0
