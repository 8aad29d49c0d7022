"""What is measured: a store over three directories, its gateway, and an echo server, each a process."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from outlast.testing.installation import GatewayProcess, Installation
from outlast.testing.s3_client import S3Client

PROVIDERS = ("a", "b", "c")
BUCKET = "bench"
request_timeout_s = 120.0


@dataclass(frozen=True)
class Stage:
    """`state` is how the store is, for the names of measurements: "" when all is well."""

    installation: Installation
    gateway: GatewayProcess
    client: S3Client
    echo: S3Client
    state: str = ""

    @property
    def disks(self) -> list[Path]:
        """The directories that are there."""
        return [path for name in PROVIDERS if (path := self.installation.provider(name)).is_dir()]

    def named(self, name: str) -> str:
        """The measurement's name, with the state."""
        return f"{name}, {self.state}" if self.state else name


@asynccontextmanager
async def set_up(folder: Path) -> AsyncIterator[Stage]:
    """A new store in `folder`, with an empty bucket."""
    shutil.rmtree(folder, ignore_errors=True)
    installation = Installation.create(folder, PROVIDERS)
    key = installation.run("key", "create", "bench")
    with installation.serve() as gateway, echo_server() as port:
        secrets = (key["access_key_id"], key["secret_access_key"])
        async with (
            S3Client(gateway.host, gateway.port, *secrets, timeout_s=request_timeout_s) as client,
            S3Client("127.0.0.1", port, *secrets, timeout_s=request_timeout_s) as echo_client,
        ):
            await client.create_bucket(BUCKET)
            yield Stage(installation, gateway, client, echo_client)
    shutil.rmtree(folder)


@contextmanager
def echo_server() -> Iterator[int]:
    """Run the echo server; its port."""
    command = [sys.executable, "-m", "bench.echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.terminate()


@asynccontextmanager
async def without_a_provider(stage: Stage) -> AsyncIterator[Stage]:
    """The same stage while the directory of provider c is away."""
    provider = stage.installation.provider(PROVIDERS[-1])
    away = provider.with_suffix(".away")
    provider.rename(away)
    dead = Stage(stage.installation, stage.gateway, stage.client, stage.echo, "one provider dead")
    for number in range(20):  # until everybody has noticed
        await stage.client.put(BUCKET, f"notice/{number}", bytes(1 << 20))
    yield dead
    away.rename(provider)
