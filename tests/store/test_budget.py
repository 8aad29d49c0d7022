"""The writers' memory budget: bounded, first come first served, and never stuck behind slow clients."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.base.entropy import SeededEntropy
from outlast.store.budget import Budget, BudgetShare


class Writer:
    """Ships what it holds when told to; what is shipped lands when the test says so."""

    def __init__(self, budget: Budget) -> None:
        self.share: BudgetShare = budget.open(self.ship)
        self.shipped: list[int] = []

    def ship(self) -> None:
        if self.share.held:
            self.shipped.append(self.share.held)
            self.share.shipped(self.share.held)

    def land(self) -> None:
        self.share.landed(self.shipped.pop(0))


async def test_what_fits_does_not_wait() -> None:
    budget = Budget(100)
    writer = Writer(budget)
    for _ in range(2):
        with pytest.raises(StopIteration):
            writer.share.take(50).send(None)  # ends without having waited once
    assert (budget.used, writer.share.held, writer.shipped) == (100, 100, [])


async def test_whoever_holds_most_ships_for_whoever_waits() -> None:
    budget = Budget(100)
    small, large = Writer(budget), Writer(budget)
    await small.share.take(20)
    await large.share.take(40)
    await large.share.take(40)
    waiting = asyncio.ensure_future(small.share.take(10))
    await asyncio.sleep(0)
    assert large.shipped == [80]
    assert small.shipped == []
    assert not waiting.done()
    large.land()
    await waiting
    assert (budget.used, small.share.held) == (30, 30)


async def test_while_half_is_under_way_nobody_is_pressed() -> None:
    budget = Budget(100)
    shipping, holding = Writer(budget), Writer(budget)
    await shipping.share.take(50)
    shipping.ship()
    await holding.share.take(50)
    waiting = asyncio.ensure_future(shipping.share.take(10))
    await asyncio.sleep(0)
    assert holding.shipped == []
    shipping.land()
    await waiting


async def test_the_waiting_are_served_in_order() -> None:
    budget = Budget(100)
    writers = [Writer(budget) for _ in range(4)]
    await writers[0].share.take(50)
    writers[0].ship()
    await writers[0].share.take(50)
    writers[0].ship()
    served: list[int] = []

    async def wait(number: int, count: int) -> None:
        await writers[number].share.take(count)
        served.append(number)

    tasks = [asyncio.ensure_future(wait(number, count)) for number, count in ((1, 50), (2, 10), (3, 10))]
    await asyncio.sleep(0)
    writers[0].land()
    await asyncio.sleep(0)
    assert served == [1], "the second fits too, but only after the first"
    writers[0].land()
    await asyncio.gather(*tasks)
    assert served == [1, 2, 3]


async def test_a_cancelled_wait_takes_nothing_and_lets_the_next_on() -> None:
    budget = Budget(100)
    first, second, third = (Writer(budget) for _ in range(3))
    await first.share.take(50)
    first.ship()
    await first.share.take(40)
    first.ship()
    large = asyncio.ensure_future(second.share.take(50))
    small = asyncio.ensure_future(third.share.take(10))
    await asyncio.sleep(0)
    large.cancel()
    await asyncio.wait((large,))
    await small
    assert (second.share.held, third.share.held, budget.used) == (0, 10, 100)


async def test_what_was_granted_to_a_cancelled_wait_comes_back_when_the_share_is_closed() -> None:
    budget = Budget(100)
    first, second = Writer(budget), Writer(budget)
    await first.share.take(50)
    await first.share.take(50)
    waiting = asyncio.ensure_future(second.share.take(50))
    await asyncio.sleep(0)
    first.land()
    waiting.cancel()
    await asyncio.wait((waiting,))
    second.share.close()
    first.share.close()
    assert budget.used == 0


class Prompt(Writer):
    """What it ships lands a little later by itself."""

    def ship(self) -> None:
        if self.share.held:
            super().ship()
            asyncio.get_running_loop().call_soon(self.land)


@settings(max_examples=60)
@given(st.integers(0, 1 << 32))
def test_any_number_of_writers_stays_within_the_budget_and_comes_to_an_end(seed: int) -> None:
    async def main() -> None:
        chance = SeededEntropy(seed)
        budget = Budget(100)

        async def write() -> None:
            writer = Prompt(budget)
            for _ in range(20):
                await writer.share.take(int(chance.uniform(1, 50)))
                assert budget.used <= budget.total
                if chance.uniform(0, 1) < 0.3:
                    writer.ship()
                if chance.uniform(0, 1) < 0.5:
                    await asyncio.sleep(0)
            writer.share.close()

        stalled = [Prompt(budget) for _ in range(3)]
        for writer in stalled:
            await writer.share.take(30)
        async with asyncio.timeout(5):
            await asyncio.gather(*(write() for _ in range(8)))
        for writer in stalled:
            writer.share.close()
        await asyncio.sleep(0)
        assert (budget.used, budget.shipped) == (0, 0)

    asyncio.run(main())


async def test_more_than_a_shipment_can_free_is_our_own_bug() -> None:
    with pytest.raises(AssertionError):
        await Writer(Budget(100)).share.take(51)
