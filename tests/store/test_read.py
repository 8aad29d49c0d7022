"""Reading: exactly the bytes asked for, from any k fragments, with bounded memory and nothing left behind."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_worlds import Far, chunks, content, in_far_store

from outlast.base import limits
from outlast.base.errors import NoSuchBucket, NoSuchKey, StoreCorrupt, StoreUnavailable
from outlast.catalog.records import Fragment, FragmentsRestored, Version
from outlast.coding.extent import fragment_key
from outlast.providers.wrap.fault import Shape
from outlast.testing.network import Weather

STRIPE = limits.stripe_bytes // 64
WINDOW = limits.read_window_bytes // 64
EXTENT = limits.extent_bytes_max // 64
SIZE = 2 * EXTENT + 12_345

pytestmark = pytest.mark.usefixtures("small_sizes")


async def read(far: Far, span: tuple[int, int] | None = None, name: str = "k") -> bytes:
    return await (await far.store.get("bucket", name, span)).read()


def edges() -> st.SearchStrategy[int]:
    near = [n + d for n in (0, STRIPE, WINDOW, EXTENT, 2 * EXTENT, SIZE) for d in (-1, 0, 1)]
    return st.one_of(st.integers(0, SIZE), st.sampled_from([n for n in near if 0 <= n <= SIZE]))


@settings(max_examples=30)
@given(st.lists(st.tuples(edges(), edges()), min_size=5, max_size=5))
def test_any_range_of_a_large_object(spans: list[tuple[int, int]]) -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        for low, high in spans:
            start, stop = min(low, high), max(low, high)
            reading = await far.store.get("bucket", "k", (start, stop))
            assert (reading.start, reading.stop) == (start, stop)
            assert await reading.read() == content(SIZE)[start:stop]

    in_far_store(test)


@pytest.mark.parametrize("size", [0, 1, 1000, 50_000, SIZE])
def test_spans_are_clipped_to_the_object(size: int) -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(size))
        for span in ((0, size + 100), (size, size + 5), (size + 3, size + 5), (size // 2, 10 * SIZE + 1)):
            assert await read(far, span) == content(size)[span[0] : span[1]]

    in_far_store(test)


def test_what_lies_in_the_catalog_is_at_hand_at_once_and_more_comes_in_pieces() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "small", b"content")
        async with far.store.get("bucket", "small", (1, 4)) as small:
            assert small.data == b"ont"
            assert [bytes(piece) async for piece in small] == [b"ont"]
        await far.store.put("bucket", "k", content(SIZE))
        async with far.store.get("bucket", "k", (10, WINDOW + 1)) as large:
            assert large.data is None
            got = [bytes(piece) async for piece in large]
        assert b"".join(got) == content(SIZE)[10 : WINDOW + 1]
        assert max(map(len, got)) <= STRIPE

    in_far_store(test)


def test_a_reading_that_is_closed_gives_no_bytes_rather_than_too_few() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        async with far.store.get("bucket", "k") as reading:
            async for _ in reading:
                break
        for _ in range(2):
            with pytest.raises(ValueError, match="closed"):
                await reading.read()

    in_far_store(test)


def test_a_ranged_read_fetches_only_the_stripes_that_it_needs() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        asked: list[tuple[int, int] | None] = []
        for memory in far.memories:

            async def get(key, span=None, under=None, get=memory.get):
                if key.startswith("x/"):
                    asked.append(span)
                return await get(key, span, under)

            memory.get = get
        await read(far, (5 * STRIPE + 1, 6 * STRIPE - 1))
        assert len(asked) == 2
        assert len(set(asked)) == 1
        assert all(span is not None and span[1] - span[0] < 0.6 * STRIPE for span in asked)

    in_far_store(test)


def test_select_sees_the_newest_version_and_may_refuse() -> None:
    class NotModified(Exception):
        pass

    def refuse(version: Version) -> None:
        raise NotModified(version.etag)

    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        reading = await far.store.get("bucket", "k", select=lambda version: (version.size - 5, version.size))
        assert await reading.read() == content(SIZE)[-5:]
        before = asyncio.all_tasks()
        with pytest.raises(NotModified):
            await far.store.get("bucket", "k", select=refuse)
        await far.settle()
        assert asyncio.all_tasks() <= before

    in_far_store(test)


def test_what_is_not_there_is_said() -> None:
    async def test(far: Far) -> None:
        with pytest.raises(NoSuchKey):
            await far.store.get("bucket", "absent")
        with pytest.raises(NoSuchBucket):
            await far.store.get("absent", "absent")
        with pytest.raises(NoSuchKey):
            await far.store.head("bucket", "absent")

    in_far_store(test)


def test_a_reading_shows_one_version_though_it_is_overwritten_meanwhile() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        reading = await far.store.get("bucket", "k")
        await far.store.put("bucket", "k", content(SIZE, 1))
        assert await reading.read() == content(SIZE)
        assert await read(far) == content(SIZE, 1)

    in_far_store(test)


@pytest.mark.parametrize("harm", ["absent", "damaged", "cut", "empty", "swapped"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_harmed_fragment_is_replaced_and_noted(harm: str, number: int) -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(EXTENT))
        (extent,) = far.store.catalog.state.extents()
        far.links[int(extent.places[2][1])].weather = Weather(delay_s=(0.02, 0.02))
        for _ in range(20):  # until the first two places are known to be the fastest
            await read(far)
        place = extent.places[number]
        memory = far.memories[int(place[1])]
        key = fragment_key(extent.id, number)
        data = memory._objects[key]
        other = far.memories[int(extent.places[number - 1][1])]._objects[
            fragment_key(extent.id, (number - 1) % 3)
        ]
        harmed = {"damaged": b"x" + data[1:], "cut": data[:-1], "empty": b"", "swapped": other}
        if harm == "absent":
            await memory.delete(key)
        else:
            memory._objects[key] = harmed[harm]
        for _ in range(3):
            assert await read(far) == content(EXTENT)
        await far.settle(5)
        (extent,) = far.store.catalog.state.extents()
        assert extent.missing in (0, 1 << number), "a parity fragment may not have been looked at"
        assert extent.missing == 1 << number or number == 2
        corrupt = far.world.guards[place].health.findings().corrupt
        assert bool(corrupt) == (harm != "absent" and extent.missing != 0)

    in_far_store(test)


def test_a_note_about_a_fragment_that_has_moved_meanwhile_is_dropped() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(EXTENT))
        (extent,) = far.store.catalog.state.extents()
        await far.memories[int(extent.places[0][1])].delete(fragment_key(extent.id, 0))
        await read(far)
        moved = Fragment(0, extent.places[1], extent.incarnations[1])
        await far.store.catalog.commit(FragmentsRestored(extent.id, (moved,), extent.places))
        await far.settle(5)
        (extent,) = far.store.catalog.state.extents()
        assert extent.missing == 0

    in_far_store(test)


def test_a_noted_fragment_is_asked_for_last() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(EXTENT))
        (extent,) = far.store.catalog.state.extents()
        memory = far.memories[int(extent.places[0][1])]
        far.links[int(extent.places[2][1])].weather = Weather(delay_s=(0.02, 0.02))
        for _ in range(20):  # until the first two places are known to be the fastest
            await read(far)
        await memory.delete(fragment_key(extent.id, 0))
        await read(far)
        await far.settle(5)
        calls = far.world.guards[extent.places[0]].health.findings().calls
        await read(far)
        after = far.world.guards[extent.places[0]].health.findings().calls
        assert after - calls <= 4, "nothing but the log's question"

    in_far_store(test)


def test_too_few_right_fragments_are_corruption_and_too_few_providers_are_not() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(EXTENT))
        (extent,) = far.store.catalog.state.extents()
        for index in (0, 1):
            await far.memories[int(extent.places[index][1])].delete(fragment_key(extent.id, index))
        with pytest.raises(StoreCorrupt, match="1 of the 2 fragments needed"):
            await read(far)
        far.faults[extent.places[2]].shape = Shape.REFUSE
        with pytest.raises(StoreUnavailable, match="0 of the 2 fragments needed"):
            await read(far)

    in_far_store(test)


def test_a_failure_in_the_middle_comes_out_and_leaves_nothing() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(6 * EXTENT))
        before = asyncio.all_tasks()
        reading = await far.store.get("bucket", "k")
        got = 0
        with pytest.raises(StoreUnavailable):
            async for chunk in reading:
                got += len(chunk)
                if got > EXTENT:
                    far.faults["p0"].shape = far.faults["p1"].shape = Shape.REFUSE
        assert got < 6 * EXTENT
        far.faults["p0"].shape = far.faults["p1"].shape = None
        await far.settle()
        assert asyncio.all_tasks() <= before
        assert far.store.reader.memory.used == 0

    in_far_store(test)


@pytest.mark.parametrize("shape", [None, Shape.HANG, Shape.SLOW])
@pytest.mark.parametrize("how", ["closed", "dropped", "never read", "cancelled-get", "cancelled-iteration"])
def test_a_reading_given_up_leaves_no_task_and_no_memory(how: str, shape: Shape | None) -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(6 * EXTENT))
        await far.settle()
        before = asyncio.all_tasks()
        far.faults["p0"].shape = shape

        async def consume() -> None:
            async for _ in await far.store.get("bucket", "k"):
                await asyncio.sleep(0.01)

        if how.startswith("cancelled"):
            task = asyncio.ensure_future(consume())
            await far.settle(0.006 if how == "cancelled-get" else 0.1)
            task.cancel()
            await asyncio.wait((task,))
        elif how == "closed":
            async with far.store.get("bucket", "k") as reading:
                async for _ in reading:
                    break
        elif how == "never read":
            await far.store.get("bucket", "k")
        else:
            async for _ in await far.store.get("bucket", "k"):
                break
        far.faults["p0"].shape = None
        await far.settle()
        assert asyncio.all_tasks() <= before
        assert far.store.reader.memory.used == 0

    in_far_store(test)


def test_a_slow_consumer_makes_the_providers_wait() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(8 * EXTENT))
        fetched = 0
        for memory in far.memories:

            async def get(key, span=None, under=None, get=memory.get):
                nonlocal fetched
                data = await get(key, span, under)
                fetched += len(data) if key.startswith("x/") else 0
                return data

            memory.get = get
        reading = await far.store.get("bucket", "k")
        consumed = 0
        async for chunk in reading:
            await far.settle(1)
            assert fetched - consumed <= 3 * WINDOW + STRIPE
            consumed += len(chunk)
        assert consumed == 8 * EXTENT

    in_far_store(test)


def test_real_sizes_go_through_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert limits.stripe_bytes == 1 << 20

    async def test(far: Far) -> None:
        size = (17 << 20) + 3
        await far.store.put("bucket", "k", chunks(content(size)))
        assert await read(far) == content(size)
        assert await read(far, (1 << 20, (1 << 20) + 1)) == content(size)[1 << 20 : (1 << 20) + 1]

    in_far_store(test)
