"""Long readings are said to the log, in time, as long as they last; short ones are not."""

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import StoreUnavailable
from outlast.catalog.records import ReadingHeld
from outlast.store.holds import Holds, held_s_max, hold_after_s, look_s
from outlast.testing.simulation import Simulation, simulate


class Log:
    """A catalog that notes what is committed, and when."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.state = SimpleNamespace(position=SimpleNamespace(slot=7))
        self.away = False
        self.held: list[tuple[float, int]] = []
        self.holders: set[bytes] = set()

    async def commit(self, record: ReadingHeld) -> None:
        if self.away:
            raise StoreUnavailable("away")
        self.held.append((self.sim.clock.monotonic(), record.slot))
        self.holders.add(record.gateway)


def with_holds(test: Any, limit_s: float = 7 * 86_400) -> None:
    async def main(sim: Simulation) -> None:
        log = Log(sim)
        holds = Holds(log, sim.clock, sim.entropy)  # type: ignore[arg-type]
        watching = asyncio.ensure_future(holds.watch())
        await test(sim, log, holds)
        await cancel_and_wait([watching])

    simulate(1, main, limit_s=limit_s)


def test_a_long_reading_is_held_until_it_is_over() -> None:
    async def test(sim: Simulation, log: Log, holds: Holds) -> None:
        number = holds.begin()
        log.state.position.slot = 9
        later = holds.begin()
        await sim.clock.sleep(10_000)
        assert {slot for _, slot in log.held} == {7}
        times = [0.0, *(at for at, _ in log.held)]
        assert len(times) > 5
        steps = [after - before for before, after in pairwise(times)]
        assert max(steps) <= hold_after_s + look_s
        assert len(log.holders) == 1
        holds.end(number)
        await sim.clock.sleep(hold_after_s + look_s)
        assert log.held[-1][1] == 9
        holds.end(later)
        count = len(log.held)
        await sim.clock.sleep(10_000)
        assert len(log.held) == count
        holds.begin()
        await sim.clock.sleep(hold_after_s + look_s)
        assert len(log.held) == count + 1

    with_holds(test)


def test_short_readings_write_nothing_into_the_log() -> None:
    async def test(sim: Simulation, log: Log, holds: Holds) -> None:
        for _ in range(30):
            number = holds.begin()
            await sim.clock.sleep(hold_after_s - 1)
            holds.begin()
            holds.end(number)
            holds.end(number + 1)
        assert not log.held

    with_holds(test)


def test_a_hold_is_tried_again_while_the_log_is_away() -> None:
    async def test(sim: Simulation, log: Log, holds: Holds) -> None:
        holds.begin()
        log.away = True
        await sim.clock.sleep(2000)
        log.away = False
        await sim.clock.sleep(look_s)
        assert log.held

    with_holds(test)


def test_a_reading_that_nobody_goes_on_with_is_held_for_a_week_and_no_longer() -> None:
    async def test(sim: Simulation, log: Log, holds: Holds) -> None:
        holds.begin()
        await sim.clock.sleep(held_s_max + 86_400)
        assert held_s_max - hold_after_s - look_s < log.held[-1][0] < held_s_max

    with_holds(test, held_s_max + 2 * 86_400)
