"""Whether a place whose marker cannot be read may be given a new one.

A damaged marker proves nothing: the place may be ours, or another store's to which a URL leads by mistake,
and a new marker would take it away from that store. So its other content decides. It is ours to take if it
holds

* nothing at all, or
* something that only this store's place can hold: a fragment of an extent that the catalog has placed at this
  provider, or the first slot of this store's log.

Anything else is left alone, and a person has to look. A marker of a later version does not count as damaged.
"""

import re
from collections.abc import AsyncIterator

import msgspec

from outlast.base.errors import ProviderError
from outlast.coding.extent import fragment_key
from outlast.providers.marker import MARKER_KEY
from outlast.providers.protocol import Provider
from outlast.quorum.state import decode_state, state_key
from outlast.store import Store

# How many fragments are looked up. Those that nothing refers to prove nothing, and may come first.
fragments_max = 1000

_fragment = re.compile(r"x/[0-9a-f]{2}/([0-9a-f]{32})\.([0-9a-f]{2})")


async def may_be_taken(store: Store, name: str, provider: Provider) -> bool:
    """See the module's docstring. `provider` is the place of the provider `name`. Raises `ProviderError`."""
    if await anext(_objects(provider), None) is None:
        return True
    return await _holds_fragment(store, name, provider) or await _holds_genesis(store, name, provider)


async def _objects(provider: Provider) -> AsyncIterator[str]:
    """Yield the names of objects that may be someone's: all but the marker and what probes left."""
    async for entry in provider.list(""):
        if entry.key != MARKER_KEY and not entry.key.startswith("probe/"):
            yield entry.key


async def _holds_fragment(store: Store, name: str, provider: Provider) -> bool:
    seen = 0
    async for entry in provider.list("x/"):
        seen += 1
        found = _fragment.fullmatch(entry.key)
        extent = store.catalog.state.extent(bytes.fromhex(found[1])) if found is not None else None
        if extent is not None and any(
            place == name and entry.key == fragment_key(extent.id, index)
            for index, place in enumerate(extent.places)
        ):
            return True
        if seen == fragments_max:
            break
    return False


async def _holds_genesis(store: Store, name: str, provider: Provider) -> bool:
    """Whether its log begins as at another voter. The value is sealed: only this store can write it."""
    mine = await _genesis_at(provider)
    if mine is None:
        return False
    others = [store.fleet[other] for other in store.catalog.state.voters() if other in store.fleet.names]
    for guard in others:
        if guard.name != name and await _genesis_at(guard.inner) == mine:
            return True
    return False


async def _genesis_at(provider: Provider) -> bytes | None:
    try:
        return decode_state(await provider.get(state_key(0, 0))).value
    except (ProviderError, msgspec.DecodeError):
        return None  # it proves nothing
