"""`python -m outlast.testing.swarm`: fresh seeds for a while, or one seed again with its complete trace.

--minutes 10 --seed 7       the soak: all profiles in turn, from that seed on
--profile "log disks" --seed 7              that one, with its report if it fails
--profile "log disks" --seed 7 --shrink     the same with the smallest options that still fail
"""

import argparse
import json
import sys
from itertools import count

from outlast.base.clock import Clock, SystemClock
from outlast.testing.swarm.batch import SeedBatch, repeat_command
from outlast.testing.swarm.options import draw
from outlast.testing.swarm.profiles import PROFILES, SOAKED
from outlast.testing.swarm.run import RunOutcome, run
from outlast.testing.swarm.shrink import shrink

# How many different failures are shrunk and shown; a soak that finds more has found enough.
failures_max = 10


def main(clock: Clock, arguments: list[str] | None = None) -> int:
    """Return 0 if nothing was found."""
    parser = argparse.ArgumentParser(
        prog="python -m outlast.testing.swarm", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="duration (default: 10)")
    parser.add_argument("--seed", type=int, help="first seed (default: from the clock)")
    parser.add_argument("--profile", choices=sorted(PROFILES), help="run the one seed of this profile")
    parser.add_argument("--shrink", action="store_true", help="search for smaller options that fail")
    chosen = parser.parse_args(arguments)
    seed = int(clock.now()) if chosen.seed is None else chosen.seed
    if chosen.profile:
        return _repeat(chosen.profile, seed, chosen.shrink)
    return _soak(clock, 60 * chosen.minutes, seed)


def _repeat(profile: str, seed: int, smaller: bool) -> int:
    outcome = run(draw(seed, PROFILES[profile]))
    if not outcome.violation:
        _say(f"seed {seed} of {profile!r} is fine: {outcome.steps} callbacks, {outcome.virtual_s:.0f} s")
        return 0
    _say((shrink(outcome) if smaller else outcome).report())
    return 1


def _soak(clock: Clock, seconds: float, first: int) -> int:
    """Run all profiles in turn, each with the next seed, until the time is up."""
    began, batch = clock.monotonic(), SeedBatch()
    _say(f"soak from seed {first}, {seconds / 60:g} min: make soak MINUTES={seconds / 60:g} SEED={first}")
    for number in count():
        if clock.monotonic() - began > seconds or len(batch.failed) >= failures_max:
            break
        profile = SOAKED[number % len(SOAKED)]
        outcome = run(draw(first + number // len(SOAKED), PROFILES[profile]))
        known = {(one.options.profile, one.violation) for one in batch.failed}
        batch.add(outcome)
        if outcome.violation:
            _tell(outcome, shrunk=(profile, outcome.violation) in known)
    _say(json.dumps({"seeds": batch.count, "failed": len(batch.failed), "callbacks": batch.steps}))
    _say("marks, by the number of seeds that reached them:")
    for mark, seeds in sorted(batch.seeds.items()):
        _say(f"{seeds:8d}  {mark}")
    return 1 if batch.failed else 0


def _tell(outcome: RunOutcome, shrunk: bool) -> None:
    """Print one failure, and how to repeat it; the first of its kind with smaller options."""
    _say(f"FAILED {outcome.options.profile!r} seed {outcome.options.seed}: {outcome.detail}")
    _say(f"  repeat: {repeat_command(outcome)}")
    if not shrunk:
        small = shrink(outcome)
        _say(f"  smaller: {small.options!r}")
        _say("\n".join(f"    {line}" for line in small.trace[-40:]))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(SystemClock()))
