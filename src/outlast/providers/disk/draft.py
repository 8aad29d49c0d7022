"""Files that are written first and named later.

A draft is a file without a name where the system has such files (`O_TMPFILE`: nothing to clean up after a
crash), else one under `.tmp`. It gets its final name in one step by `link`, or by renaming a temporary
name of it. The folders that it is to appear in are made here, and made durable.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

from outlast.base.clock import Clock
from outlast.providers.disk import files
from outlast.providers.disk.place import Traces
from outlast.providers.protocol import Data

# Temporary names older than this belong to nobody: they live for microseconds, or while a file is written.
leftover_s_min = 3600.0
# Folders known to be durable themselves. Forgetting them costs an fsync each.
settled_folders_max = 65_536
# So often a folder is made anew for one draft while somebody else keeps deleting it.
settle_attempts_max = 8

TEMPORARY = ".tmp"


class Draft(NamedTuple):
    """An open file that is written but has not its final name; `path` is its temporary one, if it has one."""

    file: int
    path: str | None
    traces: Traces

    def link(self, path: str) -> None:
        """Give it the final name `path`. Raises FileExistsError if that is taken."""
        if self.path is None:
            files.link(self.file, path)
        else:
            os.link(self.path, path)
        self.traces.files.append((path, os.fstat(self.file).st_ino))


class Drafts:
    """Makes drafts for objects below the directory `root`."""

    def __init__(self, root: str, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._nameless = hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd")
        self._settled: set[str] = set()
        self._numbers = count()
        self._swept = False

    @contextmanager
    def written(self, folder: str, data: Data, traces: Traces) -> Iterator[Draft]:
        """`data` in a durable file, to be named in `folder` by the block; then that name is durable too.

        `traces` gets what is created on the way.
        """
        draft = Draft(*self._open(folder, traces), traces)
        try:
            files.write(draft.file, data)
            files.mark_unsettled(draft.file)
            yield draft
            files.fsync_folder(folder)
        finally:
            os.close(draft.file)
            if draft.path is not None:
                _unlink_if_there(draft.path)

    def _open(self, folder: str, traces: Traces) -> tuple[int, str | None]:
        """A new file for `folder`, and its temporary name if it has one."""
        if folder not in self._settled:
            self._settle(folder, traces)
        for _ in range(settle_attempts_max):
            try:
                return self._open_in(folder)
            except (FileNotFoundError, PermissionError):
                # The folder is gone since: the directory is being emptied, or was, by other means than ours.
                # (While that goes on ext4 says EPERM. Where it is meant, it is said again.)
                self._settle(folder, traces)
        return self._open_in(folder)

    def _open_in(self, folder: str) -> tuple[int, str | None]:
        if self._nameless:
            try:
                return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600), None
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR):
                    raise
                self._nameless = False  # this file system cannot
        return self._open_named()

    def _open_named(self) -> tuple[int, str]:
        while True:
            path = self._temporary_path()
            try:
                return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), path
            except FileExistsError:
                continue  # another process counts in the same way; the next number may be free

    @contextmanager
    def named(self, draft: Draft) -> Iterator[str]:
        """A temporary name of `draft`, which can be renamed, as only names can."""
        if draft.path is not None:
            yield draft.path
            return
        while True:
            path = self._temporary_path()
            try:
                files.link(draft.file, path)
                break
            except FileExistsError:
                continue
        try:
            yield path
        finally:
            _unlink_if_there(path)

    def _temporary_path(self) -> str:
        folder = own_folder(self._root, TEMPORARY)
        if not self._swept:
            self._swept = True
            sweep(folder, self._clock.now() - leftover_s_min)
        return f"{folder}/{os.getpid():x}-{next(self._numbers):x}"

    def _settle(self, folder: str, traces: Traces) -> None:
        """See to it that `folder`, below the root, is there and durable, whoever made it."""
        if folder != self._root:
            parent = folder.rpartition("/")[0]
            self._settle(parent, traces)
            if _make_folder(folder):
                traces.folders.append(folder)
            files.fsync_folder(parent)
        if len(self._settled) >= settled_folders_max:
            self._settled.clear()
        self._settled.add(folder)


def own_folder(root: str, name: str) -> str:
    """The path of a folder for the provider's bookkeeping, made if need be; never the root itself."""
    path = f"{root}/{name}"
    if not os.path.isdir(path):
        _make_folder(path)
    return path


def sweep(folder: str, before: float) -> None:
    """Remove what crashed writers left in `folder` before that Unix time."""
    with os.scandir(folder) as items:
        for item in items:
            try:
                if item.stat(follow_symlinks=False).st_mtime < before:
                    os.unlink(item.path)
            except FileNotFoundError:
                continue  # somebody else sweeps as well


def _make_folder(path: str) -> bool:
    """See to it that there is a folder; whether it was made here."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return False  # somebody else was faster, or it was there all the time
    return True


def _unlink_if_there(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # it was renamed to its final name
