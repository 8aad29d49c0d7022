"""Repair gives back what providers lost, finds decay and forgery, and can be stopped and repeated."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict

import pytest
from store_worlds import Far, content, in_far_store

from outlast.base.errors import Cause, StoreCorrupt, StoreUnavailable, Unavailable
from outlast.base.points import visiting
from outlast.catalog.records import ExtentsCollected, FragmentsLost
from outlast.coding.extent import fragment_key
from outlast.maintenance.repair import RepairReport, repair
from outlast.providers.marker import MARKER_KEY, Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.wrap.fault import Shape

MIB = 1 << 20
SIZES = {"small": 300_000, "middling": 3 * MIB, "large": 17 * MIB + 5, "inline": 1000}


async def fill(far: Far) -> None:
    for seed, (name, size) in enumerate(SIZES.items()):
        await far.store.put("bucket", name, content(size, seed))


async def assert_all_read_back(far: Far) -> None:
    for seed, (name, size) in enumerate(SIZES.items()):
        assert await (await far.store.get("bucket", name)).read() == content(size, seed)


async def assert_any_one_may_go(far: Far) -> None:
    for fault in far.faults.values():
        fault.shape = Shape.REFUSE
        await far.settle(1)
        await assert_all_read_back(far)
        fault.shape = None
        await far.settle(10)


def damage(memory: MemoryProvider, key: str, at: int = -1) -> None:
    data = bytearray(memory._objects[key])
    data[at] ^= 1
    memory._objects[key] = bytes(data)


def test_a_store_in_order_is_found_in_order() -> None:
    async def test(far: Far) -> RepairReport:
        await fill(far)
        return await repair(far.store)

    report = in_far_store(test)
    assert (report.extents, report.total, report.fragments) == (4, 4, 12)
    assert (report.missing, report.bad, report.restored, report.unreachable, report.bytes) == (0, 0, 0, 0, 0)
    assert report.problems == []


def test_repair_waits_for_gateways_that_have_not_noticed_that_a_provider_is_back() -> None:
    """A success means that the next provider may be lost, whatever other gateways have yet to notice."""

    async def test(far: Far) -> None:
        other = await far.world.gateway()
        far.faults["p1"].shape = Shape.REFUSE
        await fill(far)
        await other.store.put("bucket", "before", content(300_000))
        assert not other.store.fleet["p1"].health.available
        far.faults["p1"].shape = None
        await far.store.fleet["p1"].examine()
        far.store.fleet["p1"].health.report_probe()

        async def write() -> None:
            await far.settle(2)
            other.store.fleet["p1"].health.report_examined(
                Unavailable("p1", "put", "not back", Cause.TIMEOUT)
            )
            await other.store.put("bucket", "late", content(300_000, 9))

        writing = asyncio.ensure_future(write())
        report = await repair(far.store)
        assert report.degraded == 0
        assert writing.done()
        await far.store.catalog.sync()
        assert far.store.catalog.state.counts().degraded == 0
        await writing
        await far.settle(10)
        await assert_any_one_may_go(far)

    in_far_store(test)


def slots(objects: Iterable[str]) -> set[str]:
    """The slots of which there is any state."""
    return {key.partition(".")[0] for key in objects if key.startswith("log/")}


@pytest.mark.parametrize("verify", [True, False])
def test_a_wiped_provider_gets_everything_back_and_votes_again(verify: bool) -> None:
    async def test(far: Far) -> None:
        await fill(far)
        before = dict(far.memories[1]._objects)
        far.memories[1].wipe()
        await far.settle(10)
        assert far.world.guards["p1"].health.state == "estranged"
        report = await repair(far.store, verify)
        assert report.reattached == ["p1"]
        assert (report.missing, report.restored, report.unreachable) == (4, 4, 0)
        assert report.slots > 0
        assert far.world.guards["p1"].health.state == "healthy"
        after = far.memories[1]._objects
        assert {key for key in before if key.startswith("x/")} <= set(after)
        assert all(after[key] == data for key, data in before.items() if key.startswith("x/"))
        assert far.store.catalog.state.counts().degraded == 0
        assert slots(far.memories[0]._objects) <= slots(after)
        await assert_any_one_may_go(far)
        again = await repair(far.store)
        assert (again.restored, again.slots, again.problems) == (0, 0, [])

    in_far_store(test)


def test_a_gateway_that_was_there_all_the_time_takes_the_provider_back_too() -> None:
    async def test(far: Far) -> None:
        await fill(far)
        other = await far.world.gateway()
        far.memories[1].wipe()
        await far.settle(10)
        assert other.guards["p1"].health.state == "estranged"
        await repair(far.store)
        await other.store.put("bucket", "new", content(MIB))
        await far.settle(10)
        assert other.guards["p1"].health.state == "healthy"

    in_far_store(test)


@pytest.mark.parametrize("earlier", [0, 40])
def test_a_new_gateway_can_start_when_two_were_taken_back_and_the_third_is_lost(earlier: int) -> None:
    async def test(far: Far) -> None:
        await fill(far)
        for n in range(earlier):
            await far.store.put("bucket", "again", content(10, n))
        for number in (1, 2):
            far.memories[number].wipe()
            await far.settle(10)
            assert (await repair(far.store)).reattached == [f"p{number}"]
        far.faults["p0"].shape = Shape.REFUSE
        fresh = await far.world.gateway()
        for seed, (name, size) in enumerate(SIZES.items()):
            assert await (await fresh.store.get("bucket", name)).read() == content(size, seed)

    in_far_store(test)


def test_decay_and_forgery_are_found_and_mended() -> None:
    async def test(far: Far) -> None:
        await fill(far)
        right = [dict(memory._objects) for memory in far.memories]
        for number in (0, 2):
            damage(far.memories[number], far.fragments(number)[number])
        far.memories[1]._objects[far.fragments(1)[1]] = b"short"
        report = await repair(far.store)
        assert (report.bad, report.restored, report.missing) == (3, 3, 0)
        for number, memory in enumerate(far.memories):
            assert all(memory._objects[key] == right[number][key] for key in far.fragments(number))

    in_far_store(test)


def test_quick_repair_finds_what_is_absent_or_short_and_takes_sizes_on_trust() -> None:
    async def test(far: Far) -> None:
        await fill(far)
        keys = far.fragments(0)
        await far.memories[0].delete(keys[0])
        far.memories[0]._objects[keys[1]] = b"short"
        damage(far.memories[0], keys[2])
        report = await repair(far.store, verify=False)
        assert (report.missing, report.bad, report.restored) == (1, 1, 2)
        assert (await repair(far.store)).bad == 1

    in_far_store(test)


def test_repair_reads_no_damaged_fragment_into_a_new_one() -> None:
    """One fragment is absent and another forged: of three, too few are right, and nothing is written."""

    async def test(far: Far) -> None:
        await far.store.put("bucket", "small", content(300_000))
        await far.memories[0].delete(far.fragments(0)[0])
        damage(far.memories[1], far.fragments(1)[0])
        report = await repair(far.store)
        assert (report.missing, report.bad, report.restored, report.unreadable) == (1, 1, 0, 1)
        assert far.fragments(0) == []
        with pytest.raises(StoreCorrupt):
            await far.store.get("bucket", "small")

    in_far_store(test)


def test_what_cannot_be_reached_is_counted_and_left_for_another_time() -> None:
    async def test(far: Far) -> None:
        await fill(far)
        await far.memories[0].delete(far.fragments(0)[0])
        far.faults["p0"].shape = Shape.REFUSE
        report = await repair(far.store)
        assert (report.unreachable, report.restored, report.unreadable) == (4, 0, 0)
        assert any("p0" in problem for problem in report.problems)
        far.faults["p0"].shape = None
        await far.settle(10)
        assert (await repair(far.store)).restored == 1

    in_far_store(test)


def test_fragments_that_stragglers_left_out_are_made_up_for() -> None:
    async def test(far: Far) -> None:
        far.faults["p2"].shape = Shape.HANG
        await fill(far)
        assert far.store.catalog.state.counts().degraded == 4
        far.faults["p2"].shape = None
        await far.settle(10)
        report = await repair(far.store, verify=False, only_degraded=True)
        assert (report.total, report.extents, report.restored) == (4, 4, 4)
        assert far.store.catalog.state.counts().degraded == 0
        await assert_any_one_may_go(far)

    in_far_store(test)


def test_progress_is_told_and_a_stopped_repair_can_be_repeated() -> None:
    async def test(far: Far) -> None:
        await fill(far)
        for number in range(12):
            await far.store.put("bucket", f"more-{number}", content(200_000, number))
        far.memories[1].wipe()
        await far.settle(10)
        steps: list[int] = []
        task = asyncio.ensure_future(repair(far.store, progress=lambda report: steps.append(report.restored)))
        while not any(steps):
            await far.settle(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        report = await repair(far.store)
        assert 0 < report.restored < 16
        await assert_any_one_may_go(far)

    in_far_store(test)


def test_a_provider_that_is_another_stores_is_not_taken() -> None:
    async def test(far: Far) -> None:
        await fill(far)
        far.memories[1].wipe()
        other = Marker(bytes(16), "p1", bytes(16)).encode()
        await far.memories[1].put(MARKER_KEY, other)
        await far.settle(10)
        report = await repair(far.store)
        assert report.reattached == []
        assert "belongs to store" in report.problems[0]
        assert dict(far.memories[1]._objects) == {MARKER_KEY: other}

    in_far_store(test)


def test_without_a_majority_repair_says_so() -> None:
    async def test(far: Far) -> None:
        await fill(far)
        far.faults["p0"].shape = far.faults["p1"].shape = Shape.REFUSE
        with pytest.raises(StoreUnavailable):
            await repair(far.store)

    in_far_store(test)


def test_an_extent_that_is_deleted_meanwhile_leaves_nothing_behind() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "small", content(300_000))
        extent = far.store.catalog.state.extents()[0]
        await far.memories[0].delete(fragment_key(extent.id, extent.places.index("p0")))
        await far.store.catalog.commit(FragmentsLost(extent.id, tuple(map(extent.fragment, range(3)))))
        extent = far.store.catalog.state.extents()[0]
        await far.store.delete("bucket", "small")
        await far.store.catalog.commit(ExtentsCollected((extent.id,)))
        finding = await far.store.restorer.restore(extent, thorough=True)
        assert finding.restored == {extent.places.index("p0")}
        assert far.fragments(0) == [], "what was rebuilt is taken back; the others are the collector's"

    in_far_store(test)


def test_the_report_is_plain_values() -> None:
    assert set(asdict(RepairReport())) >= {"extents", "missing", "bad", "restored", "unreachable", "bytes"}


@pytest.mark.parametrize("content", [b"", b"damaged"])
def test_a_damaged_marker_is_replaced_where_the_place_holds_what_is_ours(content: bytes) -> None:
    async def test(far: Far) -> None:
        await fill(far)
        await far.memories[1].put(MARKER_KEY, content)
        await far.settle(10)
        assert far.world.guards["p1"].health.state == "estranged"
        report = await repair(far.store)
        assert report.problems == []
        assert report.reattached == ["p1"]
        assert far.world.guards["p1"].health.state == "healthy"
        await assert_any_one_may_go(far)

    in_far_store(test)


def test_a_damaged_marker_is_replaced_in_an_empty_place() -> None:
    async def test(far: Far) -> None:
        await fill(far)
        far.memories[1].wipe()
        await far.memories[1].put(MARKER_KEY, b"damaged")
        await far.settle(10)
        assert (await repair(far.store)).reattached == ["p1"]
        await assert_any_one_may_go(far)

    in_far_store(test)


def test_a_damaged_marker_is_replaced_at_a_witness_by_its_log() -> None:
    async def test(far: Far) -> None:
        await fill(far)
        for key in far.fragments(1):
            await far.memories[1].delete(key)
        await far.memories[1].put(MARKER_KEY, b"damaged")
        await far.settle(10)
        assert (await repair(far.store)).reattached == ["p1"]

    in_far_store(test)


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("x/ab/ab112233445566778899aabbccddeeff.00", b"a fragment of nobody knows whom"),
        ("log/main/0000000000000000", b"a log of nobody knows whom"),
        ("holidays.jpg", b""),
    ],
)
def test_a_damaged_marker_is_left_alone_where_nothing_shows_that_the_place_is_ours(
    key: str, content: bytes
) -> None:
    async def test(far: Far) -> None:
        await fill(far)
        far.memories[1].wipe()
        await far.memories[1].put(MARKER_KEY, b"damaged")
        await far.memories[1].put(key, content)
        await far.settle(10)
        report = await repair(far.store)
        assert report.reattached == []
        assert "nothing there shows that it is ours" in report.problems[0]
        assert dict(far.memories[1]._objects) == {MARKER_KEY: b"damaged", key: content}

    in_far_store(test)


@pytest.mark.parametrize("stopped_at", ["incarnation decided", "log begun", "log refilled"])
def test_of_two_repairs_at_once_none_says_taken_back_of_what_is_not(stopped_at: str) -> None:
    """One is stopped in the middle, another takes the provider back, and the first goes on."""

    async def test(far: Far) -> None:
        other = await far.world.gateway()
        await far.store.put("bucket", "key", content(1000))
        far.memories[1].wipe()
        await far.settle(8)
        stopped, go_on = asyncio.Event(), asyncio.Event()

        async def visit(name: str) -> None:
            if name.startswith(f"reattach: {stopped_at}") and not stopped.is_set():
                stopped.set()
                await go_on.wait()

        with visiting(visit):
            first = asyncio.ensure_future(repair(far.store))
            async with asyncio.timeout(60):
                await stopped.wait()
            second = await repair(other.store)
            go_on.set()
            reports = [await first, second]
        await far.settle(12)
        assert far.store.fleet["p1"].health.state == "healthy"
        assert [report.reattached for report in reports] == [[], ["p1"]]
        assert "reattached by another process" in reports[0].problems[0]

    in_far_store(test)
