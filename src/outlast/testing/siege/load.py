"""The load of a siege: clients without retries, which check everything that they read and record everything.

Most of them read and write a dozen hot keys, which shows lost updates and stale reads. The others write keys
that are never overwritten: what is lost of those stays lost, and is found at the end.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from outlast.base.clock import Clock
from outlast.base.limits import KIB, MIB
from outlast.testing.siege.dice import Dice
from outlast.testing.siege.door import SLOWLY_BYTES
from outlast.testing.siege.options import SiegeOptions
from outlast.testing.siege.timeline import TimedHistory, Timeline
from outlast.testing.targets import Target
from outlast.testing.workload import Load, Mix

SMALL, MIDDLE, LARGE = 4 * KIB, 200 * KIB, 3 * MIB // 2

HOT = Mix(
    keys=12,
    prefix="hot/",
    sizes=((5, SMALL), (3, MIDDLE), (2, LARGE)),
    operations=(
        (26, "put"),
        (8, "create"),
        (8, "match"),
        (5, "delete"),
        (3, "delete-match"),
        (28, "get"),
        (14, "range"),
        (8, "list"),
    ),
)

COLD = Mix(prefix="cold/", sizes=((10, MIDDLE), (10, LARGE), (1, SLOWLY_BYTES)), rest_s=1.2)
LARGEST = {"all": SLOWLY_BYTES, "quick": LARGE, "small": SMALL}
"""The largest content in bytes, by `SiegeOptions.contents`."""

COLD_CLIENTS = 3
COLD_READ_SHARE = 0.4
READERS = 4
"""How many concurrent reads there are of keys that were written once."""


class Clients:
    """All clients of a siege, spread over its gateways, with one history."""

    def __init__(
        self, doors: Sequence[Target], clock: Clock, timeline: Timeline, options: SiegeOptions
    ) -> None:
        self.history = TimedHistory(timeline)
        self._doors = doors
        self._clock = clock
        self._timeline = timeline
        self._dice = Dice(options.seed, "cold")

        def load(mix: Mix, name: str) -> Load:
            sizes = [one for one in mix.sizes if one[1] <= LARGEST[options.contents]]
            mix = replace(mix, sizes=sizes or ((1, SMALL),))
            return Load(doors, clock, Dice(options.seed, f"{name} requests").entropy, mix, self.history, name)

        self._hot = load(replace(HOT, rest_s=options.rest_s), "hot")
        self._cold = load(COLD, "cold")
        self._written = 0

    async def run(self, clients: int, over: Callable[[], bool]) -> None:
        """Run `clients` clients until `over()`."""
        cold = min(COLD_CLIENTS, clients - 1)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hot.run(clients - cold, over))
            for number in range(cold):
                group.create_task(
                    self._write_cold(f"w{number}", self._doors[number % len(self._doors)], over)
                )

    async def read_hot(self, target: Target) -> None:
        """Read every hot key."""
        await self._hot.read_all(target)
        self._note_wrong()

    async def read_all(self, target: Target) -> None:
        """Read every key that was ever written."""
        await self.read_hot(target)
        numbers = iter(range(self._written))

        async def read() -> None:
            for number in numbers:
                await self._cold.do("get", self._cold.key(number), "reader", target)

        await asyncio.gather(*(read() for _ in range(READERS)))
        self._note_wrong()

    def lie(self) -> None:
        """Record a write as acknowledged that was never made: a siege must find this."""
        self.history.begin(self._hot.key(0), "put", "never-written", client="liar").ok()

    def _note_wrong(self) -> None:
        """Turn contents that do not match their label into findings."""
        for load in (self._hot, self._cold):
            for wrong in load.report.wrong:
                self._timeline.find("a content is wrong", wrong)
            load.report.wrong.clear()

    async def _write_cold(self, client: str, target: Target, over: Callable[[], bool]) -> None:
        """Write keys that are never overwritten, and read some of them now and then."""
        while not over():
            if self._written and self._dice.chance(COLD_READ_SHARE):
                number, operation = self._dice.integer(0, self._written - 1), "get"
            else:
                number, operation = self._written, "create"
                self._written += 1
            await self._cold.do(operation, self._cold.key(number), client, target)
            self._note_wrong()
            await self._clock.sleep(self._dice.uniform(0, 2 * COLD.rest_s))
