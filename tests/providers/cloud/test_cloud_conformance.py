"""Providers on networks keep the protocol's promises, as a store opens them: by URL, with their wrappers."""

from collections.abc import AsyncIterator, Callable

import pytest

from outlast.base.clock import SystemClock
from outlast.providers.protocol import Provider
from outlast.providers.registry import open_provider
from outlast.testing.conformance import ProviderConformance
from outlast.testing.gcs_server import GcsServer

Open = Callable[[str], Provider]


@pytest.mark.slow
@pytest.mark.xdist_group("moto")
class TestS3(ProviderConformance):
    @pytest.fixture
    async def provider(self, moto_url: str, opened: Open) -> AsyncIterator[Provider]:
        one = opened(moto_url)
        yield one
        await one.close()


@pytest.mark.slow
@pytest.mark.xdist_group("azurite")
class TestAzure(ProviderConformance):
    @pytest.fixture
    async def provider(self, azurite_url: str, opened: Open) -> AsyncIterator[Provider]:
        one = opened(azurite_url)
        yield one
        await one.close()


class TestGoogle(ProviderConformance):
    """With a hundredth of a second between two writes of one name instead of a second, to save time."""

    @pytest.fixture
    async def provider(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
        key = '{"disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}'
        monkeypatch.setenv("OUTLAST_TEST_GOOGLE_KEY", key)
        async with GcsServer(["bucket"], SystemClock(), name_interval_s=0.01) as server:
            options = f"endpoint={server.url}&service_account_key_env=OUTLAST_TEST_GOOGLE_KEY"
            one = open_provider("there", f"gs://bucket/a/b?{options}&name_interval_s=0.01", SystemClock())
            yield one
            await one.close()


@pytest.mark.slow
@pytest.mark.xdist_group("webdav")
class TestWebDav(ProviderConformance):
    conditional = False

    @pytest.fixture
    async def provider(self, webdav_url: str, opened: Open) -> AsyncIterator[Provider]:
        one = opened(webdav_url)
        yield one
        await one.close()


@pytest.mark.slow
@pytest.mark.xdist_group("swift")
class TestSwift(ProviderConformance):
    """As a place for data. What its conditions are worth, `test_cloud_probe` shows."""

    conditional = False

    @pytest.fixture
    async def provider(self, swift_url: str, opened: Open) -> AsyncIterator[Provider]:
        one = opened(swift_url)
        yield one
        await one.close()

    async def test_a_provider_without_conditions_says_so(self, provider: Provider) -> None:
        pytest.skip("it does not say so; the probe finds out")
