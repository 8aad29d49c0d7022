"""Gateways restore degraded extents by themselves: all of them, once each, and where there is a place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from store_worlds import Far, content, in_far_store

from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import Full, LocalStateCorrupt
from outlast.catalog.records import Extent
from outlast.coding.extent import FRAGMENTS_PREFIX
from outlast.maintenance.mender import Mender, look_s
from outlast.providers.protocol import Data
from outlast.providers.wrap.fault import Shape
from outlast.store.restore import Finding
from outlast.testing.memory_store import Gateway

SIZE = 200_000


@asynccontextmanager
async def mending(*gateways: Gateway) -> AsyncIterator[list[Mender]]:
    menders = [
        Mender(gateway.store, gateway.store.clock, bytes([number]) * 16)
        for number, gateway in enumerate(gateways)
    ]
    tasks = [asyncio.ensure_future(mender.run()) for mender in menders]
    try:
        yield menders
    finally:
        await cancel_and_wait(tasks)


async def degraded(far: Far) -> int:
    await far.store.catalog.sync()
    return far.store.catalog.state.counts().degraded


async def write_without(far: Far, name: str, objects: int) -> None:
    """Write while the provider refuses, until the catalog knows `objects` extents that miss a fragment."""
    far.faults[name].shape = Shape.REFUSE
    for n in range(objects):
        await far.store.put("bucket", f"k{n}", content(SIZE, n))
    assert await degraded(far) == objects


def test_what_a_provider_missed_is_restored_within_a_minute_of_its_return() -> None:
    async def test(far: Far) -> None:
        await write_without(far, "p1", 20)
        async with mending(far.world.gateways[0]):
            await far.settle(60)
            assert await degraded(far) == 20, "there is no place for the fragments"
            far.faults["p1"].shape = None
            await far.settle(60)
            assert await degraded(far) == 0
        assert len(far.fragments(1)) == 20
        far.faults["p0"].shape = Shape.REFUSE
        for n in range(20):
            assert await (await far.store.get("bucket", f"k{n}")).read() == content(SIZE, n)

    in_far_store(test)


def test_a_spare_provider_gets_what_another_missed() -> None:
    """Six providers, tolerance 1: 4 + 1 and one to spare, which is away as well at first."""

    async def test(far: Far) -> None:
        far.faults["p5"].shape = Shape.REFUSE
        await write_without(far, "p1", 5)
        async with mending(far.world.gateways[0]):
            far.faults["p5"].shape = None
            await far.settle(60)
        assert await degraded(far) == 0
        assert all("p1" not in extent.places for extent in far.store.catalog.state.extents())

    in_far_store(test, providers=6)


def test_gateways_divide_the_work() -> None:
    async def test(far: Far) -> None:
        await write_without(far, "p1", 40)
        gateways = [*far.world.gateways, await far.world.gateway()]
        puts = 0
        put = far.memories[1].put

        async def counted(key: str, data: Data, under: object = None) -> None:
            nonlocal puts
            puts += key.startswith(FRAGMENTS_PREFIX)
            await put(key, data)

        far.memories[1].put = counted  # type: ignore[method-assign]
        async with mending(*gateways) as menders:
            far.faults["p1"].shape = None
            await far.settle(60)
        assert await degraded(far) == 0
        assert puts == 40, "none twice"
        assert [mender.restored for mender in menders] != [40, 0]
        assert sum(mender.restored for mender in menders) == 40

    in_far_store(test)


def test_what_a_dead_gateway_has_claimed_is_restored_by_another() -> None:
    async def test(far: Far) -> None:
        await write_without(far, "p1", 3)
        dying = await far.world.gateway()
        far.faults["p1"].shape = None
        async with mending(dying):
            while not far.fragments(1):
                await far.settle(0.001)
        assert await degraded(far) > 0
        async with mending(far.world.gateways[0]):
            await far.settle(120)
        assert await degraded(far) == 0

    in_far_store(test)


def test_a_restoration_that_fails_is_tried_again_and_hurries_nobody() -> None:
    async def test(far: Far) -> None:
        await write_without(far, "p1", 1)
        tries = 0

        async def full(key: str, data: object, under: object = None) -> None:
            nonlocal tries
            if key.startswith(FRAGMENTS_PREFIX):
                tries += 1
                raise Full("p1", "put")
            await put(key, data, under)  # type: ignore[arg-type]

        put, far.memories[1].put = far.memories[1].put, full  # type: ignore[method-assign]
        far.faults["p1"].shape = None
        async with mending(far.world.gateways[0]):
            await far.settle(3600)
            assert 3 <= tries <= 20
            assert await degraded(far) == 1
            far.memories[1].put = put  # type: ignore[method-assign]
            await far.settle(660)
            assert await degraded(far) == 0

    in_far_store(test)


def test_mending_goes_on_after_the_log_was_away() -> None:
    async def test(far: Far) -> None:
        await write_without(far, "p1", 3)
        async with mending(far.world.gateways[0]):
            far.faults["p0"].shape = Shape.REFUSE
            far.faults["p1"].shape = None
            await far.settle(5)
            far.faults["p2"].shape = Shape.REFUSE
            await far.settle(60)
            far.faults["p0"].shape = far.faults["p2"].shape = None
            await far.settle(60)
        assert await degraded(far) == 0

    in_far_store(test)


def test_mending_goes_on_after_the_local_catalog_could_not_be_read() -> None:
    """As while it is built anew."""

    async def test(far: Far) -> None:
        state = far.store.catalog.state
        await write_without(far, "p1", 3)
        far.faults["p1"].shape = None
        async with mending(far.world.gateways[0]):
            state._damage = LocalStateCorrupt("damaged")
            await far.settle(60)
            state._damage = None
            assert await degraded(far) == 3
            await far.settle(60)
            assert await degraded(far) == 0

    in_far_store(test)


def test_a_catalog_that_cannot_be_read_is_no_failure_of_the_extent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(far: Far) -> None:
        await write_without(far, "p1", 1)
        tries = 0
        restore = far.store.restorer.restore

        async def damaged_at_first(extent: Extent) -> Finding:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise LocalStateCorrupt("damaged")
            return await restore(extent)

        monkeypatch.setattr(far.store.restorer, "restore", damaged_at_first)
        async with mending(far.world.gateways[0]):
            far.faults["p1"].shape = None
            while not tries:
                await far.settle(0.1)
            await far.settle(2 * look_s)
            assert await degraded(far) == 0, "it is tried again at the next look"

    in_far_store(test)


def test_a_mender_that_has_ended_hears_of_no_more_records() -> None:
    async def test(far: Far) -> None:
        state = far.store.catalog.state
        others = len(state._observers)
        for _ in range(3):
            async with mending(far.world.gateways[0]):
                await far.settle(1)
                assert len(state._observers) == others + 1
        assert len(state._observers) == others

    in_far_store(test)


def test_when_the_last_provider_is_back_everything_is_restored_within_a_minute() -> None:
    """Two are away in turn, and in between no attempt can succeed: that is nobody's failure for later."""

    async def test(far: Far) -> None:
        await write_without(far, "p1", 3)
        async with mending(far.world.gateways[0]):
            far.faults["p0"].shape, far.faults["p1"].shape = Shape.REFUSE, None
            await far.settle(660)
            assert await degraded(far) == 3
            far.faults["p0"].shape = None
            await far.settle(60)
            assert await degraded(far) == 0

    in_far_store(test)
