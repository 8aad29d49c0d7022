"""Times as people and scripts read them."""

from datetime import UTC, datetime


def iso_time(milliseconds: int) -> str:
    """Milliseconds since the Unix epoch as `2026-11-24T08:30:00Z`."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
