"""The flight recorder: the story of a write in events, and a dump that shows what every task waits for."""

import asyncio
import io

from outlast.assembly.flight_recorder import EVENTS_MAX, FlightRecorder
from outlast.base import limits, trace
from outlast.base.clock import SystemClock
from outlast.testing.memory_store import memory_store


async def test_a_large_write_leaves_its_story() -> None:
    heard: list[str] = []
    async with memory_store() as world:
        store = world.gateways[0].store
        await store.create_bucket("bucket")
        with trace.listening(lambda name, fields: heard.append(name)):
            await store.put("bucket", "key", bytes(2 * limits.inline_bytes_max))
    story = [name for at, name in enumerate(heard) if name not in heard[:at]]
    assert story.index("store: an extent is sent") < story.index("store: a fragment is durable")
    assert story.index("store: a fragment is durable") < story.index("catalog: a record waits")
    assert story.index("catalog: a record waits") < story.index("quorum: a voter voted")
    assert story.index("quorum: a voter voted") < story.index("quorum: a slot was applied")
    assert story[-1] == "catalog: a record was applied"


async def test_the_dump_has_events_and_where_each_task_waits() -> None:
    recorder = FlightRecorder(SystemClock())
    recorder.record("part: something happened", {"extent": b"\x01\x02", "slot": 7})

    async def inner() -> None:
        await asyncio.Event().wait()

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer(), name="the stuck one")
    await asyncio.sleep(0)
    text = io.StringIO()
    recorder.dump(text)
    task.cancel()
    assert "part: something happened extent=0102 slot=7" in text.getvalue()
    stuck = text.getvalue().split("the stuck one:")[1].splitlines()[:4]
    assert stuck[1].endswith(" outer")
    assert stuck[2].endswith(" inner")


async def test_only_the_last_events_are_kept() -> None:
    recorder = FlightRecorder(SystemClock())
    for number in range(EVENTS_MAX + 5):
        recorder.record("part: event", {"number": number})
    lines = [line for line in recorder.lines() if "part: event" in line]
    assert len(lines) == EVENTS_MAX
    assert lines[0].endswith("number=5")
