"""The line to a server (`testing.proxy`) as a process of its own, so that no busy test slows it down."""

import subprocess
import sys
from pathlib import Path

from outlast.testing.proxy import Mode


class Line:
    """A proxy to `port` of this computer; `certificate` (PEM, chain and key) makes it speak TLS."""

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        command = [sys.executable, "-m", "outlast.testing.proxy", "--to", f"127.0.0.1:{port}"]
        if certificate is not None:
            command += ["--certificate", str(certificate)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._answer())
        """Where to connect instead."""

    def set_mode(self, mode: Mode) -> None:
        """See `proxy`."""
        self._tell(f"mode {mode}")

    def set_certificate(self, certificate: Path) -> None:
        """Use another certificate from now on; current connections have to reconnect."""
        self._tell(f"certificate {certificate}")

    def drop(self) -> None:
        """Break off current connections, once."""
        self._tell("drop")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()

    def _tell(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert answer == "ok", f"{order}: {answer!r}"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
