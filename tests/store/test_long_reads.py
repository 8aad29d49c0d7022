"""A reading that lasts finds the fragments where they are by then, not where they were when it began."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from store_worlds import Far, content, in_far_store

from outlast.base import limits
from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import StoreUnavailable
from outlast.catalog.records import FragmentsLost
from outlast.catalog.state import State
from outlast.maintenance.mender import Mender
from outlast.providers.wrap.fault import Shape
from outlast.store.windows import Stretch

SIZE = 6 * limits.extent_bytes_max // 64

pytestmark = pytest.mark.usefixtures("small_sizes")


@asynccontextmanager
async def mended(far: Far) -> AsyncIterator[None]:
    mender = Mender(far.store, far.store.clock, b"a" * 16)
    mending = asyncio.ensure_future(mender.run())
    yield
    await cancel_and_wait([mending])


async def lose_for_good(far: Far, number: int) -> None:
    """Lose a provider, and wait until all that it held lies at others."""
    name = f"p{number}"
    far.memories[number].wipe()
    far.faults[name].shape = Shape.REFUSE
    await far.settle(10)
    for extent in far.store.catalog.state.extents():
        if name in extent.places:
            fragment = extent.fragment(extent.places.index(name))
            await far.store.catalog.commit(FragmentsLost(extent.id, (fragment,)))
    await far.settle(60)
    assert far.store.catalog.state.counts().degraded == 0


def test_two_providers_lost_one_after_the_other_during_a_reading_do_not_end_it() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        async with mended(far), far.store.get("bucket", "k") as reading:
            pieces = aiter(reading)
            got = bytes(await anext(pieces))
            await lose_for_good(far, 4)
            await lose_for_good(far, 5)
            async for piece in pieces:
                got += piece
        assert got == content(SIZE)

    in_far_store(test, providers=7)


def test_fragments_that_move_while_they_are_asked_for_are_found() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE // 6))
        (extent,) = far.store.catalog.state.extents()
        first, second = (int(name[1:]) for name in extent.places[:2])
        gathered = far.store.reader._gathered
        windows = []

        async def gather_late(window: Stretch) -> list[memoryview]:
            if not windows:
                await lose_for_good(far, first)
                far.faults[f"p{second}"].shape = Shape.REFUSE
            windows.append(window)
            return await gathered(window)

        far.store.reader._gathered = gather_late  # type: ignore[method-assign]
        async with mended(far):
            assert await (await far.store.get("bucket", "k")).read() == content(SIZE // 6)
        assert len({window.extent.places for window in windows}) == 2

    in_far_store(test, providers=7)


async def build_anew(far: Far) -> None:
    """Put another catalog, to which the log was applied from the start, in the place of the store's own."""
    other = await far.world.gateway()
    far.store.catalog.state.replace(other.state)
    other.state._database = State(":memory:")._database  # its own now belongs to the store


def test_a_reading_goes_on_after_the_local_catalog_was_built_anew() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        async with far.store.get("bucket", "k") as reading:
            pieces = aiter(reading)
            got = bytes(await anext(pieces))
            await build_anew(far)
            async for piece in pieces:
                got += piece
        assert got == content(SIZE)

    in_far_store(test)


def test_a_reading_whose_object_is_gone_from_the_new_catalog_ends_with_an_error() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        async with far.store.get("bucket", "k") as reading:
            pieces = aiter(reading)
            await anext(pieces)
            await far.store.delete("bucket", "k")
            await build_anew(far)
            with pytest.raises(StoreUnavailable):
                async for _ in pieces:
                    pass

    in_far_store(test)
