"""A store of its own for each test, because each harms it: directories, commands, gateways as processes."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # makes the modules beside the tests importable

from scene import Scene
from small_disks import SmallDisks, why_no_mounts

from outlast.testing.installation import Installation


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A store over three directories, tolerance 1, with an access key and a bucket, and no gateway yet."""
    installation = await asyncio.to_thread(Installation.create, tmp_path / "home")
    async with AsyncExitStack() as stack:
        yield await Scene.create(installation, stack)


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[SmallDisks]:
    """Three small file systems in memory. Where they cannot be mounted, the test says that it is skipped."""
    if why_not := why_no_mounts():
        pytest.skip(f"needs the right to mount a tmpfs: {why_not}")
    with SmallDisks(tmp_path / "home", ("a", "b", "c")) as disks:
        yield disks


@pytest.fixture
async def small(disks: SmallDisks) -> AsyncIterator[Scene]:
    """As `scene`, with each provider on a small disk of its own."""
    installation = await asyncio.to_thread(Installation.create, disks.folder)
    async with AsyncExitStack() as stack:
        yield await Scene.create(installation, stack)
