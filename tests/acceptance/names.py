"""Host names that only the processes of a test know, and that can be forgotten while these run.

Commands run in a mount namespace of their own in which `/etc/hosts` and `/etc/resolv.conf` are files of the
test. Every lookup reads them anew. What is not in the one is not found: the other names a server at which
nobody listens.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_mount_and_run = """
mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@"
"""


class Names:
    """`hosts`, all of them this computer, for what is run `through`."""

    def __init__(self, folder: Path, hosts: Sequence[str]) -> None:
        self._hosts = folder / "hosts"
        resolver = folder / "resolv.conf"
        lines = ["127.0.0.1 localhost", *[f"127.0.0.1 {host}" for host in hosts]]
        self._hosts.write_text("\n".join(lines) + "\n")
        resolver.write_text("nameserver 127.0.0.253\noptions timeout:1 attempts:1\n")
        root = [] if os.geteuid() == 0 else ["--map-root-user"]
        self.through = (
            *("unshare", "--mount", *root, "sh", "-c", _mount_and_run, "sh"),
            *(str(self._hosts), str(resolver)),
        )

    def why_not(self) -> str:
        """Why no command can be run so here; "" if it can."""
        if sys.platform != "linux" or shutil.which("unshare") is None:
            return "there is no unshare"
        tried = subprocess.run([*self.through, "true"], capture_output=True, check=False)
        return tried.stderr.decode(errors="replace").strip()

    def forget(self, host: str) -> None:
        """It cannot be resolved from now on."""
        self._change(f"127.0.0.1 {host}\n", f"#27.0.0.1 {host}\n")

    def remember(self, host: str) -> None:
        """It can be again."""
        self._change(f"#27.0.0.1 {host}\n", f"127.0.0.1 {host}\n")

    def _change(self, before: str, after: str) -> None:
        """In place, or it were not the mounted file; in one write, or somebody might see half of it."""
        text = self._hosts.read_text()
        assert before in text and len(before) == len(after)
        with self._hosts.open("r+b", buffering=0) as file:
            file.write(text.replace(before, after).encode())
