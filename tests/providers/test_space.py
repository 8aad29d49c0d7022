"""How much room a provider has, when that is too little, and how it is found out that there is room again."""

from collections.abc import Awaitable, Callable

import pytest

from outlast.base.errors import Full
from outlast.base.limits import GIB, MIB
from outlast.providers.disk import DiskProvider
from outlast.providers.health import Health
from outlast.providers.marker import MARKER_KEY, Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Data, data_size
from outlast.providers.space import Space, SpaceWatch
from outlast.providers.trouble import of_space
from outlast.providers.wrap.guard import Guard, space_period_s
from outlast.testing.simulation import Simulation, simulate

MARKER = Marker(b"s" * 16, "p", b"i" * 16)


def kind_of(free: int, total: int, lost_in_hour: int = 0) -> str:
    found = of_space(Space(free, total), lost_in_hour)
    return "" if found is None else found.kind


@pytest.mark.parametrize(
    ("free", "total", "lost_in_hour", "kind"),
    [
        (6 * GIB, 100 * GIB, 0, ""),
        (4 * GIB, 100 * GIB, 0, "nearly-full"),
        (60 * GIB, 10_000 * GIB, 0, ""),
        (40 * GIB, 10_000 * GIB, 0, "nearly-full"),
        (60 * GIB, 100 * GIB, 61 * GIB, "nearly-full"),
        (60 * GIB, 100 * GIB, 59 * GIB, ""),
        (3 * MIB, 100 * GIB, 0, "full"),
        (0, 32 * MIB, 0, "full"),
        (10 * MIB, 100 * MIB, 0, "nearly-full"),
        (20 * MIB, 32 * MIB, 0, ""),
    ],
)
def test_too_little(free: int, total: int, lost_in_hour: int, kind: str) -> None:
    """5 %, of a large place 50 GiB; one extent; what the last hour took."""
    assert kind_of(free, total, lost_in_hour) == kind


def test_the_pace_is_named_if_it_is_what_is_wrong() -> None:
    found = of_space(Space(60 * GIB, 100 * GIB), 61 * GIB)
    assert found is not None and "61.0 GiB were taken within an hour" in found.what
    found = of_space(Space(4 * GIB, 100 * GIB), GIB)
    assert found is not None and "hour" not in found.what


def test_the_last_hours_loss_is_known_and_no_more() -> None:
    async def main(sim: Simulation) -> None:
        watch = SpaceWatch(sim.clock)
        assert (watch.space, watch.lost_in_hour) == (None, 0)
        for minute in range(121):
            watch.record(Space(1000 * GIB - minute * GIB, 1000 * GIB))
            assert watch.lost_in_hour == min(minute, 60) * GIB
            await sim.clock.sleep(60)
        watch.record(Space(2000 * GIB, 2000 * GIB))
        assert watch.lost_in_hour == 0

    simulate(1, main)


async def test_a_disk_says_what_its_file_system_says(tmp_path) -> None:  # type: ignore[no-untyped-def]
    disk = DiskProvider("disk", tmp_path)
    space = await disk.space()
    await disk.close()
    assert space is not None and 0 < space.free < space.total


# ---------------------------------------------------------------- a guard


class SmallProvider(MemoryProvider):
    """One that takes no object of more than `free` bytes, and says how much that is."""

    free = 10 * GIB

    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        if data_size(data) > self.free:
            raise Full(self.name, "put", key)
        await super().put(key, data, under)

    async def space(self) -> Space:
        return Space(self.free, 100 * GIB)


def play(main: Callable[[Simulation, SmallProvider, Guard], Awaitable[None]]) -> None:
    async def begin(sim: Simulation) -> None:
        memory = SmallProvider("p", sim.clock)
        await memory.put(MARKER_KEY, MARKER.encode())
        guard = Guard(memory, Health("p", sim.clock, sim.entropy), sim.clock, MARKER)
        sim.host("h").spawn(guard.watch())
        await sim.clock.sleep(0.1)
        await main(sim, memory, guard)

    simulate(1, begin)


def test_a_guard_tells_of_a_place_that_is_nearly_full_and_when_that_is_over() -> None:
    async def main(sim: Simulation, memory: SmallProvider, guard: Guard) -> None:
        assert guard.troubles() == ()
        memory.free = 4 * GIB
        await sim.clock.sleep(10)
        assert [one.kind for one in guard.troubles()] == ["nearly-full"]
        assert guard.health.takes_writes
        memory.free = 40 * GIB
        await sim.clock.sleep(10)
        assert guard.troubles() == ()

    play(main)


def test_a_guard_tries_again_with_what_did_not_fit() -> None:
    """Nobody else may write anything as large there for a long time."""

    async def main(sim: Simulation, memory: SmallProvider, guard: Guard) -> None:
        memory.free = 1000
        with pytest.raises(Full):
            await guard.put("a", bytes(5 * MIB))
        await guard.put("b", bytes(500))
        await sim.clock.sleep(5 * space_period_s)
        assert [one.kind for one in guard.troubles()] == ["full"]
        memory.free = 40 * GIB
        await sim.clock.sleep(space_period_s + 10)
        assert guard.troubles() == ()
        assert [entry.key async for entry in memory.list("probe/")] == []

    play(main)


def test_an_examination_writes_as_much_as_a_stripe() -> None:
    async def main(sim: Simulation, memory: SmallProvider, guard: Guard) -> None:
        memory.free = 1000
        assert await guard.examine() is None
        assert [one.kind for one in guard.troubles()] == ["full"]

    play(main)
