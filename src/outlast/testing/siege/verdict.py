"""The final checks of a store after a siege, when it is at rest and repaired.

Every key that was ever written is read through each gateway and through one without local state; then again
without each provider, and as many others as the tolerance allows, by a gateway that has to start without
them. The answers are added to the history, which must be linearizable.
"""

import asyncio
from collections.abc import Callable, Sequence

from outlast.testing.history import Undecided, linearizable
from outlast.testing.siege.door import Door
from outlast.testing.siege.gateway import BesiegedGateway
from outlast.testing.siege.load import Clients
from outlast.testing.siege.system import BesiegedSystem

NOTICED_S_MAX = 60.0


class SiegeVerdict:
    """Reads everything that a system has acknowledged. Errors become findings of its timeline."""

    def __init__(
        self,
        system: BesiegedSystem,
        clients: Clients,
        doors: Sequence[Door],
        door: Callable[[BesiegedGateway], Door],
    ) -> None:
        self._system = system
        self._clients = clients
        self._doors = doors
        self._door = door

    async def reach(self) -> None:
        """Read everything in every way, and judge the history."""
        await self._read_with_all()
        for lost in neighbors(self._system.providers, self._system.options.tolerate):
            await self._read_without(lost)
        if self._system.options.canary:
            self._clients.lie()
            await self._clients.read_hot(self._doors[0])
        await asyncio.to_thread(self.judge)

    async def _read_with_all(self) -> None:
        with self._system.timeline.strike("read", "everything", "through each gateway"):
            for door in self._doors:
                await self._clients.read_all(door)
            await self._read_through_fresh()

    async def _read_without(self, lost: Sequence[str]) -> None:
        """Read everything through a gateway that starts without them, and hot keys through those that run."""
        roots = [self._system.provider(name) for name in lost]
        with self._system.timeline.strike("read", "everything", f"without {' and '.join(lost)}"):
            for root in roots:
                root.rename(root.with_suffix(".away"))
            try:
                for door in self._doors:
                    await self._clients.read_hot(door)
                await self._read_through_fresh()
            finally:
                for root in roots:
                    root.with_suffix(".away").rename(root)
        if not await self._system.wait_noticed(NOTICED_S_MAX):
            self._system.timeline.find(
                "a gateway does not notice that all providers are back", f"not in {NOTICED_S_MAX:.0f} s"
            )

    async def _read_through_fresh(self) -> None:
        gateway = self._system.new_gateway("fresh")
        try:
            await gateway.start()
            if gateway.up.is_set():
                await self._clients.read_all(self._door(gateway))
        finally:
            await gateway.close()

    def judge(self) -> None:
        """Check the history. It takes processor time only."""
        history = self._clients.history
        try:
            verdict = linearizable(history)
        except Undecided as error:
            self._system.timeline.find("the history is too long to be judged", str(error))
            return
        for violation in verdict.violations:
            when = [history.at_s(operation.invoked) for operation in violation.stuck] or [
                self._system.timeline.now_s()
            ]
            self._system.timeline.find("a key is not linearizable", str(violation), min(when))
        self._system.timeline.event(
            str(verdict) if verdict.ok else f"{len(verdict.violations)} keys are wrong"
        )


def neighbors(names: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """Return each name with those that follow it, `count` in all: each is lost at least once."""
    around = [*names, *names]
    return [tuple(around[first : first + count]) for first in range(len(names))]
