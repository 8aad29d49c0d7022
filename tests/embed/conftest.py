"""The embedded faces over a store in memory, opened by the door through which the real one comes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from outlast.embed import filesystem, sync
from outlast.embed.filesystem import OutlastFileSystem
from outlast.embed.sync import SyncStore, open_sync
from outlast.store import Store
from outlast.testing.memory_store import memory_store


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make both faces open stores in memory; what was opened and closed."""
    events: list[str] = []

    @asynccontextmanager
    async def open_in_memory(settings: Path, state_dir: Path | None) -> AsyncIterator[Store]:
        events.append(f"open {settings}")
        async with memory_store() as world:
            yield world.store
        events.append(f"close {settings}")

    for module in (filesystem, sync):
        monkeypatch.setattr(module, "open_store", open_in_memory)
        monkeypatch.setattr(module, "load_settings", lambda path: path)
    return events


@pytest.fixture
def store(opened: list[str]) -> Iterator[SyncStore]:
    with open_sync("outlast.toml") as store:
        store.create_bucket("bucket")
        yield store


@pytest.fixture
def fs(opened: list[str]) -> Iterator[OutlastFileSystem]:
    fs = OutlastFileSystem("outlast.toml", skip_instance_cache=True)
    fs.mkdir("bucket")
    yield fs
    fs.close()
