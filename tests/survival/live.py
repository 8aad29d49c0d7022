"""A live store: its commands, its gateways, and clients of them."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.testing.history import linearizable
from outlast.testing.installation import GatewayProcess, Installation
from outlast.testing.s3_client import S3Client
from outlast.testing.targets import S3Target
from outlast.testing.workload import Load, Report

BUCKET = "bucket"
CLOCK = SystemClock()
ENTROPY = SystemEntropy()


@dataclass
class Live:
    """What is started through it ends with the test."""

    installation: Installation
    access_key_id: str
    secret: str
    stack: AsyncExitStack
    gateways: list[GatewayProcess] = field(default_factory=list)

    async def run(self, *arguments: str) -> Any:
        """Run an `outlast` command, while the clients go on."""
        return await asyncio.to_thread(self.installation.run, *arguments)

    async def serve(self, state: str = "gateway") -> GatewayProcess:
        """Start a gateway."""
        gateway = await asyncio.to_thread(self.installation.serve, state)
        self.gateways.append(gateway)
        self.stack.callback(gateway.stop)
        return gateway

    async def client(self, gateway: GatewayProcess, timeout_s: float = 60.0) -> S3Client:
        """A client of a gateway."""
        client = S3Client(gateway.host, gateway.port, self.access_key_id, self.secret, timeout_s=timeout_s)
        return await self.stack.enter_async_context(client)

    async def target(self, gateway: GatewayProcess) -> S3Target:
        """The bucket, through a gateway."""
        return S3Target(await self.client(gateway), BUCKET)


def judged(load: Load, report: Report, failures: bool = False) -> None:
    """Nothing is wrong or lost, and (unless `failures` may be) nothing has failed."""
    assert not report.wrong, "\n".join(report.wrong[:20])
    verdict = linearizable(load.history)
    assert verdict.ok, verdict
    assert failures or not report.failures, f"{len(report.failures)}:\n" + "\n".join(report.failures[:20])
