"""Where an acceptance test plays: a store as its owner has it, gateways as processes, and what befalls them.

Everything goes through the command line and S3. What is started here ends with the test, each process by its
own id.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Container
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.testing.history import linearizable
from outlast.testing.installation import GatewayProcess, Installation
from outlast.testing.s3_client import S3Client
from outlast.testing.targets import S3Target
from outlast.testing.workload import Load, LoadReport

BUCKET = "bucket"
CLOCK = SystemClock()
ENTROPY = SystemEntropy()

ANSWER_S_MAX = 30.0
"""Whatever happens, an answer comes before that, if only to say that there is none."""

NOTICED_S = 7.0
"""A gateway probes a provider that was down at least every 5 s, and looks at markers as often."""

LOOK_S = 0.2
"""How often a condition that is waited for is looked at. A look often costs a gateway a page of metrics."""


@dataclass(frozen=True)
class Made:
    """A store that nobody uses, to be copied."""

    installation: Installation
    access_key_id: str
    secret: str


def make(folder: Path) -> Made:
    """A store over the directories a, b and c in `folder`, with an access key and a bucket."""
    installation = Installation.create(folder)
    key = installation.run("key", "create", "test")
    installation.run("bucket", "create", BUCKET)
    return Made(installation, key["access_key_id"], key["secret_access_key"])


def copied(made: Made, folder: Path) -> Installation:
    """The same store in another folder. It has no local state."""
    source = made.installation.folder
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("state"))
    copy = Installation(folder)
    copy.config.write_text(copy.config.read_text().replace(str(source), str(folder)))
    return copy


@dataclass
class Scene:
    """A store with an access key and a bucket, and the gateways that were started over it."""

    installation: Installation
    access_key_id: str
    secret: str
    stack: AsyncExitStack
    gateways: list[GatewayProcess] = field(default_factory=list)
    """All that were started, in this order."""
    elsewhere: int = field(default=0)
    """How many other machines there have been."""

    async def run(self, *arguments: str, statuses: Container[int] = (0,)) -> Any:
        """Run an `outlast` command, while the clients go on."""
        return await asyncio.to_thread(self.installation.run, *arguments, statuses=statuses)

    async def serve(self, state: str = "gateway") -> GatewayProcess:
        """Start a gateway of this machine, with its local state in a folder of that name."""
        return await self._served(self.installation, state)

    async def serve_elsewhere(self) -> GatewayProcess:
        """Start a gateway on what is as good as another machine: it has the settings and the key, no more."""
        self.elsewhere += 1
        there = self.installation.at(self.installation.folder / f"elsewhere-{self.elsewhere}")
        return await self._served(there, "gateway")

    def forget_elsewhere(self) -> None:
        """That other machine is gone, with all that it had."""
        shutil.rmtree(self.installation.folder / f"elsewhere-{self.elsewhere}")

    async def _served(self, installation: Installation, state: str) -> GatewayProcess:
        gateway = await asyncio.to_thread(installation.serve, state)
        self.stack.callback(
            lambda: print(f"the gateway {state!r}:\n{gateway.said()[-4000:]}")
        )  # shown with a failure
        self.stack.callback(gateway.stop)
        self.gateways.append(gateway)
        return gateway

    async def client(self, gateway: GatewayProcess, timeout_s: float = ANSWER_S_MAX) -> S3Client:
        """A client of a gateway. An answer that takes longer than `timeout_s` is `NoAnswer`."""
        client = S3Client(gateway.host, gateway.port, self.access_key_id, self.secret, timeout_s=timeout_s)
        return await self.stack.enter_async_context(client)

    async def target(self, gateway: GatewayProcess) -> S3Target:
        """The bucket, through a gateway."""
        return S3Target(await self.client(gateway), BUCKET)

    # -- what befalls a provider

    def provider(self, name: str) -> Path:
        """Its directory."""
        return self.installation.provider(name)

    async def erase(self, name: str) -> None:
        """Delete what a provider holds, as a shell does it, while gateways go on writing there."""
        # `rm` complains of folders that are written to meanwhile; what it leaves there is part of the trial.
        command = ["sh", "-c", "rm -rf -- * 2>/dev/null; true"]
        await asyncio.to_thread(subprocess.run, command, cwd=self.provider(name), check=True)

    async def drill(self, name: str, shape: str, seconds: int = 600, *options: str) -> None:
        """Let a provider fail in that shape, with nobody who conducts it."""
        await self.run("drill", name, "--shape", shape, "--seconds", str(seconds), "--detach", *options)

    async def end_drill(self, name: str) -> None:
        await self.run("drill", name, "--stop")

    def take_away(self, name: str) -> None:
        """The directory itself is gone, as if its disk were not mounted."""
        self.provider(name).rename(self.provider(name).with_suffix(".away"))

    def bring_back(self, name: str) -> None:
        self.provider(name).with_suffix(".away").rename(self.provider(name))

    async def take_back(self) -> None:
        """Have it back in the store. What gateways write until they notice still misses a fragment there."""
        repaired = await self.run("repair", "--quick", statuses=(0, 1))
        assert repaired["reattached"] and not repaired["problems"], repaired

    async def mend(self, erased: bool = False) -> None:
        """Have all redundancy restored: what was written until the gateways had noticed needs repair, too."""
        if erased:
            await self.take_back()
        await eventually(self.all_have_noticed, self.noticed_s_max)
        await eventually(self._nothing_is_missing)

    noticed_s_max = NOTICED_S

    async def all_have_noticed(self) -> bool:
        """Whether no gateway takes a provider for anything but healthy."""
        running = [gateway for gateway in self.gateways if gateway.is_running()]
        unwell = await asyncio.gather(*(asyncio.to_thread(gateway.unwell) for gateway in running))
        return not any(unwell)

    async def _nothing_is_missing(self) -> bool:
        repaired = await self.run("repair", "--quick", statuses=(0, 1))
        assert not repaired["unreadable"] and not repaired["problems"], repaired
        return not repaired["degraded"]


async def eventually(holds: Callable[[], Awaitable[bool]], within_s: float = ANSWER_S_MAX) -> None:
    """Return as soon as it holds. That it does not within `within_s` is a failure."""
    deadline = CLOCK.monotonic() + within_s
    while not await holds():
        assert CLOCK.monotonic() < deadline, f"not within {within_s} s"
        await CLOCK.sleep(LOOK_S)


@asynccontextmanager
async def working(load: Load, clients: int) -> AsyncIterator[LoadReport]:
    """Clients that work as long as the context lasts."""
    over = asyncio.Event()
    running = asyncio.ensure_future(load.run(clients, until=over.is_set))
    try:
        yield load.report
    finally:
        over.set()
        await running


async def answered(load: Load, requests: int) -> None:
    """Return when the clients have had so many more answers."""
    enough = load.report.requests + requests

    async def had() -> bool:
        return load.report.requests >= enough

    await eventually(had)


def judge(load: Load, failures: int = 0) -> None:
    """Nothing was wrong, nothing was lost, and no requests have failed after the first `failures`."""
    report = load.report
    assert not report.wrong, "\n".join(report.wrong[:20])
    verdict = linearizable(load.history)
    assert verdict.ok, verdict
    unexpected = report.failures[failures:]
    assert not unexpected, f"{len(unexpected)}:\n" + "\n".join(unexpected[:20])
