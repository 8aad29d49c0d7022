"""A few stores of `make truth`, and that it finds what is said wrongly."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.outages import present
from outlast.outages.holdings import Holdings
from outlast.testing.truth.__main__ import try_stores
from outlast.testing.truth.trial import StoreTold

SEEDS = range(300, 306)
# A store with a log that is large beside the rest, and one whose quotas are used up.
LIED_ABOUT = (304, 311)


def tried(seeds: Sequence[int], folder: Path) -> list[StoreTold]:
    return asyncio.run(try_stores(seeds, folder, SystemClock(), SystemEntropy()))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_said_about_random_stores_is_what_happens(tmp_path: Path) -> None:
    found = tried(SEEDS, tmp_path / "stores")
    assert [finding for told in found for finding in told.wrong] == []
    assert sum(told.days for told in found) >= 2 * len(SEEDS)
    assert list(tmp_path.glob("stores/*")) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_lies_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said knows nothing of quotas, of the log, and of what awaits collection."""
    real = present.holdings

    def lie(*arguments: Any) -> Holdings:
        return replace(real(*arguments), full=frozenset(), dead={}, log_bytes=0)

    monkeypatch.setattr(present, "holdings", lie)
    found = "; ".join(finding for told in tried(LIED_ABOUT, tmp_path) for finding in told.wrong)
    for finding in ("the report has", "bytes to restore were predicted", "a large one failed"):
        assert finding in found
