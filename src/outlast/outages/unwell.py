"""Who is not well at the moment, as what-if and drills must know it."""

import asyncio

from outlast.store import Store


async def unwell(store: Store) -> dict[str, str]:
    """Who is not well, and how: `down`, `estranged`, `unconfigured`.

    Each is asked, for a command's process has only just begun and knows nothing of them.
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
