"""What the providers of a planned store can do: measured, one by one, before anything is decided.

A provider that another store has claimed, or that holds anything at all, is refused here: two stores in
one place would take each other's objects for damage, and a folder named by mistake would be filled.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from outlast.assembly.settings import check_provider_name
from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import ConfigError, ProviderError
from outlast.placement.members import Domains, Member
from outlast.providers.capabilities import Capabilities, delete_quietly, is_of_probe, probe
from outlast.providers.marker import Damaged, read_marker
from outlast.providers.protocol import Provider
from outlast.providers.registry import Location, open_provider, parse_url, prepare
from outlast.providers.trouble import of_error

T = TypeVar("T")

incarnation_bytes = 16


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One provider and its probe's results."""

    provider: Provider
    location: Location
    capabilities: Capabilities

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def url(self) -> str:
        """Its URL in canonical form, options included, as written to `outlast.toml`."""
        return whole_url(self.location)

    @property
    def votes(self) -> bool:
        """Whether it may vote: it can, and its role allows it."""
        return self.capabilities.may_vote and self.location.role != "data"

    @property
    def holds_data(self) -> bool:
        """Whether it may hold data: it can, and its role allows it."""
        return self.capabilities.may_hold_data and self.location.role != "witness"

    @property
    def why_not(self) -> tuple[str, ...]:
        """Why it cannot do everything that a provider can."""
        role = {
            "witness": "a witness by its role: holds no data",
            "data": "for data by its role: does not vote",
        }
        said = role.get(self.location.role)
        return (*self.capabilities.reasons, *((said,) if said else ()))

    def member(self, incarnation: bytes) -> Member:
        """Return the provider as a member for the catalog."""
        domains = Domains(**self.location.domains)
        return Member(self.name, domains, self.votes, self.holds_data, incarnation)


def whole_url(location: Location) -> str:
    """Return a provider's URL with its options in canonical form, for `outlast.toml`."""
    options = urlencode(location.options)
    return f"{location.url}?{options}" if options else location.url


async def survey(
    urls: Mapping[str, str], clock: Clock, entropy: Entropy, waiting: set[str] | None = None
) -> list[Surveyed]:
    """Open and probe every provider, all at once. Raises `ConfigError`; then none stays open.

    `waiting` always has the names of those that have not answered yet. Nothing is written anywhere before
    every place is known to exist and to belong to no store.
    """
    _check_names(urls)
    providers: list[Provider] = []
    try:
        for name, url in urls.items():
            providers.append(open_provider(name, url, clock, entropy))
        waiting = set() if waiting is None else waiting
        await _check_usable(providers, urls, waiting)
        # Unlike `gather`, a group waits for all of them when it is cancelled.
        async with asyncio.TaskGroup() as probes:
            found = [
                probes.create_task(_named_while(waiting, provider.name, probe(provider, entropy)))
                for provider in providers
            ]
    except BaseException:
        await close_all(providers)
        raise
    return [
        Surveyed(provider, parse_url(provider.name, urls[provider.name]), probed.result())
        for provider, probed in zip(providers, found, strict=True)
    ]


async def close_all(providers: Sequence[Provider]) -> None:
    """Close all of them."""
    for provider in providers:
        await provider.close()


def _check_names(urls: Mapping[str, str]) -> None:
    places: dict[str, str] = {}
    for name, url in urls.items():
        check_provider_name(name)
        place = parse_url(name, url).place
        for other, its_name in places.items():
            if other == place:
                raise ConfigError(
                    f"{its_name} and {name} are the same place: {place}",
                    "each provider needs a place of its own; the same place twice adds no redundancy",
                )
            if inner := _inner((other, its_name), (place, name)):
                raise ConfigError(
                    inner, "each provider needs a place of its own that can be lost without the others"
                )
        places[place] = name


def _inner(*named: tuple[str, str]) -> str:
    """Return the message about two places of which one is within the other; "" if none is."""
    (outer, outer_name), (inner, inner_name) = sorted(named)
    within = inner.startswith(outer.rstrip("/") + "/")
    return f"{inner_name} is within the place of {outer_name}: {inner}" if within else ""


async def _named_while(waiting: set[str], name: str, work: Awaitable[T]) -> T:
    """Do the work, with its provider's name in `waiting`."""
    waiting.add(name)
    try:
        return await work
    finally:
        waiting.discard(name)


async def _check_usable(providers: Sequence[Provider], urls: Mapping[str, str], waiting: set[str]) -> None:
    """Raise `ConfigError` with all objections to these places, and delete what killed probes left."""
    looks = (
        _named_while(waiting, provider.name, _look(provider, urls[provider.name])) for provider in providers
    )
    outcomes = await asyncio.gather(*looks)
    refused = [outcome for outcome in outcomes if isinstance(outcome, ConfigError)]
    if refused:
        remedies = dict.fromkeys(error.remedy for error in refused)
        raise ConfigError("; ".join(map(str, refused)), "; ".join(remedies))
    left = [outcome for outcome in outcomes if not isinstance(outcome, ConfigError)]
    await asyncio.gather(*map(delete_quietly, providers, left))


async def _look(provider: Provider, url: str) -> list[str] | ConfigError:
    """Return what killed probes left in the place, or why it cannot be used."""
    try:
        return await _check_unclaimed(provider)
    except ConfigError as error:
        return error
    except ProviderError as error:
        return ConfigError(
            f"provider {provider.name} ({url}) cannot be used: {error}", of_error(error).remedy
        )


async def _check_unclaimed(provider: Provider) -> list[str]:
    """Raise `ConfigError` if the provider contains anything except what a killed probe left there."""
    await prepare(provider)
    marker = await read_marker(provider)
    if isinstance(marker, Damaged):
        raise ConfigError(
            f"provider {provider.name} already belongs to a store: its marker is {marker.reason}",
            "give it an empty place of its own",
        )
    if marker is not None:
        raise ConfigError(
            f"provider {provider.name} already belongs to another store: {marker.store.hex()},"
            f" where it is called {marker.provider}",
            "give it an empty place of its own; to open that store, write its outlast.toml instead",
        )
    left = []
    async for entry in provider.list(""):
        if not is_of_probe(entry.key):
            raise ConfigError(
                f"provider {provider.name} is not empty: it holds {entry.key}",
                "name an empty place, for example a new folder in it",
            )
        left.append(entry.key)
    return left
