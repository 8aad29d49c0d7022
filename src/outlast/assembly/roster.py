"""The configured providers, and what the store knows about them, without opening the store.

For commands that examine the providers themselves: it works as long as the settings can be read, even when no
provider answers. What the store knows is then reported as unknown.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from outlast.assembly.build import find_genesis
from outlast.assembly.opening import load_key_file
from outlast.assembly.providers import Providers, open_providers
from outlast.assembly.settings import Settings
from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import OutlastError
from outlast.catalog.records import Genesis
from outlast.coding.keys import Keyring
from outlast.coding.seal import Box
from outlast.placement.members import Member


@dataclass(frozen=True, slots=True)
class Roster:
    """`genesis` is None, and `why_unknown` says why, if the store's first record could not be read."""

    providers: Providers
    genesis: Genesis | None
    why_unknown: str = ""

    def member(self, name: str) -> Member | None:
        """Return the provider as the store knows it; None for a stranger, or if that is unknown."""
        members = self.genesis.members if self.genesis is not None else ()
        return next((member for member in members if member.name == name), None)

    def unconfigured(self) -> tuple[Member, ...]:
        """Providers of the store that are not in the settings."""
        members = self.genesis.members if self.genesis is not None else ()
        return tuple(member for member in members if member.name not in self.providers.guards)


@asynccontextmanager
async def open_roster(settings: Settings, clock: Clock, entropy: Entropy) -> AsyncIterator[Roster]:
    """Return the roster, for the duration of the block. Raises `ConfigError` for unusable settings."""
    master = await load_key_file(settings.key_file)
    providers = open_providers(settings.providers, settings.store, clock, entropy)
    try:
        try:
            seal = Box(Keyring(master, settings.store).log, entropy)
            roster = Roster(providers, await find_genesis(providers, seal))
        except OutlastError as error:
            roster = Roster(providers, None, str(error))
        yield roster
    finally:
        await providers.close()
