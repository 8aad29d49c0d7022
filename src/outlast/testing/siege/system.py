"""The system under siege: a store over directories, its gateways, and its owner's commands."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from outlast.base.clock import Clock
from outlast.testing.installation import CommandFailed, Ended, Installation
from outlast.testing.s3_client import NoAnswer
from outlast.testing.siege.door import BUCKET
from outlast.testing.siege.gateway import BesiegedGateway, find_faketime
from outlast.testing.siege.options import SiegeOptions
from outlast.testing.siege.timeline import Timeline

LOOK_S = 0.25
"""How often a condition is checked while waiting for it."""

ANSWERS_S_MAX = 120.0
"""By then every gateway has been started or resumed, and answers."""

COMMAND_S_MAX = {"repair": 240.0, "collect": 240.0}
"""Commands whose work grows with the store; the others have `SHORT_COMMAND_S_MAX`."""

SHORT_COMMAND_S_MAX = 60.0
COMMANDS_MAX = 5
"""A command that fails is a finding, and is run again, as a person would."""


@dataclass
class BesiegedSystem:
    """`faketime`: the library that makes clocks wrong, if there is one."""

    options: SiegeOptions
    installation: Installation
    key: tuple[str, str]
    clock: Clock
    timeline: Timeline
    gateways: list[BesiegedGateway] = field(default_factory=list)
    faketime: str | None = field(default_factory=find_faketime)
    _machines: int = 0

    @property
    def providers(self) -> list[str]:
        """Their names."""
        return _names(self.options.providers)

    def provider(self, name: str) -> Path:
        """A provider's directory."""
        return self.installation.provider(name)

    def new_gateway(self, name: str) -> BesiegedGateway:
        """Return a gateway on another machine, with only the settings and the key. It is not started yet."""
        self._machines += 1
        home = self.installation.at(self.installation.folder / f"machine-{self._machines}-{name}")
        return BesiegedGateway(name, home, self.key, self.clock, self.timeline)

    async def attempt(self, *arguments: str) -> Ended:
        """Run a command, however it ends. One that does not end is a finding, and its status is -1."""
        began = self.timeline.now_s()
        within_s = COMMAND_S_MAX.get(arguments[0], SHORT_COMMAND_S_MAX)
        try:
            ended = await asyncio.to_thread(self.installation.attempt, *arguments, within_s=within_s)
        except CommandFailed as error:
            self.timeline.find("a command hangs", str(error), began)
            ended = Ended(-1, "", str(error))
        self.timeline.counts[f"outlast {arguments[0]}: status {ended.status}"] += 1
        return ended

    async def run(self, *arguments: str) -> bool:
        """Run a command until it succeeds. Each failure is a finding."""
        for _ in range(COMMANDS_MAX):
            began = self.timeline.now_s()
            ended = await self.attempt(*arguments)
            if ended.status == 0:
                return True
            if ended.status > 0:
                said = f"outlast {' '.join(arguments)}: status {ended.status}: {ended.errors}{ended.output}"
                self.timeline.find("a command fails", said, began)
        return False

    # -- what gateways know

    async def wait_answered(self) -> None:
        """Return when each gateway has answered a request that began after this call.

        So it has the log up to here, with every drill that has ended and provider that was reattached.
        """
        await asyncio.gather(*(self._wait_answered(gateway) for gateway in self.gateways))

    async def _wait_answered(self, gateway: BesiegedGateway) -> None:
        async def answers() -> bool:
            if not gateway.up.is_set():
                return False
            try:
                return (await gateway.client.get(BUCKET, "nothing")).status == 404
            except NoAnswer:
                return False

        if not await self.holds(answers, ANSWERS_S_MAX):
            self.timeline.find("a gateway does not answer", f"{gateway.name}: not in {ANSWERS_S_MAX} s")

    async def wait_noticed(self, within_s: float) -> bool:
        """Whether all gateways consider all providers healthy within that time."""

        async def is_well(gateway: BesiegedGateway) -> bool:
            try:
                return gateway.up.is_set() and not await gateway.unwell()
            except (OSError, HTTPException):
                return False  # it is stopped, or has just been killed

        async def noticed() -> bool:
            return all(await asyncio.gather(*map(is_well, self.gateways)))

        return await self.holds(noticed, within_s)

    async def holds(self, condition: Callable[[], Awaitable[bool]], within_s: float) -> bool:
        """Wait for the condition; return whether it came to hold."""
        deadline = self.clock.monotonic() + within_s
        while not await condition():
            if self.clock.monotonic() > deadline:
                return False
            await self.clock.sleep(LOOK_S)
        return True


@asynccontextmanager
async def system_in(
    folder: Path, options: SiegeOptions, clock: Clock, timeline: Timeline
) -> AsyncIterator[BesiegedSystem]:
    """Create a store in `folder`, with all its gateways. Leaving the context ends them."""
    names = _names(options.providers)
    installation = await asyncio.to_thread(Installation.create, folder, names, options.tolerate)
    made = await asyncio.to_thread(installation.run, "key", "create", "siege")
    await asyncio.to_thread(installation.run, "bucket", "create", BUCKET)
    key = (made["access_key_id"], made["secret_access_key"])
    system = BesiegedSystem(options, installation, key, clock, timeline)
    system.gateways = [system.new_gateway(f"g{number}") for number in range(options.gateways)]
    try:
        await _all(gateway.start() for gateway in system.gateways)
        yield system
    finally:
        await _all(gateway.close() for gateway in system.gateways)


async def _all(work: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*work)


def _names(count: int) -> list[str]:
    return [f"p{number}" for number in range(count)]
