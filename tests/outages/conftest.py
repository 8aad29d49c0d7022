"""Small sizes."""

import pytest

from outlast.base import limits


@pytest.fixture
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything 64 times smaller, so that objects of many extents cost little. Nothing else changes."""
    for name in (
        "stripe_bytes",
        "extent_bytes_max",
        "inline_bytes_max",
        "write_buffer_bytes_max",
        "read_window_bytes",
        "read_ahead_bytes_max",
    ):
        monkeypatch.setattr(limits, name, getattr(limits, name) // 64)
