"""Claiming a place for a store: writing its first marker."""

from dataclasses import replace

from outlast.base.errors import Cause, ConfigError, Exists, ProviderError, Unavailable
from outlast.providers.marker import MARKER_KEY, Damaged, Marker, read_marker
from outlast.providers.protocol import Provider
from outlast.providers.wrap.layers import begin_log, end_log


async def write_marker(provider: Provider, marker: Marker) -> None:
    """Claim the provider. Raises `ConfigError` if a store (this one included) has claimed it otherwise.

    What the marker says about the log is determined here.
    """
    present = await read_marker(provider)
    if present is None:
        whole = replace(marker, segments=await begin_log(provider))
        try:
            await _write(provider, whole)
            return
        except Exists:
            present = await read_marker(provider)
        except ProviderError:
            await end_log(provider)
            raise
    if present is None:
        raise Unavailable(provider.name, "create", f"{MARKER_KEY}: appeared and vanished", Cause.CONFLICT)
    if isinstance(present, Damaged):
        raise ConfigError(
            f"{provider.name}: belongs to a store already: its marker is {present.reason}",
            "give it an empty place of its own",
        )
    if not present.is_of(marker):
        raise ConfigError(
            f"{provider.name}: belongs to store {present.store.hex()} as {present.provider!r}",
            "give it an empty place of its own, or remove the other store's objects first",
        )


async def _write(provider: Provider, marker: Marker) -> None:
    """Create the marker. Where there is no `create`, the check before must do: such a place has no vote, so
    the worst outcome of a race is that the loser notices it at its next check.
    """
    try:
        await provider.create(MARKER_KEY, marker.encode())
    except ProviderError as error:
        if error.cause is not Cause.UNSUPPORTED:
            raise
        await provider.put(MARKER_KEY, marker.encode())
