"""Two minutes of what `make siege` does for as long as one likes, and a canary that it must find."""

from pathlib import Path

import pytest
from scene import CLOCK

from outlast.testing.siege.evidence import summary
from outlast.testing.siege.options import NEMESES, SiegeOptions
from outlast.testing.siege.siege import besiege
from outlast.testing.siege.timeline import Timeline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("survival")]

KEPT = Path(__file__).parents[2] / "build" / "siege"
SEED, SECONDS = 1, 120.0


async def held(options: SiegeOptions, folder: Path) -> Timeline:
    timeline = await besiege(options, folder / f"seed-{options.seed}", CLOCK, print)
    print(summary(options, timeline))
    return timeline


async def test_two_minutes_of_siege_find_nothing() -> None:
    options = SiegeOptions.draw(SEED, SECONDS, nemeses=NEMESES, providers=3, tolerate=1, gateways=3)
    timeline = await held(options, KEPT)
    assert not timeline.found, f"kept in {KEPT}: {dict(timeline.found)}"
    assert timeline.counts["put done"] > SECONDS and timeline.counts["get done"] > SECONDS


async def test_a_client_that_lies_is_found_and_the_evidence_kept(tmp_path: Path) -> None:
    options = SiegeOptions.draw(
        SEED, 3.0, nemeses=(), providers=3, tolerate=1, gateways=2, contents="small", canary=True
    )
    timeline = await held(options, tmp_path)
    assert timeline.found == {"a key is not linearizable": 1}
    kept = tmp_path / f"seed-{SEED}"
    assert "never-written" in (kept / "history.jsonl").read_text()
    assert 'OPTIONS="' in (kept / "summary.txt").read_text()
    assert {"events.txt", "options.json", "g0.log", "g1.log"} <= {path.name for path in kept.iterdir()}
