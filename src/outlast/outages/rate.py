"""How fast a repair would be, measured: as fast as the slowest provider reads and writes.

Each provider that answers receives one object, which is read back and deleted. A repair works on several
extents at once, and may be faster; a provider that replaces a lost one may be slower.
"""

import asyncio
from collections.abc import Awaitable

from outlast.base.errors import ProviderError, StoreUnavailable
from outlast.base.limits import MIB
from outlast.store import Store

# About a fragment's size: an extent of 16 MiB in four.
sample_bytes = 4 * MIB


async def measure_rate(store: Store) -> float:
    """Bytes a second. Raises `StoreUnavailable` if no provider stores and returns the sample."""
    names = [name for name in store.fleet.names if store.fleet.available(name)]
    rates = await asyncio.gather(*(_rate(store, name) for name in names))
    known = [rate for rate in rates if rate is not None]
    if not known:
        raise StoreUnavailable("cannot measure how fast a repair would be: no provider answers")
    return min(known)


async def _rate(store: Store, name: str) -> float | None:
    """The slower direction, in bytes a second; None for a provider that fails."""
    provider, key = store.fleet[name], f"probe/{store.entropy.bytes(8).hex()}"
    sample = store.entropy.bytes(sample_bytes)
    try:
        took_s = max(await _timed(store, provider.put(key, sample)), await _timed(store, provider.get(key)))
        await provider.delete(key)
    except ProviderError:
        return None
    return sample_bytes / max(took_s, 1e-6)


async def _timed(store: Store, work: Awaitable[object]) -> float:
    began = store.clock.monotonic()
    await work
    return store.clock.monotonic() - began
