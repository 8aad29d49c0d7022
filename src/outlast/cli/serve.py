"""`outlast serve`: a gateway that speaks S3, until a signal ends it.

Gateways are equal and need not know of each other; any number of them may serve one store. SIGTERM and
SIGINT end it: it accepts no new requests, and finishes those in flight. SIGHUP does so only if it comes from
the terminal that a gateway was started in; without one it is ignored. The exit status is 1 if it was
never ready.

Where too few providers answer, it listens and answers with 503 until they do, and `ready` comes then. At
`/ready` it says at any time whether it is: 200 or 503, for load balancers.

[Metrics](metrics.md) for Prometheus are at `/metrics`, for clients on this computer, or for those who show
the token in `OUTLAST_METRICS_TOKEN`.
"""

import asyncio
import json as jsonlib
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from outlast.base.clock import SystemClock
from outlast.base.concurrency import cancel_and_wait, run_again
from outlast.base.entropy import SystemEntropy
from outlast.base.errors import ConfigError
from outlast.cli import FAILED
from outlast.cli.declare import Option
from outlast.cli.interruption import heed
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import print_line, print_note
from outlast.cli.session import run, store_at
from outlast.maintenance.upkeep import upkeep
from outlast.store import Store

# How often a gateway that is not ready checks whether it is. That costs no request.
READY_LOOK_S = 0.1


class LogLevel(StrEnum):
    """Lines of this importance and above are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(
    host: Annotated[str, Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 9000,
    domain: Annotated[
        list[str] | None,
        Option(help="Take BUCKET.DOMAIN as the bucket's own host name, besides BUCKET.localhost."),
    ] = None,
    max_staleness: Annotated[
        float,
        Option(
            metavar="SECONDS",
            min=0.0,
            max=3600.0,
            help="Answer GET, HEAD and lists without asking the providers what is newest, if they "
            "answered that in the last SECONDS. 0: never miss what was acknowledged.",
        ),
    ] = 0.0,
    log_level: Annotated[
        LogLevel,
        Option(
            envvar="OUTLAST_LOG_LEVEL",
            metavar="LEVEL",
            help="Log to standard error: `error`, `warning`, `info` (each request), or `debug` (each step).",
        ),
    ] = LogLevel.WARNING,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Serve the store over S3. Prints `ready` once it takes requests and enough providers answer."""
    run(_serve(config, state_dir, host, port, domain or [], max_staleness, log_level, json), json)


async def _serve(
    config: Path,
    state_dir: Path | None,
    host: str,
    port: int,
    domains: list[str],
    staleness_s_max: float,
    log_level: LogLevel,
    json: bool,
) -> int:
    # Here: what serves and what logs is large, and only this verb needs it.
    from outlast.assembly.alarm import watched
    from outlast.assembly.flight_recorder import recording
    from outlast.assembly.logs import set_up_logs
    from outlast.gateway.admission import raise_descriptors
    from outlast.gateway.server import GatewayServer

    set_up_logs(log_level)
    raise_descriptors()
    told_to_end = _signals()
    debug = log_level is LogLevel.DEBUG
    async with recording(SystemClock(), debug), store_at(config, state_dir) as store, watched(store):
        store.catalog.staleness_s_max = staleness_s_max
        token = os.environ.get("OUTLAST_METRICS_TOKEN", "")
        gateway = GatewayServer(store, SystemClock(), SystemEntropy(), domains=domains, metrics_token=token)
        try:
            bound = await gateway.start(host, port)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                "another program may have it: name another with --port",
            ) from error
        endpoint = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
        clock = SystemClock()
        maintaining = asyncio.ensure_future(
            run_again(lambda: upkeep(store, clock, SystemEntropy()), store.report, clock.sleep)
        )
        try:
            ready = await _wait_ready(store, told_to_end, endpoint)
            if ready:
                print_line(
                    jsonlib.dumps({"ready": True, "endpoint": endpoint}) if json else f"ready {endpoint}"
                )
            await told_to_end.wait()
            print_note("ending: finishing requests in flight")
        finally:
            await cancel_and_wait([maintaining])
            await gateway.stop()
    return 0 if ready else FAILED


async def _wait_ready(store: Store, told_to_end: asyncio.Event, endpoint: str) -> bool:
    """Wait until the store can be served, or a signal ends that; whether it can. Reports why it cannot."""
    said = False
    while why := store.why_not_ready():
        if told_to_end.is_set():
            return False
        if not said:
            said = True
            print_note(f"listening at {endpoint}, not ready: {why}")
        try:
            async with asyncio.timeout(READY_LOOK_S):
                await told_to_end.wait()
        except TimeoutError:
            continue
    return True


def _signals() -> asyncio.Event:
    """An event that SIGTERM, SIGINT, and the end of the terminal that shows what we say set."""
    told_to_end = asyncio.Event()
    shown = sys.stderr.isatty()

    def end(number: int) -> None:
        if number != signal.SIGHUP or shown:
            told_to_end.set()

    heed(end)
    return told_to_end
