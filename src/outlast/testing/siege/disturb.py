"""Nemeses that disturb gateways: they are killed, stopped, and started with a wrong clock.

Any number of gateways may be down at once, so several loops do this concurrently, and one of the nemeses
takes down all of them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from outlast.testing.siege.dice import Dice
from outlast.testing.siege.gateway import BesiegedGateway, clock_environment
from outlast.testing.siege.options import GATEWAY_NEMESES
from outlast.testing.siege.system import BesiegedSystem

LOOPS = 2
REST_S = (1.0, 12.0)
PAUSE_S = (1.0, 20.0)
DOWN_S = (0.0, 4.0)
WATCH_S = 0.5


class Disturbance:
    """Disturbs the gateways of a system until `run` is to end; then all of them run."""

    def __init__(self, system: BesiegedSystem) -> None:
        self._system = system
        self._strikes: dict[str, Callable[[BesiegedGateway, Dice], Awaitable[None]]] = {
            "kill": self._kill,
            "kill-forget": self._kill_and_forget,
            "pause": self._pause,
            "clock": self._put_clock_off,
        }

    async def run(self, over: Callable[[], bool]) -> None:
        """Strike again and again until `over()`."""
        await asyncio.gather(*(self._loop(f"gateways {number}", over) for number in range(LOOPS)))

    async def watch(self, over: Callable[[], bool]) -> None:
        """Find gateways that end by themselves, and restart them, until `over()`."""
        while not over():
            for gateway in self._system.gateways:
                if gateway.ended_by_itself():
                    said = f"{gateway.name}: {gateway.process.said()[-2000:]}"
                    self._system.timeline.find("a gateway ends by itself", said)
                    async with gateway.busy:
                        await gateway.kill()
                        await gateway.start()
            await self._system.clock.sleep(WATCH_S)

    async def _loop(self, purpose: str, over: Callable[[], bool]) -> None:
        dice = Dice(self._system.options.seed, purpose)
        nemeses = self._system.options.chosen(GATEWAY_NEMESES)
        while nemeses and not over():
            await self._system.clock.sleep(dice.uniform(*REST_S))
            nemesis = dice.pick(nemeses)
            if nemesis == "kill-all":
                await self._kill_all(dice)
                continue
            gateway = dice.pick(self._system.gateways)
            async with gateway.busy:
                await self._strikes[nemesis](gateway, dice)

    async def _kill(self, gateway: BesiegedGateway, dice: Dice) -> None:
        with self._system.timeline.strike("kill", gateway.name):
            await gateway.kill()
            await self._system.clock.sleep(dice.uniform(*DOWN_S))
            await gateway.start()

    async def _kill_and_forget(self, gateway: BesiegedGateway, dice: Dice) -> None:
        with self._system.timeline.strike("kill-forget", gateway.name):
            await gateway.kill(forget=True)
            await self._system.clock.sleep(dice.uniform(*DOWN_S))
            await gateway.start()

    async def _kill_all(self, dice: Dice) -> None:
        """Simulate a power failure. Some of the gateways lose their disks, too."""
        gateways = self._system.gateways
        forget = [dice.chance(0.4) for _ in gateways]
        async with AsyncExitStack() as stack:
            for gateway in gateways:
                await stack.enter_async_context(gateway.busy)
            with self._system.timeline.strike("kill-all"):
                await asyncio.gather(*map(BesiegedGateway.kill, gateways, forget))
                await self._system.clock.sleep(dice.uniform(*DOWN_S))
                await asyncio.gather(*(gateway.start() for gateway in gateways))

    async def _pause(self, gateway: BesiegedGateway, dice: Dice) -> None:
        seconds = dice.uniform(*PAUSE_S)
        if not gateway.up.is_set():
            return
        with self._system.timeline.strike("pause", gateway.name, f"for {seconds:.1f} s"):
            gateway.pause()
            await self._system.clock.sleep(seconds)
            gateway.resume()

    async def _put_clock_off(self, gateway: BesiegedGateway, dice: Dice) -> None:
        library = self._system.faketime
        assert library is not None, "without it this nemesis is left out"
        offset_s = dice.pick((0.0, *self._system.options.clock_offsets_s))
        with self._system.timeline.strike("clock", gateway.name, f"{offset_s:+.0f} s"):
            await gateway.kill()
            await gateway.start(clock_environment(library, offset_s), offset_s)
