"""Providers at 20, 40 and 80 ms, and a voter ten times as far: what requests take, in virtual time.

Nothing but round trips takes time here, so they are exact: one to the second nearest voter for a small
object, and never one to the far provider; a large one waits for all of its fragments.
(`python -m bench wide-area` measures the same with real servers.)
"""

from collections.abc import Awaitable, Callable
from typing import Literal

import pytest
from store_worlds import Far, content, in_far_store

from outlast.placement.members import Policy
from outlast.testing.network import Weather

RTT_S = {"p0": 0.02, "p1": 0.04, "p2": 0.8, "p3": 0.08}
SECOND, THIRD, FARTHEST = 0.04, 0.08, 0.8
SMALL = 1000
LARGE = 200_000  # one extent of the small ones here
LARGER = 3 * (256 << 10)  # all the memory that writers have

pytestmark = pytest.mark.usefixtures("small_sizes")


def in_wide_area(test: Callable[[Far], Awaitable[None]], policy: Policy | None = None) -> None:
    async def main(far: Far) -> None:
        assert far.world.voters == ("p0", "p1", "p2")
        for link in far.links:
            link.weather = Weather(delay_s=(RTT_S[link.name] / 2, RTT_S[link.name] / 2))
        for number in range(10):
            await far.store.put("bucket", "small", content(SMALL))
            await far.store.put("bucket", f"large{number}", content(LARGE))
            await (await far.store.get("bucket", f"large{number}")).read()
        await far.store.put("bucket", "larger", content(LARGER))
        await far.settle(300)  # guards find out how far their providers are
        await test(far)

    in_far_store(main, providers=4, policy=policy)


async def timed(far: Far, work: Awaitable[object]) -> float:
    began = far.world.clock.monotonic()
    await work
    return far.world.clock.monotonic() - began


def test_a_small_write_is_one_round_trip_to_the_second_nearest() -> None:
    async def test(far: Far) -> None:
        took = [await timed(far, far.store.put("bucket", "small", content(SMALL))) for _ in range(200)]
        assert max(took) == pytest.approx(SECOND)

    in_wide_area(test)


def test_a_strong_read_is_one_round_trip_to_the_second_nearest() -> None:
    async def test(far: Far) -> None:
        took = [await timed(far, far.store.get("bucket", "small")) for _ in range(400)]
        assert sorted(took)[396] == pytest.approx(SECOND)
        assert max(took) <= 3 * SECOND + 1e-9, "once in a while the far one is tried"

    in_wide_area(test)


@pytest.mark.parametrize("size", [LARGE, LARGER], ids=["one extent", "several at once"])
@pytest.mark.parametrize(("acknowledge", "limit_s"), [("all", 2 * FARTHEST), ("early", 2 * THIRD)])
def test_a_large_write_is_two_round_trips_to_the_last_fragment_that_it_waits_for(
    acknowledge: Literal["all", "early"], limit_s: float, size: int
) -> None:
    """The fragment, and the look whose place it is; the commit is beside that one."""

    async def test(far: Far) -> None:
        for number in range(20):
            took = await timed(far, far.store.put("bucket", f"l{number}", content(size)))
            assert took <= limit_s + 1e-9
            await far.settle(2)
        assert far.world.guards["p2"].health.findings().opened == 0

    in_wide_area(test, Policy(1, acknowledge=acknowledge))


@pytest.mark.slow
def test_a_larger_read_takes_what_memory_allows_once_it_has_seen_how_far_it_is() -> None:
    async def test(far: Far) -> None:
        async def read() -> None:
            assert await (await far.store.get("bucket", "larger")).read() == content(LARGER)

        took = [await timed(far, read()) for _ in range(100)]
        assert sorted(took)[98] <= SECOND + 3 * THIRD + 1e-9, "two windows, half of the memory, the rest"

    in_wide_area(test)


@pytest.mark.slow
def test_a_large_read_is_a_question_and_one_round_trip_to_the_third_nearest() -> None:
    async def test(far: Far) -> None:
        async def read() -> None:
            assert await (await far.store.get("bucket", "large0")).read() == content(LARGE)

        took = [await timed(far, read()) for _ in range(100)]
        windows = -(-LARGE // (64 << 10))
        assert windows <= 4
        assert sorted(took)[98] <= SECOND + 2 * THIRD + 1e-9

    in_wide_area(test)
