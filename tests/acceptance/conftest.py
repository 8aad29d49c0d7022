"""A store of its own for each test, because each harms it: directories, commands, gateways as processes."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # makes the modules beside the tests importable

from scene import Made, Scene, copied, make
from small_disks import SmallDisks, why_no_mounts


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A new store over three directories, tolerance 1, with an access key and a bucket; to be copied."""
    return make(tmp_path_factory.mktemp("made") / "home")


@pytest.fixture
async def scene(made: Made, tmp_path: Path) -> AsyncIterator[Scene]:
    """A copy of it, and no gateway yet."""
    async with AsyncExitStack() as stack:
        yield Scene(copied(made, tmp_path / "home"), made.access_key_id, made.secret, stack)


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[SmallDisks]:
    """Three small file systems in memory. Where none can be mounted the test is skipped; in CI it fails."""
    if why_not := why_no_mounts():
        told = f"needs the right to mount a tmpfs: {why_not}"
        assert os.environ.get("CI") != "true", told
        # A directory cannot be filled or frozen alone, and only root may mount a disk of its own for it.
        pytest.skip(told)
    with SmallDisks(tmp_path / "home", ("a", "b", "c")) as disks:
        yield disks


@pytest.fixture
async def small(made: Made, disks: SmallDisks) -> AsyncIterator[Scene]:
    """As `scene`, with each provider on a small disk of its own."""
    async with AsyncExitStack() as stack:
        yield Scene(copied(made, disks.folder), made.access_key_id, made.secret, stack)
