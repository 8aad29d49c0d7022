"""The commands of the demonstration, run as a person would type them: each in a process of its own."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from outlast.base.errors import ConfigError

# A gateway that needs longer than this to come up or to go away has a fault that should be seen.
start_s_max = 30.0
stop_s_max = 20.0


class Commands:
    """`outlast` commands on one store."""

    def __init__(self, config: Path, state_dir: Path) -> None:
        self._environment = {**os.environ, "OUTLAST_CONFIG": str(config), "OUTLAST_STATE_DIR": str(state_dir)}

    async def run(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> Any:
        """Run a command to its end; what it printed as JSON. Raises `ConfigError` with its complaint."""
        process = await self._start((*arguments, "--json"), stderr=PIPE)
        output, errors = await process.communicate()
        if process.returncode not in accept:
            raise ConfigError(f"outlast {' '.join(arguments)}: {errors.decode(errors='replace').strip()}")
        return json.loads(output)

    async def serve(self, host: str, port: int, log: Path) -> "DemoGateway":
        """Start a gateway and wait until it takes requests. What it says goes to the file `log`."""
        with log.open("ab") as stderr:
            process = await self._start(("serve", "--host", host, "--port", str(port)), stderr=stderr)
        gateway = DemoGateway(process, f"http://{host}:{port}")
        try:
            async with asyncio.timeout(start_s_max):
                await gateway.wait_ready()
        except BaseException as error:
            await gateway.stop()
            if isinstance(error, TimeoutError | EOFError):
                raise ConfigError("the gateway did not start", f"see what it said in {log}") from error
            raise
        return gateway

    async def _start(self, arguments: Sequence[str], stderr: Any) -> Process:
        command = (sys.executable, "-m", "outlast", *arguments)
        return await asyncio.create_subprocess_exec(
            *command, stdout=PIPE, stderr=stderr, env=self._environment
        )


class DemoGateway:
    """A running `outlast serve`."""

    def __init__(self, process: Process, endpoint: str) -> None:
        self._process = process
        self.endpoint = endpoint

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait_ready(self) -> None:
        """Return when it has said `ready`. Raises `EOFError` if it ended instead."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if line.startswith(b"ready"):
                return
        raise EOFError("the gateway ended before it was ready")

    async def stop(self) -> int:
        """Ask it to end, as `kill` would; its exit status. It is killed if it does not end in time."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(stop_s_max):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()


def free_port(host: str, wanted: int) -> int:
    """`wanted`, or a free port if somebody listens there already."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ConfigError(f"no port can be had on {host}", "name another address with --host")
