"""Four providers far away: real servers, each behind a proxy that delays, and a gateway over them.

The servers are processes that speak Google's protocol (`outlast.testing.gcs_server`), because theirs is the
fastest of ours whose conditions are strict. All connections are kept alive and were made before anything is
measured: a round trip is one request's, without handshakes.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.raw import Raw
from outlast.testing.installation import GatewayProcess, Installation
from outlast.testing.s3_client import S3Client
from outlast.testing.servers.process import free_port, listens

RTT_MS = {"near": 20, "middle": 40, "slow": 800, "far": 80}
"""In the order of the settings: the first three vote, and so the slow one does, which is the harder case."""
FARTHEST_NEEDED = ("near", "middle", "far")
SECOND = "middle"
BUCKET = "bench"
KEY_VARIABLE = "BENCH_GOOGLE_KEY"
KEY = '{"disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}'
start_s_max = 20.0
request_timeout_s = 120.0
STALENESS_S = 5


@dataclass(frozen=True)
class FarStage:
    """`raw`: keep-alive connections to each provider, through the same proxies as the gateway's.

    `stale` is a client of another gateway, which may answer from `STALENESS_S` ago.
    """

    gateway: GatewayProcess
    client: S3Client
    stale: S3Client
    raw: dict[str, Raw]


@asynccontextmanager
async def set_up(folder: Path) -> AsyncIterator[FarStage]:
    """A new store in `folder`, with an empty bucket."""
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as stack:
        servers = {name: stack.enter_context(server()) for name in RTT_MS}
        ports = {name: stack.enter_context(far_away(servers[name], ms / 1000)) for name, ms in RTT_MS.items()}
        urls = {name: url(name, port) for name, port in ports.items()}
        os.environ[KEY_VARIABLE] = KEY
        folder.mkdir(parents=True)  # noqa: ASYNC240 nothing else goes on yet
        installation = Installation(folder)
        installation.run("init", *[f"--provider={name}={url}" for name, url in urls.items()])
        key = installation.run("key", "create", "bench")
        secrets = (key["access_key_id"], key["secret_access_key"])
        gateway = stack.enter_context(installation.serve())
        other = stack.enter_context(installation.serve("stale", "--max-staleness", str(STALENESS_S)))
        raw = {name: Raw(port, BUCKET) for name, port in ports.items()}
        try:
            async with (
                S3Client(gateway.host, gateway.port, *secrets, timeout_s=request_timeout_s) as client,
                S3Client(other.host, other.port, *secrets, timeout_s=request_timeout_s) as stale,
            ):
                await client.create_bucket(BUCKET)
                yield FarStage(gateway, client, stale, raw)
        finally:
            for one in raw.values():
                one.close()
    shutil.rmtree(folder)


def url(name: str, port: int) -> str:
    """The provider behind a proxy."""
    return f"gs://{BUCKET}/{name}?endpoint=http://127.0.0.1:{port}&service_account_key_env={KEY_VARIABLE}"


@contextmanager
def server() -> Iterator[int]:
    """Run a provider; its port."""
    port = free_port()
    command = [sys.executable, "-m", "outlast.testing.gcs_server", BUCKET, "--port", str(port)]
    with subprocess.Popen([*command, "--name-interval-s", "0"]) as process:
        try:
            begun = time.monotonic()
            while not listens(port):
                assert process.poll() is None and time.monotonic() < begun + start_s_max
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


@contextmanager
def far_away(port: int, round_trip_s: float) -> Iterator[int]:
    """Run a proxy before a server's port; the proxy's port."""
    command = [sys.executable, "-m", "outlast.testing.proxy", f"--to=127.0.0.1:{port}"]
    with subprocess.Popen(
        [*command, f"--round-trip={round_trip_s}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()
