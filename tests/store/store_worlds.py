"""Worlds for the store's tests: memory providers some milliseconds away, under virtual time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TypeVar

from outlast.catalog.records import Body
from outlast.placement.members import Policy
from outlast.providers.memory import MemoryProvider
from outlast.store.budget import Budget
from outlast.store.digests import Digest
from outlast.store.write import Source
from outlast.testing.memory_store import World, memory_store
from outlast.testing.network import Link, Weather
from outlast.testing.simulation import Simulation, simulate

T = TypeVar("T")

NEAR = Weather(delay_s=(0.001, 0.003))


class Far:
    """A world whose providers `memories` are reached over `links`."""

    def __init__(self, world: World, memories: list[MemoryProvider], links: list[Link]) -> None:
        self.world = world
        self.store = world.store
        self.faults = world.faults
        self.memories = memories
        self.links = links

    def fragments(self, number: int) -> list[str]:
        """The names of the fragments that provider `number` holds."""
        return sorted(key for key in self.memories[number]._objects if key.startswith("x/"))

    @property
    def budget(self) -> Budget:
        return self.store.context.budget

    async def write(self, source: Source, digests: Sequence[Digest] = ()) -> Body:
        """Make the source durable and leave it at that."""
        return (await self.store.writer.write(source, digests)).body

    async def settle(self, seconds: float = 30.0) -> None:
        """Let what runs in the background come to its end."""
        await self.world.clock.sleep(seconds)


@asynccontextmanager
async def far_store(
    sim: Simulation, providers: int = 3, tolerate: int = 1, policy: Policy | None = None
) -> AsyncIterator[Far]:
    """A store with one bucket, `bucket`."""
    memories = [MemoryProvider(f"p{number}", sim.clock) for number in range(providers)]
    links = [Link(memory, sim.clock, sim.entropy_of(memory.name), NEAR) for memory in memories]
    async with memory_store(links, tolerate, sim.clock, sim.entropy_of("store"), policy=policy) as world:
        await world.store.create_bucket("bucket")
        yield Far(world, memories, links)


def in_far_store(
    test: Callable[[Far], Awaitable[T]],
    providers: int = 3,
    tolerate: int = 1,
    seed: int = 1,
    policy: Policy | None = None,
) -> T:
    """Run the test in a simulated world."""

    async def main(sim: Simulation) -> T:
        async with far_store(sim, providers, tolerate, policy) as far:
            return await test(far)

    return simulate(seed, main)


@lru_cache(maxsize=16)
def content(size: int, seed: int = 0) -> bytes:
    """Bytes that are not like any others."""
    import random

    return random.Random(size << 8 | seed).randbytes(size)


async def chunks(data: bytes, size: int = 200_000) -> AsyncIterator[bytes]:
    """The data as a client sends it."""
    for start in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[start : start + size]
