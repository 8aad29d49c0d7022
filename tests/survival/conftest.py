"""Stores over directories with gateways as processes; each test has its own, because it harms it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # makes `live` importable for the tests beside it

from live import BUCKET, Live

from outlast.testing.installation import Installation


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    """A store over three directories, tolerance 1, with an access key and a bucket, and no gateway yet."""
    installation = await asyncio.to_thread(Installation.create, tmp_path / "outlast")
    key = await asyncio.to_thread(installation.run, "key", "create", "test")
    await asyncio.to_thread(installation.run, "bucket", "create", BUCKET)
    async with AsyncExitStack() as stack:
        yield Live(installation, key["access_key_id"], key["secret_access_key"], stack)
