"""A gateway under siege: a process on a machine of its own, which is killed, stopped, and restarted.

It remembers when it was disturbed, since only a request in flight at that time may remain without an answer.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from outlast.base.clock import Clock
from outlast.testing.installation import CommandFailed, GatewayProcess, Installation
from outlast.testing.s3_client import S3Client
from outlast.testing.siege.timeline import Timeline

STATE = "gateway"
STARTS_MAX = 3
ANSWER_S_MAX = 60.0
"""A request to a healthy gateway is answered within this time, even on a busy machine."""


class ShiftedClock:
    """The time of a machine whose clock is wrong; requests to its gateway are signed with it."""

    def __init__(self, clock: Clock, offset_s: float) -> None:
        self._clock, self._offset_s = clock, offset_s

    def now(self) -> float:
        return self._clock.now() + self._offset_s

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


def find_faketime() -> str | None:
    """Return the library that `faketime` preloads, for `LD_PRELOAD`; None if there is none."""
    if shutil.which("faketime") is None:
        return None
    found = subprocess.run(
        ["faketime", "-f", "+0s", "printenv", "LD_PRELOAD"], capture_output=True, check=False
    )
    return found.stdout.decode().strip() or None


def clock_environment(library: str, offset_s: float) -> dict[str, str]:
    """Return variables that make a process's clock wrong. Elapsed time and file times stay right."""
    return {
        "LD_PRELOAD": library,
        "FAKETIME": f"{offset_s:+.0f}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


class BesiegedGateway:
    """One gateway, whatever its current process. `home`: its machine's settings and state."""

    def __init__(
        self, name: str, home: Installation, key: tuple[str, str], clock: Clock, timeline: Timeline
    ) -> None:
        self.name = name
        self.up = asyncio.Event()
        self.busy = asyncio.Lock()
        """Held by the loop that disturbs it."""
        self._home = home
        self._key = key
        self._clock = clock
        self._timeline = timeline
        self._process: GatewayProcess | None = None
        self._client: S3Client | None = None
        self._disturbed: list[list[float]] = [[timeline.now_s(), float("inf")]]

    @property
    def client(self) -> S3Client:
        """A client of the current process."""
        assert self._client is not None, "the gateway has been started"
        return self._client

    @property
    def process(self) -> GatewayProcess:
        """The current process."""
        assert self._process is not None, "the gateway has been started"
        return self._process

    @property
    def log(self) -> Path:
        """The standard error of all its processes."""
        return self._home.folder / f"{STATE}.log"

    def was_disturbed(self, since_s: float) -> bool:
        """Whether it was dead or stopped at any time since then, in seconds of the siege."""
        return any(end >= since_s for _, end in self._disturbed)

    async def start(self, environment: dict[str, str] | None = None, offset_s: float = 0.0) -> None:
        """Start a process; return when it accepts requests. A failure is a finding; it stays down."""
        home = Installation(self._home.folder, environment) if environment else self._home
        for _ in range(STARTS_MAX):
            began = self._timeline.now_s()
            try:
                self._process = await asyncio.to_thread(home.serve, STATE)
                break
            except CommandFailed as error:
                self._timeline.find("a gateway does not start", f"{self.name}: {str(error)[-2000:]}", began)
        else:
            return
        process = self._process
        clock = ShiftedClock(self._clock, offset_s)
        self._client = S3Client(process.host, process.port, *self._key, timeout_s=ANSWER_S_MAX, clock=clock)
        self.up.set()
        self._calm()

    async def kill(self, forget: bool = False) -> None:
        """Kill the process as `kill -9` does; `forget`: delete its local state, too."""
        self.up.clear()
        self._disturb()
        if self._process is not None:
            await asyncio.to_thread(self._process.kill)
        if self._client is not None:
            await self._client.close()
        if forget:
            await asyncio.to_thread(shutil.rmtree, self._home.folder / "state", True)

    def pause(self) -> None:
        """Suspend the process (SIGSTOP)."""
        self._disturb()
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the process."""
        os.kill(self.process.pid, signal.SIGCONT)
        self._calm()

    async def close(self) -> None:
        """End the process in an orderly way, or at once if that takes too long."""
        if self._client is not None:
            await self._client.close()
        if self._process is not None and self._process.is_running():
            os.kill(self._process.pid, signal.SIGCONT)
            try:
                await asyncio.to_thread(self._process.stop)
            except subprocess.TimeoutExpired:
                self._timeline.find("a gateway does not stop", f"{self.name}: not after SIGTERM")

    def ended_by_itself(self) -> bool:
        """Whether the process has ended although nothing ended it."""
        return self.up.is_set() and not self.process.is_running()

    async def unwell(self) -> Sequence[str]:
        """Return the providers that it considers down or estranged. Raises OSError if it does not answer."""
        return await asyncio.to_thread(self.process.unwell)

    def _disturb(self) -> None:
        """Note that it is dead or stopped from now on."""
        if self._disturbed[-1][1] != float("inf"):
            self._disturbed.append([self._timeline.now_s(), float("inf")])

    def _calm(self) -> None:
        """Note that it is running normally from now on."""
        self._disturbed[-1][1] = self._timeline.now_s()
