"""Disks that are soon full, and that can be made read-only: a tmpfs for each provider, mounted by root."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from outlast.base.limits import MIB

DISK_BYTES = 32 * MIB
FILLING = "someone-elses"


def why_no_mounts() -> str:
    """Why nothing can be mounted here; "" if it can."""
    if sys.platform != "linux":
        return f"this is {sys.platform}"
    if os.geteuid() != 0:
        return "only root may"
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    tried = subprocess.run(command, capture_output=True, check=False)
    return tried.stderr.decode(errors="replace").strip()


class SmallDisks:
    """A file system of `DISK_BYTES` at `folder/NAME` for each name. Leaving the context unmounts them."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self._names = names

    def __enter__(self) -> Self:
        for name in self._names:
            place = self.folder / name
            place.mkdir(parents=True)
            self._mount("-t", "tmpfs", "-o", f"size={DISK_BYTES}", "outlast-test", str(place))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._names:
            # lazily: a process that a failed test has left behind may still be there
            subprocess.run(["umount", "--lazy", str(self.folder / name)], check=True)

    def fill(self, *names: str) -> None:
        """Let something else use what is left on these disks."""
        for name in names:
            with (self.folder / name / FILLING).open("wb") as other:
                other.write(bytes(shutil.disk_usage(self.folder / name).free))

    def make_room(self, *names: str) -> None:
        """That something else goes away."""
        for name in names:
            (self.folder / name / FILLING).unlink()

    def freeze(self, *names: str) -> None:
        """Make these disks read-only, as a kernel does after an error. What is being written is refused."""
        for name in names:
            self._mount("-o", "remount,ro", str(self.folder / name))

    def thaw(self, *names: str) -> None:
        for name in names:
            self._mount("-o", "remount,rw", str(self.folder / name))

    def _mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments], check=True)
