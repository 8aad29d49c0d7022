"""Complete reads and writes, and the traces that an operation leaves."""

import errno
import os
import stat
from collections.abc import Sequence

from outlast.providers.disk.system import FileStatus, System, not_a_file
from outlast.providers.protocol import Data, chunks_of

_buffers_per_write_max = os.sysconf("SC_IOV_MAX")


class Traces:
    """What one operation has created so far."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._folders: list[str] = []
        self._files: list[tuple[str, tuple[int, int]]] = []

    def made_folder(self, path: str) -> None:
        """Record a folder that this operation created."""
        self._folders.append(path)

    def named(self, path: str, file: int) -> None:
        """Record that this operation gave the open file this new name."""
        self._files.append((path, self._system.status(file).identity))

    def remove(self) -> None:
        """Remove everything that is still as it was created. A folder that others use by now stays."""
        for path, identity in self._files:
            try:
                if self._system.status_of(path).identity == identity:
                    self._system.remove(path)
            except OSError:
                continue  # its folder or its disk was removed
        for path in reversed(self._folders):
            try:
                self._system.remove_folder(path)
            except OSError:
                continue


def check_folders(system: System, root: str, key: str) -> None:
    """Raise NotADirectoryError if a folder between `root` and `key` is a link: it leads elsewhere.

    Raises FileNotFoundError if one is missing.
    """
    at = key.find("/")
    while at >= 0:
        folder = f"{root}/{key[:at]}"
        if system.status_of(folder).kind != stat.S_IFDIR:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder)
        at = key.find("/", at + 1)


def open_file(system: System, path: str) -> tuple[int, FileStatus]:
    """Open a file for reading. Raises OSError, also if the name is not that of a regular file."""
    file = system.open_read(path)
    status = system.status(file)
    if status.kind != stat.S_IFREG:
        system.close(file)
        raise IsADirectoryError(errno.EISDIR, path) if status.kind == stat.S_IFDIR else not_a_file(path)
    return file, status


def read(system: System, file: int, start: int, stop: int) -> bytes:
    """The bytes [start, stop) of the file; fewer if it ends earlier."""
    data = system.read(file, start, stop)
    if len(data) == stop - start:
        return data
    parts = [data]
    while parts[-1] and (start := start + len(parts[-1])) < stop:
        parts.append(system.read(file, start, stop))
    return b"".join(parts)


def write(system: System, file: int, data: Data) -> None:
    """Write all of `data`, then fsync."""
    write_all(system, file, data)
    system.sync(file)


def write_all(system: System, file: int, data: Data) -> None:
    """Write all of `data`, with as many calls as it takes."""
    chunks: Sequence[memoryview] = [memoryview(part).cast("B") for part in chunks_of(data) if len(part)]
    while chunks:
        written = system.write(file, chunks[:_buffers_per_write_max])
        done = 0
        while done < len(chunks) and written >= len(chunks[done]):
            written -= len(chunks[done])
            done += 1
        chunks = [chunks[done][written:], *chunks[done + 1 :]] if done < len(chunks) else []
