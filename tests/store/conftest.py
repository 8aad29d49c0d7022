"""Makes `store_worlds` importable for the tests beside it, and sizes small."""

import sys
from pathlib import Path

import pytest

from outlast.base import limits

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything 64 times smaller, so that many stripes and extents cost little. Nothing else changes."""
    for name in (
        "stripe_bytes",
        "extent_bytes_max",
        "inline_bytes_max",
        "write_buffer_bytes_max",
        "read_window_bytes",
        "read_ahead_bytes_max",
    ):
        monkeypatch.setattr(limits, name, getattr(limits, name) // 64)
