"""Files that are written first and named later.

A draft is a file without a name where the system supports that (`O_TMPFILE`: nothing to clean up after a
crash), otherwise a file under `.tmp`. It gets its final name atomically by `link`, or by renaming a temporary
name. The folders that will hold it are created here and made durable.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

from outlast.base.clock import Clock
from outlast.providers.disk import files
from outlast.providers.disk.files import Traces
from outlast.providers.disk.system import System
from outlast.providers.protocol import Data

# Temporary names older than this are garbage: they live for microseconds, or while a file is written.
leftover_s_min = 3600.0
# How many folders are remembered as durable. Each forgotten one costs an fsync.
settled_folders_max = 65_536
# How often a folder is recreated for one draft while another process keeps deleting it.
settle_attempts_max = 8

TEMPORARY = ".tmp"


class Draft(NamedTuple):
    """An open file that is written but has no final name yet; `path` is its temporary name, if any."""

    system: System
    file: int
    path: str | None
    traces: Traces

    def link(self, path: str) -> None:
        """Give it the final name `path`. Raises FileExistsError if that exists."""
        if self.path is None:
            self.system.name(self.file, path)
        else:
            self.system.link(self.path, path)
        self.traces.named(path, self.file)


class Drafts:
    """Makes drafts for objects below the directory `root`."""

    def __init__(self, system: System, root: str, clock: Clock) -> None:
        self._system = system
        self._root = root
        self._clock = clock
        self._nameless = system.nameless
        self._settled: set[str] = set()
        self._numbers = count()
        self._swept = False

    @contextmanager
    def written(self, folder: str, data: Data, traces: Traces) -> Iterator[Draft]:
        """`data` in a durable file, which the block names in `folder`; afterwards that name is durable, too.

        `traces` records everything created on the way.
        """
        file, path = self._open(folder, traces)
        try:
            files.write(self._system, file, data)
            self._system.lock(file)  # a hint for readers: its name may not be durable yet
            yield Draft(self._system, file, path, traces)
            self._system.sync_folder(folder)
        finally:
            self._system.close(file)
            if path is not None:
                self._remove(path)

    def _open(self, folder: str, traces: Traces) -> tuple[int, str | None]:
        """A new file for `folder`, and its temporary name, if any."""
        if folder not in self._settled:
            self._settle(folder, traces)
        for _ in range(settle_attempts_max):
            try:
                return self._open_in(folder, traces)
            except (FileNotFoundError, PermissionError):
                # The folder was removed meanwhile: another program is emptying the directory, or has emptied
                # it. (ext4 reports EPERM while that is in progress. A real EPERM comes up again.)
                self._settle(folder, traces)
        return self._open_in(folder, traces)

    def _open_in(self, folder: str, traces: Traces) -> tuple[int, str | None]:
        if self._nameless:
            try:
                return self._system.open_nameless(folder), None
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR):
                    raise
                self._nameless = False  # this file system does not support it
        while True:
            path = self.temporary_path(traces)
            try:
                return self._system.open_new(path), path
            except FileExistsError:
                continue  # another process uses the same numbers; the next one may be free

    @contextmanager
    def named(self, draft: Draft) -> Iterator[str]:
        """A temporary name of `draft`, because only names can be renamed."""
        if draft.path is not None:
            yield draft.path
            return
        while True:
            path = self.temporary_path(draft.traces)
            try:
                self._system.name(draft.file, path)
                break
            except FileExistsError:
                continue
        try:
            yield path
        finally:
            self._remove(path)

    def temporary_path(self, traces: Traces) -> str:
        """An unused name on the same file system, for a short-lived file."""
        folder = f"{self._root}/{TEMPORARY}"
        self._make(folder, traces)
        if not self._swept:
            self._swept = True
            self._sweep(folder, self._clock.now() - leftover_s_min)
        return f"{folder}/{os.getpid():x}-{next(self._numbers):x}"

    def _sweep(self, folder: str, before: float) -> None:
        """Remove what crashed writers left in `folder` before that Unix time."""
        for item in self._system.items(folder):
            path = f"{folder}/{item.name}"
            try:
                if item.is_file and self._system.status_of(path).modified < before:
                    self._system.remove(path)
            except FileNotFoundError:
                continue  # another process is sweeping, too

    def _settle(self, folder: str, traces: Traces) -> None:
        """Ensure that `folder`, below the root, exists and is durable, even if another process made it."""
        if folder != self._root:
            parent = folder.rpartition("/")[0]
            self._settle(parent, traces)
            self._make(folder, traces)
            self._system.sync_folder(parent)
        if len(self._settled) >= settled_folders_max:
            self._settled.clear()
        self._settled.add(folder)

    def _make(self, folder: str, traces: Traces) -> None:
        """Ensure that a folder exists. A link to one, which may lead off the disk, is refused."""
        try:
            self._system.make_folder(folder)
        except FileExistsError:  # another process was faster, or it already existed
            if self._system.status_of(folder).kind != stat.S_IFDIR:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from None
            return
        traces.made_folder(folder)

    def _remove(self, path: str) -> None:
        try:
            self._system.remove(path)
        except FileNotFoundError:
            pass  # it was renamed to its final name
