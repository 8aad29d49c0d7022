"""Writing: inline or in extents, exactly what came, and nothing left of what did not come to its end."""

import asyncio
import gc
import hashlib
import weakref
from collections.abc import AsyncIterator

import pytest
from store_worlds import Far, chunks, content, in_far_store

from outlast.base import limits
from outlast.base.errors import EntityTooLarge, KeyTooLong, NoSuchBucket, StoreUnavailable
from outlast.catalog.records import Body
from outlast.coding.extent import ExtentEncoder, fragment_key
from outlast.providers.wrap.fault import Shape

INLINE = limits.inline_bytes_max // 64
STRIPE = limits.stripe_bytes // 64
EXTENT = limits.extent_bytes_max // 64

pytestmark = pytest.mark.usefixtures("small_sizes")


async def tasks_settle(far: Far, before: set["asyncio.Task[object]"]) -> None:
    await far.settle()
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("size", "extents"),
    [(0, 0), (1, 0), (INLINE, 0), (INLINE + 1, 1), (STRIPE, 1), (STRIPE + 1, 1), (EXTENT - 1, 1),
     (EXTENT, 1), (EXTENT + 1, 2), (3 * EXTENT, 3), (3 * EXTENT + 1000, 4)],
)  # fmt: skip
def test_small_bodies_are_inline_and_large_ones_in_extents(size: int, extents: int, streamed: bool) -> None:
    async def test(far: Far) -> Body:
        data = content(size)
        body = await far.write(chunks(data, 5000) if streamed else data)
        await far.settle(0.1)
        assert (far.budget.used, far.budget.shipped) == (0, 0)
        return body

    body = in_far_store(test)
    data = content(size)
    assert (body.size, body.md5) == (size, hashlib.md5(data).digest())
    assert body.inline == (None if extents else data)
    assert len(body.extents) == extents
    assert sum(extent.size for extent in body.extents) == (size if extents else 0)
    assert all(extent.missing == 0 for extent in body.extents)


def test_fragments_are_where_the_body_says_and_nowhere_else() -> None:
    async def test(far: Far) -> None:
        body = await far.write(content(2 * EXTENT + 5))
        expected: dict[str, list[str]] = {"p0": [], "p1": [], "p2": []}
        for extent in body.extents:
            for index, place in enumerate(extent.places):
                expected[place].append(fragment_key(extent.id, index))
        for number, keys in enumerate(expected.values()):
            assert far.fragments(number) == sorted(keys)

    in_far_store(test)


def test_digests_see_the_bytes_of_every_kind_of_body() -> None:
    async def test(far: Far) -> None:
        for size in (0, 100, INLINE + 1, EXTENT + 1):
            for source in (content(size), chunks(content(size), 777)):
                digest = hashlib.sha256()
                await far.write(source, [digest])
                assert digest.digest() == hashlib.sha256(content(size)).digest()

    in_far_store(test)


def test_buffers_may_be_used_again_by_the_source() -> None:
    async def reusing() -> AsyncIterator[memoryview]:
        buffer = bytearray(10_000)
        for start in range(0, 100_000, 10_000):
            buffer[:] = content(100_000)[start : start + 10_000]
            yield memoryview(buffer)
            buffer[:] = bytes(10_000)

    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", reusing())
        assert await (await far.store.get("bucket", "k")).read() == content(100_000)

    in_far_store(test)


@pytest.mark.slow
def test_what_has_been_delivered_is_not_kept_until_the_end_of_the_object(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A writer keeps its deliveries, for the places. The bytes of 5 GiB must not hang on them."""
    encoders: list[weakref.ref[ExtentEncoder]] = []

    class Watched(ExtentEncoder):
        def __init__(self, store: bytes, id: bytes, data_key: bytes, k: int, m: int) -> None:
            super().__init__(store, id, data_key, k, m)
            encoders.append(weakref.ref(self))

    monkeypatch.setattr("outlast.store.extent_writer.ExtentEncoder", Watched)

    async def test(far: Far) -> None:
        async def source() -> AsyncIterator[bytes]:
            for number in range(6):
                yield content(EXTENT, number)
                await far.settle()
                gc.collect()
                assert (len(encoders), [one for one in encoders if one() is not None]) == (number + 1, [])

        assert len((await far.write(source())).extents) == 6

    in_far_store(test)


@pytest.mark.parametrize("after", [0, 1000, STRIPE + 5, 2 * EXTENT + 5])
def test_when_the_source_fails_nothing_is_stored_and_its_error_comes_out(after: int) -> None:
    class Truncated(Exception):
        pass

    async def source() -> AsyncIterator[bytes]:
        async for chunk in chunks(content(after), 5000):
            yield chunk
        raise Truncated

    async def test(far: Far) -> None:
        before = asyncio.all_tasks()
        with pytest.raises(Truncated):
            await far.store.put("bucket", "k", source())
        await tasks_settle(far, before)
        assert [far.fragments(number) for number in range(3)] == [[], [], []]
        assert (await far.store.list("bucket")).entries == []
        assert (far.budget.used, far.budget.shipped) == (0, 0)

    in_far_store(test)


@pytest.mark.parametrize("size", [100, EXTENT + 1])
def test_when_the_check_fails_nothing_is_stored(size: int) -> None:
    class BadDigest(Exception):
        pass

    def check(body: Body) -> None:
        assert body.md5 == hashlib.md5(content(size)).digest()
        raise BadDigest

    async def test(far: Far) -> None:
        before = asyncio.all_tasks()
        with pytest.raises(BadDigest):
            await far.store.put("bucket", "k", content(size), check=check)
        await tasks_settle(far, before)
        assert [far.fragments(number) for number in range(3)] == [[], [], []]
        assert (await far.store.list("bucket")).entries == []

    in_far_store(test)


@pytest.mark.parametrize("moment", [0.0, 0.005, 0.015, 0.045, 0.06, 0.11, 0.2])
@pytest.mark.parametrize("shape", [None, Shape.HANG])
def test_a_cancelled_write_leaves_no_task_no_memory_and_no_fragment(
    moment: float, shape: Shape | None
) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        async for chunk in chunks(content(4 * EXTENT), 50_000):
            await asyncio.sleep(0.01)
            yield chunk

    async def test(far: Far) -> None:
        before = asyncio.all_tasks()
        far.faults["p0"].shape = shape
        write = asyncio.ensure_future(far.store.put("bucket", "k", slowly()))
        await far.settle(moment)
        assert write.cancel()
        await asyncio.wait((write,))
        assert write.cancelled()
        far.faults["p0"].shape = None
        await tasks_settle(far, before)
        assert [far.fragments(number) for number in range(3)] == [[], [], []]
        assert (far.budget.used, far.budget.shipped) == (0, 0)

    in_far_store(test)


def test_what_cannot_be_written_is_said_before_the_source_is_touched() -> None:
    async def untouched() -> AsyncIterator[bytes]:
        raise AssertionError("the source was read")
        yield b""

    async def test(far: Far) -> None:
        with pytest.raises(NoSuchBucket):
            await far.store.put("absent", "k", untouched())
        with pytest.raises(KeyTooLong):
            await far.store.put("bucket", "k" * 1025, untouched())

    in_far_store(test)


def test_a_bucket_that_another_gateway_created_is_known_at_once() -> None:
    async def test(far: Far) -> None:
        other = await far.world.gateway()
        await other.store.create_bucket("fresh")
        await far.store.put("fresh", "k", b"data")

    in_far_store(test)


def test_an_object_is_at_most_what_s3_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "put_bytes_max", EXTENT + 10)

    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", chunks(content(EXTENT + 10)))
        with pytest.raises(EntityTooLarge):
            await far.store.put("bucket", "k", chunks(content(EXTENT + 11)))
        assert await (await far.store.get("bucket", "k")).read() == content(EXTENT + 10)

    in_far_store(test)


@pytest.mark.slow
def test_slow_clients_that_hold_all_memory_do_not_hold_up_others() -> None:
    """A hundred clients stall in the middle of their bodies; the budget is an eighth of what they hold."""

    async def stalling(far: Far, until: asyncio.Event) -> AsyncIterator[bytes]:
        yield content(60_000)
        await until.wait()
        yield content(60_000)

    async def test(far: Far) -> None:
        budget = far.budget
        until = asyncio.Event()
        slow = [
            asyncio.ensure_future(far.store.put("bucket", f"slow-{n}", stalling(far, until)))
            for n in range(100)
        ]
        await far.settle(1)
        for n in range(3):
            began = far.world.clock.monotonic()
            await far.store.put("bucket", f"fast-{n}", chunks(content(4 * EXTENT, n), 20_000))
            assert far.world.clock.monotonic() - began < 1
            assert budget.used <= budget.total
        until.set()
        await asyncio.gather(*slow)
        assert (budget.used, budget.shipped) == (0, 0)
        for n in range(100):
            assert await (await far.store.get("bucket", f"slow-{n}")).read() == content(60_000) * 2
        for n in range(3):
            assert await (await far.store.get("bucket", f"fast-{n}")).read() == content(4 * EXTENT, n)

    in_far_store(test)


def test_with_too_few_providers_the_write_ends_early_and_not_with_its_source() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield content(50_000)

    async def test(far: Far) -> None:
        before = asyncio.all_tasks()
        far.faults["p0"].shape = far.faults["p1"].shape = Shape.REFUSE
        began = far.world.clock.monotonic()
        with pytest.raises(StoreUnavailable, match="a write needs 2 of 3 providers"):
            await far.write(endless())
        assert far.world.clock.monotonic() - began < limits.request_wait_s_max
        far.faults["p0"].shape = far.faults["p1"].shape = None
        await tasks_settle(far, before)
        assert (far.budget.used, far.budget.shipped) == (0, 0)

    in_far_store(test)


def test_a_write_waits_for_a_provider_that_comes_back_while_another_fails() -> None:
    async def test(far: Far) -> None:
        far.faults["p0"].shape = Shape.REFUSE
        while far.store.fleet.available("p0"):
            await far.store.put("bucket", "noticed", content(EXTENT))
        await far.settle(60)  # by now it is probed every few seconds only
        far.faults["p0"].shape = None
        far.faults["p1"].shape = Shape.REFUSE
        body = await far.write(content(EXTENT, 1))
        (extent,) = body.extents
        assert extent.missing == 1 << extent.places.index("p1")

    in_far_store(test)


@pytest.mark.parametrize("after", [0, 3, 40])
def test_when_a_digest_fails_its_error_comes_out_and_nothing_is_left(after: int) -> None:
    class Failing:
        updates = 0

        def update(self, data: object, /) -> None:
            self.updates += 1
            if self.updates > after:
                raise ZeroDivisionError

    async def test(far: Far) -> None:
        before = asyncio.all_tasks()
        with pytest.raises(ZeroDivisionError):
            await far.store.put("bucket", "k", chunks(content(3 * EXTENT)), digests=[Failing()])
        await tasks_settle(far, before)
        assert [far.fragments(number) for number in range(3)] == [[], [], []]
        assert (far.budget.used, far.budget.shipped) == (0, 0)

    in_far_store(test)


def test_a_failure_while_shipping_for_others_is_the_failing_writers_own() -> None:
    class Failing:
        def update(self, data: object, /) -> None:
            raise ZeroDivisionError

    async def stalling(until: asyncio.Event) -> AsyncIterator[bytes]:
        yield content(15_000)
        await until.wait()
        yield content(15_000)

    async def test(far: Far) -> None:
        until = asyncio.Event()
        failing = asyncio.ensure_future(far.store.put("bucket", "bad", stalling(until), digests=[Failing()]))
        slow = [
            asyncio.ensure_future(far.store.put("bucket", f"slow-{n}", stalling(until))) for n in range(50)
        ]
        await far.settle(1)
        await far.store.put("bucket", "fast", chunks(content(2 * EXTENT)))
        until.set()
        await asyncio.gather(*slow)
        with pytest.raises(ZeroDivisionError):
            await failing
        assert (far.budget.used, far.budget.shipped) == (0, 0)

    in_far_store(test)


def test_a_digest_that_fails_in_its_thread_gives_all_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outlast.store.digests.inline_hash_bytes_max", 1000)

    class Failing:
        updates = 0

        def update(self, data: object, /) -> None:
            self.updates += 1
            if self.updates > 5:
                raise ZeroDivisionError

    async def test(far: Far) -> None:
        with pytest.raises(ZeroDivisionError):
            await far.store.put("bucket", "k", chunks(content(3 * EXTENT)), digests=[Failing()])
        await far.settle()
        assert (far.budget.used, far.budget.shipped) == (0, 0)

    in_far_store(test)
