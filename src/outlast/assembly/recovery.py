"""A new machine for an old store: `outlast.toml` again, from the providers and the master key alone.

There is no home to lose: the markers name the store, and slot 0 proves that the key belongs to it.
"""

import asyncio
from collections.abc import Mapping

from outlast.assembly.build import find_genesis
from outlast.assembly.create import Files, write_settings
from outlast.assembly.providers import open_providers
from outlast.assembly.survey import whole_url
from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import Cause, ConfigError, ProviderError, StoreUnavailable, Unavailable
from outlast.catalog.records import Genesis
from outlast.coding.keys import Keyring, MasterKey
from outlast.coding.seal import Box
from outlast.providers.marker import Damaged, Marker, read_marker
from outlast.providers.protocol import Provider
from outlast.providers.registry import open_provider, parse_url

# A provider that does not answer within this time is skipped; one that does is enough.
answer_s_max = 10.0


async def recover_store(
    urls: Mapping[str, str], master: MasterKey, files: Files, clock: Clock, entropy: Entropy
) -> Genesis:
    """Write the settings of the store that these providers hold; return its first record.

    Raises `ConfigError` (no store, several, names that are not its names, another store's key) and
    `StoreUnavailable` (no provider answers).
    """
    store = await _store_at(urls, clock)
    providers = open_providers(urls, store, clock, entropy)
    try:
        genesis = await find_genesis(providers, Box(Keyring(master, store).log, entropy))
        providers.check_known(genesis.members)
    finally:
        await providers.close()
    write_settings(store, {name: whole_url(parse_url(name, url)) for name, url in urls.items()}, files)
    return genesis


async def _store_at(urls: Mapping[str, str], clock: Clock) -> bytes:
    """Return the id in the markers of the providers that answer."""
    providers = [open_provider(name, url, clock) for name, url in urls.items()]
    try:
        markers = await asyncio.gather(*(_marker(provider) for provider in providers))
    finally:
        for provider in providers:
            await provider.close()
    found = [marker for marker in markers if isinstance(marker, Marker)]
    if not found:
        failures = [str(failure) for failure in markers if failure is not None]
        if failures:
            raise StoreUnavailable("no provider answers: " + "; ".join(failures))
        raise ConfigError("none of the providers holds a store", "check that the disks are mounted")
    stores = sorted({marker.store.hex() for marker in found})
    if len(stores) > 1:
        raise ConfigError(
            f"these providers belong to several stores: {', '.join(stores)}", "name one store's"
        )
    for provider, marker in zip(providers, markers, strict=True):
        if isinstance(marker, Marker) and marker.provider != provider.name:
            raise ConfigError(
                f"{provider.name} is called {marker.provider} in this store", f"name it {marker.provider}"
            )
    return found[0].store


async def _marker(provider: Provider) -> Marker | ProviderError | TimeoutError | None:
    """Return the marker, or why it is unknown."""
    try:
        async with asyncio.timeout(answer_s_max):
            marker = await read_marker(provider)
            if isinstance(marker, Damaged):
                return Unavailable(provider.name, "get", f"its marker is {marker.reason}", Cause.CORRUPT)
            return marker
    except (ProviderError, TimeoutError) as error:
        return error
