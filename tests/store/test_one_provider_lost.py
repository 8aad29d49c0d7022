"""With one of three providers failing in any shape, nobody notices; with two, it is said in good time."""

import pytest
from store_worlds import Far, content, in_far_store

from outlast.base import limits
from outlast.base.errors import StoreUnavailable
from outlast.providers.wrap.fault import Shape

KIB = 1 << 10
KINDS = {"inline": 1500, "one-extent": 48 * KIB + 17, "many-extents": 560 * KIB + 1}
# A read that meets a failure that nobody knows of yet may take so much longer (virtual seconds).
PATIENCE_S = 2.5
# A write waits for all of its fragments until the guard knows that the provider hangs: about three seconds.
WRITE_PATIENCE_S = 3.5

pytestmark = pytest.mark.usefixtures("small_sizes")


async def write_and_check(far: Far, name: str, size: int, seed: int) -> None:
    data = content(size, seed)
    began = far.world.clock.monotonic()
    await far.store.put("bucket", name, data)
    took = far.world.clock.monotonic() - began
    assert took < WRITE_PATIENCE_S
    await read_and_check(far, name, size, seed)


async def read_and_check(far: Far, name: str, size: int, seed: int) -> None:
    data = content(size, seed)
    began = far.world.clock.monotonic()
    assert await (await far.store.get("bucket", name)).read() == data
    span = size // 3, size // 3 + min(size // 2, 100_000)
    assert await (await far.store.get("bucket", name, span)).read() == data[span[0] : span[1]]
    assert far.world.clock.monotonic() - began < PATIENCE_S


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [*Shape, None], ids=lambda shape: shape or "wiped")
def test_no_request_fails_and_no_byte_is_wrong(shape: Shape | None, kind: str) -> None:
    async def test(far: Far) -> None:
        size = KINDS[kind]
        await write_and_check(far, "before", size, 0)
        if shape is None:
            far.memories[1].wipe()
        far.faults["p1"].shape = shape
        for n in range(3):
            await read_and_check(far, "before", size, 0)
            await write_and_check(far, f"during-{n}", size, n + 1)
        far.faults["p1"].shape = None
        await write_and_check(far, "after", size, 9)
        for n in range(3):
            await read_and_check(far, f"during-{n}", size, n + 1)
        await far.settle()

    in_far_store(test)


@pytest.mark.parametrize("shapes", [(Shape.REFUSE, Shape.REFUSE), (Shape.HANG, Shape.ERR)], ids=str)
def test_two_lost_are_refused_in_good_time_and_all_is_back_afterwards(shapes: tuple[Shape, Shape]) -> None:
    async def test(far: Far) -> None:
        size = KINDS["one-extent"]
        await write_and_check(far, "before", size, 0)
        for name, shape in zip(("p0", "p2"), shapes, strict=True):
            far.faults[name].shape = shape
        for request in (
            lambda: far.store.put("bucket", "lost", content(size, 1)),
            lambda: far.store.get("bucket", "before"),
            lambda: far.store.put("bucket", "small", b"small"),
        ):
            began = far.world.clock.monotonic()
            with pytest.raises(StoreUnavailable):
                await request()
            assert far.world.clock.monotonic() - began < limits.request_wait_s_max
        began = far.world.clock.monotonic()
        with pytest.raises(StoreUnavailable, match="a write needs 2 of 3 providers"):
            await far.write(content(size, 1))
        assert far.world.clock.monotonic() - began < 1, "what is known to be lost is not waited for"
        far.faults["p0"].shape = far.faults["p2"].shape = None
        await far.settle(10)
        await read_and_check(far, "before", size, 0)
        await write_and_check(far, "after", size, 1)

    in_far_store(test)


def test_data_fragments_of_two_lost_providers_cannot_be_had_and_are_not_made_up() -> None:
    """The log has its majority of five; the data, 3 + 2, do not have their three."""

    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(32 * KIB))
        for memory in far.memories[:3]:
            for key in [key for key in memory._objects if key.startswith("x/")]:
                await memory.delete(key)
        with pytest.raises(Exception, match="fragments needed"):
            await far.store.get("bucket", "k")

    in_far_store(test, providers=5, tolerate=2)
