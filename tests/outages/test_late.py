"""Fragments that count as missing and lie in their places."""

from dataclasses import replace

import pytest
from tests.outages.invented_stores import MIB, held, member, store

from outlast.catalog.records import FragmentsLost
from outlast.coding.extent import fragment_key
from outlast.outages.late import Late
from outlast.outages.model import Domain
from outlast.outages.present import Present, look_at
from outlast.outages.remedy import cheapest_fix
from outlast.outages.what_if import Verdict, outage_of, what_if
from outlast.testing.memory_store import World, memory_store

LARGE = bytes(300_000)


def without(name: str, present: Present) -> Verdict:
    """What the loss of a provider does."""
    return what_if(present.holdings, outage_of([Domain("provider", name, frozenset({name}))]), present.now)


async def note_lost(world: World) -> str:
    """Have the catalog call a fragment missing that is there; who holds it."""
    await world.store.create_bucket("bucket")
    await world.store.put("bucket", "large", LARGE)
    [extent] = world.store.catalog.state.extents()
    await world.store.catalog.commit(FragmentsLost(extent.id, (extent.fragment(0),)))
    return extent.places[0]


async def test_what_lies_there_although_it_counts_as_missing_makes_it_unknown() -> None:
    async with memory_store() as world:
        late = await note_lost(world)
        other = next(name for name in world.voters if name != late)
        verdict = without(other, await look_at(world.store))
        assert (verdict.summary, verdict.least.summary, verdict.most.summary) == (
            "unknown",
            "redundancy-less",
            "read-loss",
        )
        assert f"stored at {late}" in verdict.notes[-1]


@pytest.mark.parametrize("size", [None, 7])
async def test_what_is_not_there_or_of_another_size_is_missing(size: int | None) -> None:
    async with memory_store() as world:
        late = await note_lost(world)
        [extent] = world.store.catalog.state.extents()
        if size is None:
            await world.memories[late].delete(fragment_key(extent.id, 0))
        else:
            await world.memories[late].put(fragment_key(extent.id, 0), bytes(size))
        other = next(name for name in world.voters if name != late)
        assert without(other, await look_at(world.store)).summary == "read-loss"


async def test_who_is_away_is_not_asked() -> None:
    async with memory_store() as world:
        late = await note_lost(world)
        present = await look_at(world.store)
        assert present.holdings.late
        assert what_if(present.holdings, outage_of([]), {late: "down"}).summary == "redundancy-less"


def test_what_may_be_there_is_to_be_read_by_a_repair() -> None:
    shop = store([member(name) for name in "abc"], held(2, "a b", gone="c"))
    late = Late("c", MIB // 2, 2, ("a", "b"), ("c",))
    shop = replace(shop, late=(late,))
    verdict = what_if(shop, outage_of([Domain("provider", "a", frozenset("a"))]), {})
    fix = cheapest_fix(shop, verdict, {})
    assert verdict.summary == "unknown"
    assert fix is not None and fix.text.startswith("outlast repair") and fix.after is None
