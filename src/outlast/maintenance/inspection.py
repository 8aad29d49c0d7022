"""What each provider really holds of one slot or extent, read from the provider itself.

For a person who looks for the cause of a problem. Every provider in the settings gets a request, bypassing
its guard, so that one that is estranged or marked down answers as well if it can. Nothing is changed, and
no finding is recorded: a provider may have been erased since, or be another one.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from outlast.base.errors import NotFound, ProviderError, StoreError, Tampered
from outlast.catalog.records import Extent
from outlast.catalog.wire import decode
from outlast.coding.extent import fragment_key
from outlast.coding.seal import Box
from outlast.providers.protocol import Provider
from outlast.quorum.batch import open_batch
from outlast.quorum.state import Placed
from outlast.quorum.voter import Voter
from outlast.store import Store

# A provider that has not answered after this time is reported as silent.
answer_s_max = 10.0


@dataclass(frozen=True, slots=True)
class SlotRow:
    """The states of one slot at one voter, in order. `error`: why they could not be read ("": they were)."""

    voter: str
    states: Sequence[Placed]
    error: str = ""


@dataclass(frozen=True, slots=True)
class FragmentFound:
    """One fragment of an extent. `counts`: whether the catalog counts it; `found`: what is at its place."""

    index: int
    provider: str
    counts: bool
    found: str


async def slot_rows(store: Store, slot: int) -> list[SlotRow]:
    """Return the rows of all voters."""
    assert store.log is not None, "only a store in memory has no log of its own"
    return await asyncio.gather(*(_slot_row(voter, slot) for voter in store.log.voters))


async def _slot_row(voter: Voter, slot: int) -> SlotRow:
    try:
        async with asyncio.timeout(answer_s_max):
            return SlotRow(voter.name, await voter.row(slot))
    except TimeoutError:
        return SlotRow(voter.name, (), f"no answer within {answer_s_max:.0f} s")
    except (ProviderError, Tampered) as error:
        return SlotRow(voter.name, (), str(error))


def record_counts(store: Store, slot: int, value: bytes) -> dict[str, int]:
    """Count the records in a slot's value by kind. Raises `Tampered`."""
    batch = open_batch(Box(store.context.keyring.log, store.entropy), slot, value)
    return dict(Counter(type(decode(record)).__name__ for record in batch.records))


async def fragments_found(store: Store, extent: Extent) -> list[FragmentFound]:
    """Return all fragments of an extent, each read in full and checked on its own."""
    return await asyncio.gather(
        *(_fragment_found(store, extent, index) for index in range(len(extent.places)))
    )


async def _fragment_found(store: Store, extent: Extent, index: int) -> FragmentFound:
    place = extent.places[index]
    counts = not extent.missing >> index & 1
    if place not in store.fleet:
        return FragmentFound(index, place, counts, "not in the settings")
    try:
        async with asyncio.timeout(answer_s_max):
            found = await _look(store, store.fleet[place].inner, extent, index)
    except TimeoutError:
        found = f"no answer within {answer_s_max:.0f} s"
    return FragmentFound(index, place, counts, found)


async def _look(store: Store, provider: Provider, extent: Extent, index: int) -> str:
    try:
        data = await provider.get(fragment_key(extent.id, index))
    except NotFound:
        return "absent"
    except ProviderError as error:
        return f"unreachable: {error}"
    try:
        intact = store.reader.decoder(extent).intact(index, data)
    except StoreError as error:
        return f"cannot be checked: {error}"
    return f"intact, {len(data)} bytes" if intact else f"damaged, {len(data)} bytes"
