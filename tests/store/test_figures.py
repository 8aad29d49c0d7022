"""What the store says of itself for metrics."""

import asyncio

import pytest
from store_worlds import Far, chunks, content, in_far_store

from outlast.providers.wrap.fault import Shape
from outlast.testing.network import Weather

SIZE = 20_000

pytestmark = pytest.mark.usefixtures("small_sizes")


async def read(far: Far) -> None:
    assert await (await far.store.get("bucket", "k")).read() == content(SIZE)


def test_a_hedge_that_answers_first_has_won() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        for _ in range(20):
            await read(far)
        hedges = far.store.figures().hedges
        fired, won = hedges.fired, hedges.won
        for link in far.links:
            link.weather = Weather(delay_s=(0.001, 0.001))
        for name in ("p0", "p1"):
            far.faults[name].shape = Shape.HANG
            await read(far)
            far.faults[name].shape = None
            await far.settle()
        assert hedges.fired > fired
        assert hedges.won - won == hedges.fired - fired
        assert hedges.fired == hedges.won + hedges.lost

    in_far_store(test)


def test_a_hedge_that_answers_last_has_lost() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        for _ in range(20):
            await read(far)
        hedges = far.store.figures().hedges
        won, lost = hedges.won, hedges.lost
        for link in far.links:
            link.weather = Weather(delay_s=(0.3, 0.3))
        await read(far)
        assert (hedges.won, hedges.lost) == (won, lost + 1)
        assert hedges.fired == hedges.won + hedges.lost

    in_far_store(test)


def test_each_provider_tells_what_it_was_asked_and_how_it_is() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        far.faults["p1"].shape = Shape.REFUSE
        for number in range(5):
            await far.store.put("bucket", f"k{number}", content(SIZE, number))
        found = {provider.findings.name: provider for provider in far.store.figures().providers}
        assert list(found) == ["p0", "p1", "p2"]
        assert found["p0"].usage["put"].requests >= 6
        assert found["p0"].usage["put"].sent_bytes > 6 * SIZE / 2
        assert found["p1"].findings.state == "down" and found["p1"].findings.failures["refused"] >= 1
        assert found["p0"].findings.failures == {}
        assert found["p1"].behind > 0 and found["p0"].behind == 0

    in_far_store(test)


def test_a_fragment_is_noted_once_however_often_it_is_met() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "k", content(SIZE))
        far.links[2].weather = Weather(delay_s=(0.05, 0.06))
        for _ in range(20):
            await read(far)  # by now p0 is asked before p2 is
        far.memories[0]._objects.pop(far.fragments(0)[0])
        await asyncio.gather(*(read(far) for _ in range(5)))
        figures = far.store.figures()
        assert (figures.noted_lost, figures.noted_restored) == (1, 0)

    in_far_store(test)


def test_memory_is_taken_while_writing_and_given_back() -> None:
    async def test(far: Far) -> None:
        seen = []

        async def source():
            async for chunk in chunks(content(SIZE * 20), 10_000):
                seen.append({memory.purpose: memory.used for memory in far.store.figures().memory})
                yield chunk

        await far.store.put("bucket", "k", source())
        await far.settle()
        assert max(used["write"] for used in seen) > 0
        figures = far.store.figures()
        assert [(memory.purpose, memory.used) for memory in figures.memory] == [("write", 0), ("read", 0)]
        assert all(memory.limit > 0 for memory in figures.memory)
        assert figures.waiting_writers == 0
        assert figures.slot == far.world.gateways[0].log.slot

    in_far_store(test)
