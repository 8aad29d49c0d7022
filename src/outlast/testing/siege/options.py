"""What one siege consists of: the store, its load, and which nemeses strike. All of it follows from the seed.

Each seed leaves some nemeses out ("swarm testing", Groce et al., 2012): a fault that only shows when
something else is rare is not found by a siege in which everything happens all the time.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from outlast.testing.siege.dice import Dice

DRILLS = ("slow", "hang", "stale", "err")
"""Shapes of `outlast drill`: every gateway treats the provider as failing in this way."""

PROVIDER_NEMESES = ("erase", "forget-log", "away", "unmount", *DRILLS)
"""`erase`: its directory is emptied, in some order of its files. `forget-log`: only its log is removed, and
the marker stays. `away`: its directory is renamed and renamed back. `unmount`: the same, with an empty
directory in its place meanwhile."""

GATEWAY_NEMESES = ("kill", "kill-forget", "kill-all", "pause", "clock")
"""`kill` is SIGKILL, and a start with the local state; `kill-forget` without. `pause`: SIGSTOP for 1 to 20 s.
`clock`: a start with a clock that is an hour off."""

UPKEEP_NEMESES = ("collect", "kill-repair")
"""`collect`: `outlast collect` runs now and then. `kill-repair`: a repair is killed, and then run again."""

NEMESES = (*PROVIDER_NEMESES, *GATEWAY_NEMESES, *UPKEEP_NEMESES)

STORES = ((3, 1), (3, 1), (3, 1), (3, 1), (4, 1), (5, 2))
"""(providers, tolerance), from which a seed picks one."""

CONTENTS = ("all", "quick", "small")
"""`quick`: none that is uploaded slowly. `small`: all travel in the log, so that there are no fragments."""

RESTS_S = (0.03, 0.1, 0.2, 0.3)
"""Gateways that contend all the time, and some that are idle now and then."""

CLIENTS = 12
NEMESIS_SHARE = 0.6
ALONE_SHARE = 0.15
CLOCK_OFFSET_S = 3600.0


@dataclass(frozen=True, slots=True)
class SiegeOptions:
    """One siege.

    `rest_s`: how long a client of hot keys pauses between requests, on average.
    `contents`: one of `CONTENTS`.
    `canary`: a client falsifies the history, which the verdict must notice.
    """

    seed: int
    seconds: float
    providers: int = 3
    tolerate: int = 1
    gateways: int = 3
    clients: int = CLIENTS
    rest_s: float = 0.2
    nemeses: tuple[str, ...] = NEMESES
    contents: str = "all"
    canary: bool = False

    @classmethod
    def draw(cls, seed: int, seconds: float, **instead: Any) -> Self:
        """Draw the options of a seed, except for the fields in `instead`."""
        dice = Dice(seed, "options")
        providers, tolerate = dice.pick(STORES)
        gateways, rest_s = dice.integer(2, 4), dice.pick(RESTS_S)
        drawn = cls(seed, seconds, providers, tolerate, gateways, CLIENTS, rest_s, _picked(dice))
        return replace(drawn, **instead)

    @property
    def clock_offsets_s(self) -> tuple[float, ...]:
        """How wrong clocks may be. A drill ends by the gateways' clocks, so with drills none is slow."""
        drilled = any(nemesis in DRILLS for nemesis in self.nemeses)
        return (CLOCK_OFFSET_S,) if drilled else (-CLOCK_OFFSET_S, CLOCK_OFFSET_S)

    def without(self, *nemeses: str) -> Self:
        """Return the options without these nemeses."""
        return replace(self, nemeses=tuple(one for one in self.nemeses if one not in nemeses))

    def chosen(self, among: Sequence[str]) -> tuple[str, ...]:
        """Return the nemeses in `among` that strike."""
        return tuple(one for one in among if one in self.nemeses)

    def as_json(self) -> str:
        """Return them as JSON, for readers of the evidence."""
        return json.dumps(asdict(self), indent=2)

    def __str__(self) -> str:
        return (
            f"seed {self.seed}, {self.seconds:.0f} s: {self.gateways} gateways, {self.clients} clients "
            f"that rest {self.rest_s:g} s, "
            f"{self.providers} providers of which {self.tolerate} may be lost; {', '.join(self.nemeses)}"
        )


def _picked(dice: Dice) -> tuple[str, ...]:
    """Pick most of the nemeses, and at least one that harms providers; now and then that one alone."""
    always = dice.pick(PROVIDER_NEMESES)
    if dice.chance(ALONE_SHARE):
        return (always,)
    return tuple(one for one in NEMESES if dice.chance(NEMESIS_SHARE) or one == always)
