"""Writes wait for a slow provider, for none that is down, and what is missing is known."""

import pytest
from store_worlds import Far, content, in_far_store

from outlast.base.errors import Cause, Unavailable
from outlast.placement.members import Policy
from outlast.providers.protocol import Data
from outlast.providers.wrap.fault import Shape
from outlast.testing.network import Weather

SIZE = 100_000

pytestmark = pytest.mark.usefixtures("small_sizes")


def bit_of(far: Far, name: str, place: str) -> int:
    """Whether the catalog says that the object's fragment at `place` is missing."""
    found = far.store.catalog.state.find("bucket", name)
    assert found is not None
    extent = found.content[0].extent
    return extent.missing >> extent.places.index(place) & 1


EARLY = Policy(1, acknowledge="early")


@pytest.mark.parametrize("delay_s", [0.2, 3.4])
def test_a_slow_provider_is_waited_for(delay_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small uplink, say. Nothing is missing when the client is answered."""

    async def test(far: Far) -> None:
        inner = far.world.guards["p1"].inner
        put = inner.put

        async def put_slowly(key: str, data: Data, under: object = None) -> None:
            if key.startswith("x/"):
                await far.world.clock.sleep(delay_s)
            await put(key, data, under=under)

        monkeypatch.setattr(inner, "put", put_slowly)
        for n in range(4):
            await far.store.put("bucket", f"k{n}", content(SIZE, n))
            assert bit_of(far, f"k{n}", "p1") == 0
            assert len(far.fragments(1)) == n + 1

    in_far_store(test)


def test_an_early_acknowledgement_waits_for_no_straggler_and_notes_when_it_arrives() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "warm", content(SIZE))
        far.links[1].weather = Weather(delay_s=(0.2, 0.2))
        began = far.world.clock.monotonic()
        await far.store.put("bucket", "k", content(SIZE, 1))
        assert far.world.clock.monotonic() - began < 0.2
        assert bit_of(far, "k", "p1") == 1
        assert far.budget.shipped > 0, "its bytes are still in memory"
        await far.settle(5)
        assert bit_of(far, "k", "p1") == 0
        assert len(far.fragments(1)) == 2
        assert (far.budget.used, far.budget.shipped) == (0, 0)

    in_far_store(test, policy=EARLY)


def test_what_an_early_acknowledgement_left_missing_is_known_and_takes_no_memory() -> None:
    async def test(far: Far) -> None:
        await far.store.put("bucket", "warm", content(SIZE))
        far.faults["p1"].shape = Shape.HANG
        await far.store.put("bucket", "k", content(SIZE, 1))
        await far.settle(5)
        assert bit_of(far, "k", "p1") == 1
        assert (far.budget.used, far.budget.shipped) == (0, 0)

    in_far_store(test, policy=EARLY)


def test_a_provider_known_to_be_slow_gets_nothing_while_a_spare_is_quick() -> None:
    """Six providers, tolerance 1: 4 + 1, and one spare."""

    async def test(far: Far) -> None:
        far.links[2].weather = Weather(delay_s=(0.5, 0.5))
        for n in range(8):
            await far.write(content(SIZE, n))
        for n in range(8):
            began = far.world.clock.monotonic()
            body = await far.write(content(SIZE, n))
            assert far.world.clock.monotonic() - began < 0.5
            assert body.extents[0].missing == 0
            assert "p2" not in body.extents[0].places

    in_far_store(test, providers=6)


def test_a_provider_that_is_down_is_skipped_at_once() -> None:
    async def test(far: Far) -> None:
        far.faults["p1"].shape = Shape.HANG
        for n in range(4):
            await far.store.put("bucket", f"k{n}", content(SIZE))
            await far.settle(0.5)
        await far.settle(5)
        assert not far.store.fleet.available("p1")
        calls = far.world.guards["p1"].health.findings().calls
        began = far.world.clock.monotonic()
        body = await far.write(content(SIZE))
        assert far.world.clock.monotonic() - began < 0.01
        assert far.world.guards["p1"].health.findings().calls == calls
        assert body.extents[0].missing == 1 << body.extents[0].places.index("p1")

    in_far_store(test)


def test_a_spare_takes_the_share_of_a_provider_that_is_down() -> None:
    """Six providers, tolerance 1: 4 + 1, and one spare."""

    async def test(far: Far) -> None:
        far.faults["p2"].shape = Shape.REFUSE
        for n in range(8):
            await far.write(content(SIZE, n))
        assert not far.store.fleet.available("p2")
        for n in range(8):
            body = await far.write(content(SIZE, n))
            assert body.extents[0].missing == 0
            assert "p2" not in body.extents[0].places

    in_far_store(test, providers=6)


@pytest.mark.parametrize("broken", ["p0", "p1", "p2"])
def test_an_error_that_is_no_providers_is_not_taken_for_one(broken: str) -> None:
    async def test(far: Far) -> None:
        async def put(key: str, data: object, under: object = None) -> None:
            raise ZeroDivisionError

        far.faults[broken].put = put
        with pytest.raises(ZeroDivisionError):
            for n in range(3):
                await far.write(content(SIZE, n))
        await far.settle()
        assert (far.budget.used, far.budget.shipped) == (0, 0)

    in_far_store(test)


def test_a_passing_refusal_is_tried_again_and_leaves_nothing_missing() -> None:
    async def test(far: Far) -> None:
        put = far.memories[1].put
        refused: list[str] = []

        async def flaky(key: str, data: object, under: object = None) -> None:
            if key.startswith("x/") and key not in refused:
                refused.append(key)
                raise Unavailable("p1", "put", "slow down", Cause.THROTTLED)
            await put(key, data, under=under)

        far.memories[1].put = flaky
        for n in range(3):
            await far.store.put("bucket", f"k{n}", content(SIZE, n))
        await far.settle(5)
        assert len(refused) == 3
        assert [bit_of(far, f"k{n}", "p1") for n in range(3)] == [0, 0, 0]

    in_far_store(test)
