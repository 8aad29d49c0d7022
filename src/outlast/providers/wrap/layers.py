"""Access to the layers under a provider's wrappers. Each wrapper has an `inner` provider."""

from collections.abc import Awaitable, Callable

from outlast.providers.protocol import Provider
from outlast.providers.space import Space
from outlast.providers.wrap.meter import Meter


def innermost(provider: Provider) -> Provider:
    """The provider itself, without its wrappers."""
    while (inner := getattr(provider, "inner", None)) is not None:
        provider = inner
    return provider


def keeps_versions(provider: Provider) -> bool:
    """Whether its answers have shown that it keeps overwritten or deleted objects."""
    # A check of its class would import the cloud's library, too.
    return getattr(innermost(provider), "versioned", False) is True


def keeps_journals(provider: Provider) -> bool:
    """Whether the log can be kept in journals there."""
    return hasattr(innermost(provider), "begin_log")


async def begin_log(provider: Provider) -> bytes | None:
    """Begin a log for the marker that is about to be written. Returns the marker's `segments`.

    From then on a log that an earlier marker names is void. Raises `ProviderError`.
    """
    begin: Callable[[], Awaitable[bytes | None]] | None = getattr(innermost(provider), "begin_log", None)
    return None if begin is None else await begin()


async def end_log(provider: Provider) -> None:
    """Undo `begin_log`, after the marker and the log's content were deleted. Raises `ProviderError`."""
    end: Callable[[], Awaitable[None]] | None = getattr(innermost(provider), "end_log", None)
    if end is not None:
        await end()


async def space_of(provider: Provider) -> Space | None:
    """How much space it has; None where that is not known. Raises `ProviderError`."""
    ask: Callable[[], Awaitable[Space | None]] | None = getattr(innermost(provider), "space", None)
    return None if ask is None else await ask()


def drill_of(provider: Provider) -> str:
    """How to describe the drill that makes it fail; "" if there is none."""
    wrapped: Provider | None = provider
    while wrapped is not None:
        if drill := getattr(wrapped, "drill", ""):
            return str(drill)
        wrapped = getattr(wrapped, "inner", None)
    return ""


def meter_of(provider: Provider) -> Meter | None:
    """The meter that counts the provider's requests; None if it was not opened here."""
    wrapped: Provider | None = provider
    while wrapped is not None and not isinstance(wrapped, Meter):
        wrapped = getattr(wrapped, "inner", None)
    return wrapped
