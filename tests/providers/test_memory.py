"""What the memory provider does beyond the protocol."""

import asyncio

import pytest

from outlast.base.errors import NotFound, Unsupported
from outlast.providers.memory import MemoryProvider
from outlast.testing.simulation import Simulation, simulate


async def test_wipe_forgets_everything() -> None:
    provider = MemoryProvider("p")
    await provider.put("a/b", b"x")
    provider.wipe()
    with pytest.raises(NotFound):
        await provider.get("a/b")
    assert [entry async for entry in provider.list("")] == []
    await provider.put("a", b"x")


async def test_a_name_cannot_be_an_object_and_a_folder_as_on_a_disk() -> None:
    provider = MemoryProvider("p")
    await provider.put("a/b", b"x")
    await provider.put("a/b-", b"x")
    for key in ("a", "a/b/c", "a/b/c/d"):
        for write in (provider.put(key, b""), provider.create(key, b"")):
            with pytest.raises(Unsupported):
                await write
    await provider.delete("a/b")
    await provider.put("a/b/c", b"x")


async def test_what_is_written_is_not_what_the_writer_changes_later() -> None:
    provider = MemoryProvider("p")
    buffer = bytearray(b"as it was")
    await provider.put("a", [buffer])
    buffer[:] = b"different"
    assert await provider.get("a") == b"as it was"


async def test_without_a_clock_no_call_gives_others_a_turn() -> None:
    provider = MemoryProvider("p")
    turns = []
    task = asyncio.ensure_future(_note(turns))
    await provider.put("a", b"x")
    await provider.get("a")
    assert turns == []
    await task


def test_with_a_clock_others_get_in_between_calls() -> None:
    async def main(sim: Simulation) -> None:
        provider = MemoryProvider("p", sim.clock)
        turns: list[int] = []
        task = asyncio.ensure_future(_note(turns))
        await provider.put("a", b"x")
        assert turns == [1]
        await task

    simulate(1, main)


async def _note(turns: list[int]) -> None:
    turns.append(1)
