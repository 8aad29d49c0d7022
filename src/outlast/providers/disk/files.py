"""The system calls that objects on a disk are made of: whole writes, whole reads, links, fsyncs."""

import errno
import fcntl
import os
import stat

from outlast.providers.protocol import Data, chunks_of

_buffers_per_write_max = os.sysconf("SC_IOV_MAX")


def open_object(path: str) -> tuple[int, int]:
    """A file open for reading, and its size. Raises OSError, IsADirectoryError too."""
    file = os.open(path, os.O_RDONLY)
    found = os.fstat(file)
    if stat.S_ISDIR(found.st_mode):
        os.close(file)
        raise IsADirectoryError(errno.EISDIR, path)
    return file, found.st_size


def read(file: int, start: int, stop: int) -> bytes:
    """Bytes [start, stop) of the file, which has them."""
    data = os.pread(file, stop - start, start)
    if len(data) == stop - start:
        return data
    parts = [data]
    while (start := start + len(parts[-1])) < stop and parts[-1]:
        parts.append(os.pread(file, stop - start, start))
    return b"".join(parts)


def write(file: int, data: Data) -> None:
    """All of `data`, then fsync."""
    chunks = [memoryview(chunk).cast("B") for chunk in chunks_of(data) if len(chunk)]
    while chunks:
        written = os.writev(file, chunks[:_buffers_per_write_max])
        done = 0
        while done < len(chunks) and written >= len(chunks[done]):
            written -= len(chunks[done])
            done += 1
        chunks = chunks[done:]
        if written:
            chunks[0] = chunks[0][written:]
    os.fsync(file)


def link(file: int, path: str) -> None:
    """Give the nameless `file` the name `path`. Raises FileExistsError if there is one of that name."""
    # A directory descriptor, though unused with an absolute path, makes Python call linkat, which alone
    # can follow the link in /proc.
    os.link(f"/proc/self/fd/{file}", path, src_dir_fd=file, follow_symlinks=True)


def fsync_folder(folder: str) -> None:
    """Make the names in `folder` durable."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def mark_unsettled(file: int) -> None:
    """Until `file` is closed, tell those who read it that its name may not be durable yet."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pass  # a file system without locks; nobody else sees the hint then, and nothing depends on it


def unsettled(file: int) -> bool:
    """Whether a writer has yet to make the name of `file` durable."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system without locks
    return False
