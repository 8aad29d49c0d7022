"""A store as its owner has it: directories as providers, a settings file, commands, and running gateways.

    installation = Installation.create(folder, ["a", "b", "c"])
    key = installation.run("key", "create", "me")
    with installation.serve() as gateway:
        client = S3Client(gateway.host, gateway.port, key["access_key_id"], key["secret_access_key"])

Everything goes through the command line, each command in a process of its own, for tests and measurements
that must see what a person would. It blocks; drivers with an event loop call it before or in a thread.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

# A gateway that needs longer than this to finish requests in progress has a fault that should be seen.
stop_s_max = 40.0
metrics_s_max = 10.0
# Far longer than they take on a busy machine: a caller must not wait forever.
ready_s_max = 120.0
command_s_max = 600.0

_unwell = re.compile(
    r'^outlast_provider_state\{provider="([^"]+)",state="(?:down|estranged)"\} 1', re.MULTILINE
)


class CommandFailed(Exception):
    """A command ended with an error; the message is its output."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended: its exit status and its outputs."""

    status: int
    output: str
    errors: str


class Installation:
    """A store with its settings in `folder`, and its commands.

    `secrets` are environment variables in addition to those of this process; `through` is a command that runs
    another one (`unshare ...`).
    """

    def __init__(
        self, folder: Path, secrets: Mapping[str, str] | None = None, through: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.config = folder / "outlast.toml"
        self._secrets = dict(secrets or {})
        self._through = tuple(through)

    @classmethod
    def create(cls, folder: Path, providers: Sequence[str] = ("a", "b", "c"), tolerate: int = 1) -> Self:
        """Create a store over one directory for each provider. Raises `CommandFailed`."""
        installation = cls(folder)
        installation.init({name: f"file://{folder.absolute() / name}" for name in providers}, tolerate)
        return installation

    def init(self, urls: Mapping[str, str], tolerate: int = 1) -> Any:
        """Create the store over these providers; return the command's report. Raises `CommandFailed`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        named = [f"--provider={name}={url}" for name, url in urls.items()]
        return self.run("init", *named, "--tolerate", str(tolerate))

    def at(self, folder: Path) -> Self:
        """Create another folder with the same settings and key: equivalent to another machine."""
        there = type(self)(folder, self._secrets, self._through)
        folder.mkdir()
        for name in ("outlast.toml", "outlast.key"):
            shutil.copy(self.folder / name, folder / name)
        return there

    def provider(self, name: str) -> Path:
        """The directory of a provider."""
        return self.folder / name

    def run(self, *arguments: str, state: str = "cli", statuses: Container[int] = (0,)) -> Any:
        """Run a command to its end; return its output, from JSON. Raises `CommandFailed`."""
        done = self.attempt(*arguments, state=state)
        if done.status not in statuses or not done.output:
            # A command that has found a problem reports it on standard output, as it would report success.
            raise CommandFailed(f"outlast {' '.join(arguments)}: {(done.errors + done.output).strip()}")
        return json.loads(done.output)

    def attempt(self, *arguments: str, state: str = "cli", within_s: float = command_s_max) -> Ended:
        """Run a command to its end, whatever its status. Raises `CommandFailed` if it exceeds `within_s`."""
        process = self.start(*arguments, state=state)
        try:
            output, errors = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
            said = errors.decode(errors="replace").strip()
            raise CommandFailed(f"outlast {' '.join(arguments)}: not within {within_s} s: {said}") from None
        return Ended(process.returncode, output.decode(errors="replace"), errors.decode(errors="replace"))

    def start(self, *arguments: str, state: str = "cli") -> subprocess.Popen[bytes]:
        """Start a command, with its outputs in pipes."""
        return self._start(arguments, state, subprocess.PIPE)

    def serve(self, state: str = "gateway", *options: str) -> "GatewayProcess":
        """Start a gateway on a free port, with local state in `folder/state/<state>`; return when ready."""
        with (self.folder / f"{state}.log").open("ab") as log:
            process = self._start(("serve", "--port", "0", *options), state, log)
        return GatewayProcess(process, self.folder / f"{state}.log")

    def _start(
        self, arguments: Sequence[str], state: str, errors: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        command = [*self._through, sys.executable, "-m", "outlast", *arguments, "--json"]
        environment = self.environment(state)
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors)

    def environment(self, state: str) -> dict[str, str]:
        """Return a command's environment."""
        variables = {
            "OUTLAST_CONFIG": str(self.config),
            "OUTLAST_STATE_DIR": str(self.folder / "state" / state),
        }
        return {**os.environ, **self._secrets, **variables}


class GatewayProcess:
    """A running `outlast serve`. Leaving its context stops it."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """Wait until the gateway accepts requests. Raises `CommandFailed` when it ends instead."""
        self._process = process
        self._log = log
        assert process.stdout is not None
        watch = threading.Timer(ready_s_max, process.kill)
        watch.start()
        line = process.stdout.readline()
        watch.cancel()
        if not line:
            process.wait()
            raise CommandFailed(f"the gateway ended before it was ready: {self.said()}")
        self.endpoint: str = json.loads(line)["endpoint"]
        self.host, port = self.endpoint.removeprefix("http://").rsplit(":", 1)
        self.port = int(port)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def said(self) -> str:
        """What it wrote to standard error; "" if its folder has been deleted."""
        return self._log.read_text(errors="replace").strip() if self._log.exists() else ""

    def rss_bytes_max(self) -> int:
        """Its peak memory so far (`VmHWM`)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) << 10

    def cpu_s(self) -> float:
        """Its processor time so far, all threads together."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metrics(self) -> str:
        """Return its metrics, in Prometheus' format."""
        with urllib.request.urlopen(f"{self.endpoint}/metrics", timeout=metrics_s_max) as answer:
            text: str = answer.read().decode()
        return text

    def unwell(self) -> list[str]:
        """Return the providers that it considers down or estranged."""
        return _unwell.findall(self.metrics())

    def is_running(self) -> bool:
        """Whether it is still running."""
        return self._process.poll() is None

    def stop(self) -> int:
        """Ask it to end (SIGTERM); return its exit status."""
        if self.is_running():
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(stop_s_max)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
