"""Many stores, several at a time, each of the next seed. The exit status is 1 if anything said is wrong."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from outlast.base.clock import Clock, SystemClock
from outlast.base.entropy import Entropy, SystemEntropy
from outlast.testing.truth.trial import StoreTold, try_store

STORES = 50
SEED_MAX = 1_000_000
# Stores mostly wait for what is away, so several share a processor.
AT_ONCE = 12


async def try_stores(
    seeds: Sequence[int], folder: Path, clock: Clock, entropy: Entropy, at_once: int = AT_ONCE
) -> list[StoreTold]:
    """Try the stores of these seeds, `at_once` at a time; a result for each."""
    slots = asyncio.Semaphore(at_once)

    async def one(seed: int) -> StoreTold:
        async with slots:
            told = await try_store(seed, folder / f"seed-{seed}", clock, entropy)
        for finding in told.wrong:
            _say(f"seed {seed}: {finding}")
        return told

    return list(await asyncio.gather(*(one(seed) for seed in seeds)))


def main(clock: Clock, entropy: Entropy) -> int:
    """Try as many stores as the command line says; the exit status."""
    arguments = _parser().parse_args()
    seed = int(entropy.uniform(1, SEED_MAX)) if arguments.seed is None else arguments.seed
    seeds = range(seed, seed + arguments.stores)
    found = asyncio.run(try_stores(seeds, arguments.folder, clock, entropy))
    summaries = Counter(summary for told in found for summary in told.summaries)
    days, wrong = sum(told.days for told in found), sum(len(told.wrong) for told in found)
    _say(f"{len(found)} stores (SEED={seed}), {days} bad days, verdicts {dict(summaries)}: {wrong} wrong")
    return 1 if wrong else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m outlast.testing.truth", description=__doc__)
    parser.add_argument("--stores", type=int, default=STORES, help="how many")
    parser.add_argument("--seed", type=int, help="of the first; any if not given")
    parser.add_argument("--folder", type=Path, default=Path("build/truth"), help="where they lie")
    return parser


if __name__ == "__main__":
    sys.exit(main(SystemClock(), SystemEntropy()))
