"""One siege after the other, each with a new store and the next seed, until the time is up.

The exit status is 1 if anything was found.
"""

import argparse
import asyncio
import signal
import sys
from collections import Counter
from pathlib import Path

from outlast.base.clock import Clock, SystemClock
from outlast.base.entropy import Entropy, SystemEntropy
from outlast.testing.siege.evidence import summary
from outlast.testing.siege.options import CONTENTS, NEMESES, SiegeOptions
from outlast.testing.siege.siege import besiege

SIEGE_S_MAX = 240.0
"""A longer time is divided: a new store for each siege keeps logs, histories, and disks small."""

SIEGE_S_MIN = 30.0
"""No further siege begins with less time than this left."""

INSTEAD = ("nemeses", "providers", "tolerate", "gateways", "clients", "rest_s", "contents", "canary")
"""Options that override what the seed draws."""

MINUTES = 10.0
SEED_MAX = 1_000_000


def main(clock: Clock, entropy: Entropy) -> int:
    """Hold sieges as the command line says; return the exit status."""
    arguments = _parser().parse_args()
    # However it ends, except by SIGKILL, it ends the gateways that it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seed = int(entropy.uniform(1, SEED_MAX)) if arguments.seed is None else arguments.seed
    deadline = clock.monotonic() + 60 * arguments.minutes
    given = {name: getattr(arguments, name) for name in INSTEAD}
    instead = {
        name: tuple(value) if name == "nemeses" else value
        for name, value in given.items()
        if value is not None
    }
    found: Counter[str] = Counter()
    sieges = 0
    while not sieges or deadline - clock.monotonic() >= SIEGE_S_MIN:
        seconds = min(SIEGE_S_MAX, deadline - clock.monotonic())
        options = SiegeOptions.draw(seed + sieges, seconds, **instead)
        _say(f"siege {sieges + 1}: {options}")
        timeline = asyncio.run(besiege(options, arguments.folder / f"seed-{options.seed}", clock, _say))
        _say(summary(options, timeline))
        found += timeline.found
        sieges += 1
    _say(f"{sieges} sieges, seeds {seed} to {seed + sieges - 1}: {_summary(found)}")
    return 1 if found else 0


def _summary(found: Counter[str]) -> str:
    return "; ".join(f"{count} times: {kind}" for kind, count in found.most_common()) or "nothing was found"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m outlast.testing.siege", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="duration, excluding the sieges' ends")
    parser.add_argument("--seed", type=int, help="seed of the first siege (default: random)")
    parser.add_argument("--nemeses", nargs="*", choices=NEMESES, metavar="NEMESIS", help=", ".join(NEMESES))
    for name in ("providers", "tolerate", "gateways", "clients"):
        parser.add_argument(f"--{name}", type=int, help="override what the seed draws")
    parser.add_argument("--folder", type=Path, default=Path("build/siege"), help="folder for the evidence")
    parser.add_argument("--rest_s", type=float, help="override what the seed draws")
    parser.add_argument("--contents", choices=CONTENTS, help=", ".join(CONTENTS))
    parser.add_argument("--canary", action="store_true", help="make a client lie: a siege must find it")
    return parser


if __name__ == "__main__":
    sys.exit(main(SystemClock(), SystemEntropy()))
