"""The store as it is at this moment: what what-if and the report answer from."""

from collections.abc import Mapping
from dataclasses import dataclass

from outlast.base.errors import StoreUnavailable
from outlast.outages.holdings import Holdings, holdings
from outlast.outages.late import find_late
from outlast.outages.unwell import unwell
from outlast.store import Store


@dataclass(frozen=True, slots=True)
class Present:
    """The holdings, and which providers are unhealthy."""

    holdings: Holdings
    now: Mapping[str, str]
    """The unhealthy providers, each with its state (`unwell`)."""
    slot: int
    """The slot up to which the log is known."""
    stale: str
    """Why there may be later slots; "" if there are none."""


async def look_at(store: Store, well: bool = False) -> Present:
    """Look at the store; `well`: assume healthy providers. Raises `StoreUnavailable` if nothing is known."""
    stale = await _catch_up(store)
    now = {} if well else await unwell(store)
    late = tuple(await find_late(store))
    state = store.catalog.state
    return Present(holdings(state, store.quotas.full(), late), now, state.position.slot, stale)


async def _catch_up(store: Store) -> str:
    try:
        await store.catalog.sync()
    except StoreUnavailable as error:
        if store.catalog.state.genesis is None:
            raise
        return str(error)
    return ""
