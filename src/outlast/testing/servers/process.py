"""A server as a process: started on a free port, waited for, stopped, killed, frozen."""

import fcntl
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

start_s_max = 30.0
stop_s_max = 5.0


class CannotHave(Exception):
    """What a server needs is missing and cannot be installed; the message says why."""


@dataclass
class Server:
    """One server: a process, or several that form it. `url` is where it is reached."""

    url: str
    processes: list[subprocess.Popen[bytes]]
    secrets: dict[str, str] = field(default_factory=dict)
    """Environment variables with its credential, as URLs of providers name them."""

    def freeze(self) -> None:
        """Suspend it: it does not answer, and its connections stay."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it at once. What it had on disk stays."""
        self._signal(signal.SIGKILL)
        for process in self.processes:
            process.wait()

    def stop(self) -> None:
        """End it, whatever its state."""
        self.thaw()
        self._signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(stop_s_max)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)


def servers_folder() -> Path:
    """Where servers are installed: `build/servers` of the current folder."""
    folder = Path("build/servers").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def install(what: str, done: Path, steps: Sequence[Sequence[str]]) -> None:
    """Run the commands unless `done` is there; one process at a time. Raises `CannotHave`."""
    with (servers_folder() / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            return
        for step in steps:
            try:
                subprocess.run(step, capture_output=True, check=True, timeout=300)
            except (OSError, subprocess.SubprocessError) as error:
                output = getattr(error, "stderr", None) or b""
                last = output.decode(errors="replace").strip().splitlines()[-1:]
                raise CannotHave(f"{what} cannot be installed: {' '.join([str(error), *last])}") from error
        if not done.exists():
            raise CannotHave(f"{what} was installed, but has no {done.name}")


def free_port() -> int:
    """Return a port of this computer on which no process is listening now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def start_process(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that writes its output to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )


@contextmanager
def ended_on_failure(processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """If the block fails, end these processes."""
    try:
        yield
    except BaseException:
        Server("", processes).stop()
        raise


def wait_until(ready: Callable[[], bool], processes: Sequence[subprocess.Popen[bytes]], log: Path) -> None:
    """Return when `ready`. Raises `CannotHave` if a process ends, or it takes too long."""
    pause = Event()
    for _ in range(int(start_s_max / 0.05)):
        if any(process.poll() is not None for process in processes):
            break
        if ready():
            return
        pause.wait(0.05)
    said = log.read_text(errors="replace")[-500:] if log.exists() else ""
    raise CannotHave(f"{processes[0].args!r} does not start: {said}")


def listens(port: int) -> bool:
    """Whether a process listens on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
