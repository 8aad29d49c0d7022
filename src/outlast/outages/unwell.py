"""Which providers are unhealthy at the moment, for what-if and drills."""

import asyncio

from outlast.store import Store


async def unwell(store: Store) -> dict[str, str]:
    """The unhealthy providers, each with its state: `down`, `estranged`, `unconfigured`.

    Each is checked with a request, since a command's process has just started and knows nothing of them.
    """
    fleet = store.fleet
    failures = await asyncio.gather(*(fleet[name].check() for name in fleet.names))
    found = {name: "down" for name, failure in zip(fleet.names, failures, strict=True) if failure is not None}
    for member in store.catalog.state.members():
        if member.name not in fleet:
            found[member.name] = "unconfigured"
        elif fleet[member.name].health.state != "healthy":
            found[member.name] = fleet[member.name].health.state
    return found
