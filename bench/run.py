"""All measurements in order. Prints a table and writes `build/bench.json`."""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from bench import far_stage, hanging, large_objects, listing, small_objects, wide_area
from bench.measurement import Measurement, table
from bench.stage import Stage, set_up, without_a_provider

BUILD = Path("build")

Measure = Callable[[Stage], Awaitable[list[Measurement]]]
PARTS: dict[str, Measure] = {
    "large": large_objects.measure,
    "small": small_objects.measure,
    "list": listing.measure,
}
FAR = "wide-area"
HANGING = "hanging"
NAMES = [*PARTS, HANGING, FAR]


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--healthy", action="store_true", help="leave out the runs with a dead provider")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(NAMES):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    found = uvloop.run(run(arguments.parts or NAMES, arguments.healthy))
    print(table(found))
    BUILD.mkdir(exist_ok=True)
    written = BUILD / "bench.json"
    written.write_text(json.dumps([m.as_json() for m in found], indent=2) + "\n")
    print(f"\nratio: the share of the limit that is reached. Written to {written}")


async def run(parts: list[str], healthy: bool) -> list[Measurement]:
    """Measure the parts: near ones with all providers and with one dead, one that hangs, the wide area."""
    found = []
    if near := [part for part in parts if part in PARTS]:
        found += await measure_near(near, healthy)
    if HANGING in parts:
        async with set_up(BUILD / "bench-data") as stage:
            say("measuring: a provider that hangs")
            found += await hanging.measure(stage)
    if FAR in parts:
        async with far_stage.set_up(BUILD / "bench-data") as stage:
            say("measuring: wide area")
            found += await wide_area.measure(stage)
    return found


async def measure_near(parts: list[str], healthy: bool) -> list[Measurement]:
    async with set_up(BUILD / "bench-data") as stage:
        if "list" in parts:
            say("writing 100,000 keys")
            await listing.fill(stage)
        found = await measure(stage, parts)
        if not healthy:
            async with without_a_provider(stage) as dead:
                found += await measure(dead, parts)
        say(f"gateway: at most {stage.gateway.rss_bytes_max() >> 20} MiB of memory")
    return found


async def measure(stage: Stage, parts: list[str]) -> list[Measurement]:
    found = []
    for part in parts:
        say(f"measuring: {stage.named(part)}")
        found += await PARTS[part](stage)
    return found


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
