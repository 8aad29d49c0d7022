"""Reattaching a provider that lost its marker: it was erased, or replaced by an old copy of itself.

The order is essential (docs/internals/decisions/0003): a record in the log gives the provider a new
incarnation; then its log is restarted, so that no earlier marker is valid for it; then it receives every
decided slot; then its new marker is written, and from then on it votes and takes data again. This ends a
drill that the provider was in. If the process stops anywhere in between, the provider stays estranged and
the procedure can be repeated.

A provider that carries another store's marker, or another provider's, is not ours to take; nor is one of a
later version. If a marker is damaged, what else the provider holds decides (`ownership`).
"""

from outlast.base.errors import ConfigError
from outlast.base.marks import reached
from outlast.base.points import point
from outlast.catalog.records import DrillSet, ProviderReattached
from outlast.maintenance.ownership import may_be_taken
from outlast.providers.health import Health
from outlast.providers.marker import MARKER_KEY, Damaged, Marker, read_marker
from outlast.providers.protocol import Provider
from outlast.providers.wrap.guard import Guard
from outlast.providers.wrap.layers import begin_log
from outlast.store import Store

INCARNATION_BYTES = 16


async def reattach(store: Store, name: str) -> int:
    """Reattach the provider `name`; return how many slots it was given back.

    Raises `ConfigError` if it is another's, `ProviderError` if it fails meanwhile, `StoreUnavailable`.
    """
    guard = store.fleet[name]
    # The same deadlines, but nothing is refused because of the missing marker, which is about to be written.
    provider = Guard(guard.inner, Health(name, store.clock, store.entropy), store.clock)
    genesis = store.catalog.state.genesis
    assert genesis is not None, "a store is repaired after slot 0"
    await _check_ours(store, genesis.store, name, provider)
    incarnation = store.entropy.bytes(INCARNATION_BYTES)
    await store.catalog.commit(ProviderReattached(name, incarnation))
    await point("reattach: incarnation decided, log not refilled")
    await _check_latest(store, name, incarnation)
    segments = await begin_log(provider)
    await point("reattach: log begun, not refilled")
    slots = 0
    if name in store.catalog.state.voters():
        assert store.log is not None, "upkeep needs the log"
        slots = await store.log.refill(name, provider)
    await point("reattach: log refilled, marker not written")
    await _check_latest(store, name, incarnation)
    await provider.put(MARKER_KEY, Marker(genesis.store, name, incarnation, segments).encode())
    await point("reattach: marker written, not followed by a record")
    await guard.check()
    # One more record, so that the slot with the new incarnation is not the newest: a newest slot needs the
    # votes of a majority, and a gateway that has not learned the incarnation ignores this provider's vote.
    await store.catalog.commit(DrillSet(name, "", 0))
    if guard.health.state == "estranged":
        raise _overtaken(name)
    return slots


async def _check_latest(store: Store, name: str, incarnation: bytes) -> None:
    """Raise `ConfigError` if another process has reattached the provider since we began.

    What is written after this check may still come too late. Then every process sees the provider as
    estranged once more, and the check at the end finds that.
    """
    await store.catalog.sync()
    if store.catalog.state.incarnations().get(name) != incarnation:
        reached("reattach: overtaken by another")
        raise _overtaken(name)


def _overtaken(name: str) -> ConfigError:
    return ConfigError(
        f"{name}: it was lost again, or reattached by another process, during this repair",
        "make sure that no other repair is running, and run `outlast repair` again",
    )


async def _check_ours(store: Store, id: bytes, name: str, provider: Provider) -> None:
    """Raise `ConfigError` if the place may belong to another store. `id` is this store's."""
    present = await read_marker(provider)
    if isinstance(present, Damaged):
        if present.later or not await may_be_taken(store, name, provider):
            raise ConfigError(
                f"{name}: the place's marker is {present.reason}, and nothing there shows that it is ours",
                f"make sure that its URL leads to its own place; if it does, remove {MARKER_KEY} there",
            )
    elif present is not None and (present.store, present.provider) != (id, name):
        raise ConfigError(
            f"{name}: the place belongs to store {present.store.hex()} as {present.provider!r}",
            "make sure that each provider's URL names its own place",
        )
