"""The system calls that the disk provider is made of, one method each: the seam between it and the kernel.

Everything that the disk provider does to a file system goes through here, so that a test can count the calls,
stop between any two of them, and replace the kernel with a model that forgets what was not synced.

Methods raise OSErrors. Files are opened so that links and special files do no harm: a link as the last part
of a path is refused (`files.check_folders` checks the folders before it), a FIFO does not block, and other
programs do not inherit descriptors.
"""

import ctypes
import errno
import fcntl
import os
import stat
import sys
from collections.abc import Sequence
from typing import NamedTuple

# fallocate(2), which Python lacks: `os.posix_fallocate` would move the end of the file.
_c = ctypes.CDLL(None, use_errno=True)
_fallocate = getattr(_c, "fallocate64", None) or getattr(_c, "fallocate", None)
if _fallocate is not None:
    _fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_keep_size = 1

_always = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FileStatus(NamedTuple):
    """A file's status from the kernel."""

    identity: tuple[int, int]
    """Device and inode."""
    size: int
    names: int
    """How many names it has; 0 after the last one was removed."""
    kind: int
    """`stat.S_IFREG`, `stat.S_IFDIR`, ..."""
    modified: float
    """Unix time in seconds."""
    changed: int
    """When content or attributes last changed, in nanoseconds of Unix time. Programs cannot set it."""
    allocated: int
    """Bytes in the blocks allocated to the file."""


class Item(NamedTuple):
    """One name in a folder."""

    name: str
    inode: int
    is_folder: bool
    is_file: bool


class System:
    """The kernel."""

    nameless = hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd")
    """Whether files without names are supported."""

    def open_read(self, path: str) -> int:
        """A descriptor for reading."""
        return os.open(path, os.O_RDONLY | _always)

    def open_append(self, path: str) -> int:
        """A descriptor for reading and for appending."""
        return os.open(path, os.O_RDWR | os.O_APPEND | _always)

    def open_nameless(self, folder: str) -> int:
        """A new file without a name. Raises EOPNOTSUPP or EISDIR where that is not supported."""
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def open_new(self, path: str) -> int:
        """A new file of that name. Raises FileExistsError."""
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | _always, 0o600)

    def close(self, file: int) -> None:
        os.close(file)

    def status(self, file: int) -> FileStatus:
        """The status of an open file."""
        return _status(os.fstat(file))

    def status_of(self, path: str) -> FileStatus:
        """The status of a name; for a link, that of the link itself."""
        return _status(os.lstat(path))

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder, or a link to one."""
        return os.path.isdir(path)

    def read(self, file: int, start: int, stop: int) -> bytes:
        """At most the bytes [start, stop), and at least one if there is one."""
        return os.pread(file, stop - start, start)

    def write(self, file: int, chunks: Sequence[memoryview]) -> int:
        """Write at the end of a file opened by `open_append`; return how many bytes were written."""
        return os.writev(file, chunks)

    def free_bytes(self, file: int) -> int:
        """The free bytes on the file system, including those for privileged processes only."""
        found = os.fstatvfs(file)
        return found.f_bfree * found.f_frsize if found.f_blocks else sys.maxsize  # a tmpfs without a limit

    def space(self, path: str) -> tuple[int, int] | None:
        """The free bytes and all bytes of the file system of `path`; None if it has no limit, as some tmpfs.

        Free are those that every user may have, as `df` counts them: what is reserved for root is not.
        """
        found = os.statvfs(path)
        if not found.f_blocks:
            return None
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    def reserve(self, file: int, start: int, size: int) -> None:
        """Allocate blocks for that range, and leave the end of the file where it is.

        Raises ENOSPC and EDQUOT, and may then keep a part. Does nothing where the file system cannot do it.
        """
        if _fallocate is not None and _fallocate(file, _keep_size, start, size) != 0:
            number = ctypes.get_errno()
            if number in full_errors:
                raise OSError(number, os.strerror(number))

    def position(self, file: int) -> int:
        """Where the descriptor's last write ended."""
        return os.lseek(file, 0, os.SEEK_CUR)

    def sync(self, file: int) -> None:
        """Make content and attributes durable."""
        os.fsync(file)

    def sync_data(self, file: int) -> None:
        """Make the content, and what is needed to read it, durable."""
        os.fdatasync(file)

    def sync_folder(self, folder: str) -> None:
        """Make the names in a folder durable."""
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def name(self, file: int, path: str) -> None:
        """Give a nameless file a name. Raises FileExistsError."""
        # A directory descriptor, though unused with an absolute path, makes Python call linkat, which alone
        # can follow the link in /proc.
        os.link(f"/proc/self/fd/{file}", path, src_dir_fd=file, follow_symlinks=True)

    def link(self, source: str, path: str) -> None:
        """Give a file a second name. Raises FileExistsError."""
        os.link(source, path, follow_symlinks=False)

    def rename(self, source: str, path: str) -> None:
        """Give a file another name, replacing the file that has it."""
        os.replace(source, path)

    def remove(self, path: str) -> None:
        """Remove a name of a file."""
        os.unlink(path)

    def make_folder(self, path: str) -> None:
        """Create a folder. Raises FileExistsError."""
        os.mkdir(path, 0o700)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        os.rmdir(path)

    def items(self, folder: str) -> list[Item]:
        """The items in a folder, in no particular order."""
        with os.scandir(folder) as found:
            return [
                Item(
                    item.name,
                    item.inode(),
                    item.is_dir(follow_symlinks=False),
                    item.is_file(follow_symlinks=False),
                )
                for item in found
            ]

    def lock(self, file: int) -> bool:
        """Lock the file exclusively until it is closed. False if it is locked, or locks are not supported."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def is_locked(self, file: int) -> bool:
        """Whether another descriptor has locked it."""
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False  # a file system without locks
        return False


def _status(found: os.stat_result) -> FileStatus:
    identity = (found.st_dev, found.st_ino)
    return FileStatus(
        identity,
        found.st_size,
        found.st_nlink,
        stat.S_IFMT(found.st_mode),
        found.st_mtime,
        found.st_ctime_ns,
        found.st_blocks * 512,
    )


full_errors = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The error numbers for a full disk or quota."""


def is_absent(error: OSError) -> bool:
    """Whether the error means that there is no file of that name; something else may have the name."""
    return error.errno in _absent


_absent = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO}


def not_a_file(path: str) -> OSError:
    """The error if something other than a file has the name."""
    return OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
