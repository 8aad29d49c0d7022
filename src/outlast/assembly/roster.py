"""The providers that the settings name, beside what the store knows of them, without opening the store.

For those who look at the providers themselves: it works as long as the settings can be read, also when no
provider answers. What the store knows is then unknown, and said so.
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
    """`genesis` is None, and `why_unknown` says why, where the store's first record could not be read."""

    providers: Providers
    genesis: Genesis | None
    why_unknown: str = ""

    def member(self, name: str) -> Member | None:
        """The provider as the store knows it; None for a stranger, or where that is unknown."""
        members = self.genesis.members if self.genesis is not None else ()
        return next((member for member in members if member.name == name), None)

    def unconfigured(self) -> tuple[Member, ...]:
        """Providers of the store that the settings do not name."""
        members = self.genesis.members if self.genesis is not None else ()
        return tuple(member for member in members if member.name not in self.providers.guards)


@asynccontextmanager
async def open_roster(settings: Settings, clock: Clock, entropy: Entropy) -> AsyncIterator[Roster]:
    """The roster, for the time of the block. Raises `ConfigError` for settings that cannot be used."""
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
