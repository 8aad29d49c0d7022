"""How fast a repair would be, measured."""

import pytest

from outlast.base.errors import StoreUnavailable
from outlast.outages.rate import measure_rate, sample_bytes
from outlast.providers.memory import MemoryProvider
from outlast.providers.wrap.fault import Shape
from outlast.testing.memory_store import World, memory_store
from outlast.testing.network import Link, Weather
from outlast.testing.simulation import Simulation, simulate


async def far_rate(sim: Simulation) -> float:
    """Measured over three providers, of which the farthest takes half a second each way."""
    away_s = {"p0": 0.1, "p1": 0.5, "p2": 0.2}
    links = [
        Link(MemoryProvider(name), sim.clock, sim.entropy, Weather((delay_s, delay_s)))
        for name, delay_s in away_s.items()
    ]
    async with memory_store(links, clock=sim.clock, entropy=sim.entropy) as world:
        return await measure_rate(world.store)


def test_the_slowest_provider_sets_the_rate() -> None:
    assert simulate(1, far_rate) == pytest.approx(sample_bytes)


def kept(world: World) -> list[str]:
    return [key for memory in world.memories.values() for key in memory._objects if key.startswith("probe/")]


async def test_nothing_is_left_behind_and_who_fails_is_left_out() -> None:
    async with memory_store() as world:
        world.faults["p1"].shape = Shape.REFUSE
        assert await measure_rate(world.store) > 0
        assert kept(world) == []


async def test_without_any_answer_there_is_no_rate() -> None:
    async with memory_store() as world:
        for fault in world.faults.values():
            fault.shape = Shape.REFUSE
        with pytest.raises(StoreUnavailable):
            await measure_rate(world.store)
