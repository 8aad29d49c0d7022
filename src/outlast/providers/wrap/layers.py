"""What is under a provider's wrappers: each has what it wraps as `inner`."""

from outlast.providers.protocol import Provider
from outlast.providers.wrap.meter import Meter


def innermost(provider: Provider) -> Provider:
    """The provider itself, without its wrappers."""
    while (inner := getattr(provider, "inner", None)) is not None:
        provider = inner
    return provider


def keeps_versions(provider: Provider) -> bool:
    """Whether its answers have shown that it keeps what is overwritten or deleted."""
    # Its class is not imported to be asked for: that would import the cloud's library, too.
    return getattr(innermost(provider), "versioned", False) is True


def meter_of(provider: Provider) -> Meter | None:
    """What counts the provider's requests; None if nothing does: it was not opened here."""
    wrapped: Provider | None = provider
    while wrapped is not None and not isinstance(wrapped, Meter):
        wrapped = getattr(wrapped, "inner", None)
    return wrapped
