"""A model in the place of the kernel: a disk that keeps only what was synced, and what people do to it.

`ModelDisk` is what survives its processes: files, folders, and of both what is durable. `ModelSystem` is one
process's `System` on it. Each call first tells `before`, which may count, act on the disk, or raise `Killed`.
"""

import errno
import os
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from outlast.providers.disk.system import FileStatus, Item, System


class Killed(BaseException):
    """The process has ended at this moment."""


@dataclass
class Inode:
    number: int
    content: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    names: int = 0
    changes: int = 0
    reserved: int = 0
    """Bytes of room that it has behind its end."""


@dataclass
class Open:
    inode: Inode
    appends: bool = False
    position: int = 0


class ModelDisk:
    """Folders by path, each with its files by name. `durable` is what a power cut leaves of the names."""

    def __init__(self, *folders: str) -> None:
        self.names: dict[str, dict[str, Inode]] = {folder: {} for folder in folders}
        self.durable: dict[str, dict[str, Inode]] = {folder: {} for folder in folders}
        self.numbers = 0

    def inode(self) -> Inode:
        self.numbers += 1
        return Inode(self.numbers)

    def find(self, path: str) -> Inode:
        folder, _, name = path.rpartition("/")
        try:
            return self.names[folder][name]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, path) from None

    def set(self, path: str, inode: Inode) -> None:
        folder, _, name = path.rpartition("/")
        if folder not in self.names:
            raise FileNotFoundError(errno.ENOENT, path)
        if name in self.names[folder]:
            self.names[folder][name].names -= 1
        self.names[folder][name] = inode
        inode.names += 1

    def remove(self, path: str) -> None:
        inode = self.find(path)
        folder, _, name = path.rpartition("/")
        del self.names[folder][name]
        inode.names -= 1

    def files(self) -> list[str]:
        return sorted(f"{folder}/{name}" for folder, names in self.names.items() for name in names)

    def put_back(self, path: str, content: bytes) -> None:
        """A file of that content in the place of another, as a copy of the disk has it."""
        inode = self.inode()
        inode.content[:] = content
        inode.durable = content
        self.set(path, inode)

    def write_over(self, path: str, content: bytes) -> None:
        """That content in the same file, as `cp` writes over what is there."""
        inode = self.find(path)
        inode.content[:] = content
        inode.durable = content
        inode.changes += 1

    def lose_power(self, names: bool, keep: Callable[[bytes, bytes], bytes]) -> None:
        """Keep what is durable; all of the names if `names`; of a file `keep(durable, content)`."""
        if not names:
            self.names = {folder: dict(entries) for folder, entries in self.durable.items()}
        self.durable = {folder: dict(entries) for folder, entries in self.names.items()}
        for inode in {id(inode): inode for names in self.names.values() for inode in names.values()}.values():
            left = keep(inode.durable, bytes(inode.content))
            inode.content[:] = left
            inode.durable = left
            inode.changes += 1


def nothing_more(durable: bytes, content: bytes) -> bytes:
    return durable


def everything(durable: bytes, content: bytes) -> bytes:
    return content


def half(durable: bytes, content: bytes) -> bytes:
    """A beginning of what was not synced."""
    return content[: len(durable) + (len(content) - len(durable)) // 2]


def zeros(durable: bytes, content: bytes) -> bytes:
    """The right size, and nothing written."""
    return durable + bytes(len(content) - len(durable))


def first_sector(durable: bytes, content: bytes) -> bytes:
    """The right size, and only the sector written in which the durable part ends."""
    written = -(-(len(durable) + 1) // 512) * 512
    return content[:written] + bytes(max(0, len(content) - written))


ends = (nothing_more, everything, half, zeros, first_sector)


class ModelSystem(System):
    """One process on `disk`."""

    nameless = True

    def __init__(self, disk: ModelDisk, before: Callable[[str], None] = lambda call: None) -> None:
        self.disk = disk
        self.before = before
        self.room: int | None = None
        """Bytes that may still be written; None is enough."""
        self.tells_room = True
        """Whether the file system says how much of it is free; with a quota it does not."""
        self._open: dict[int, Open] = {}
        self._next = 100

    def _add(self, one: Open) -> int:
        self._next += 1
        self._open[self._next] = one
        return self._next

    def open_read(self, path: str) -> int:
        self.before("open_read")
        return self._add(Open(self.disk.find(path)))

    def open_append(self, path: str) -> int:
        self.before("open_append")
        return self._add(Open(self.disk.find(path), appends=True))

    def open_nameless(self, folder: str) -> int:
        self.before("open_nameless")
        if folder not in self.disk.names:
            raise FileNotFoundError(errno.ENOENT, folder)
        return self._add(Open(self.disk.inode()))

    def open_new(self, path: str) -> int:
        self.before("open_new")
        inode = self.disk.inode()
        try:
            self.disk.find(path)
        except FileNotFoundError:
            self.disk.set(path, inode)
            return self._add(Open(inode))
        raise FileExistsError(errno.EEXIST, path)

    def close(self, file: int) -> None:
        del self._open[file]

    def status(self, file: int) -> FileStatus:
        self.before("status")
        return self._status(self._open[file].inode)

    def status_of(self, path: str) -> FileStatus:
        self.before("status_of")
        if path in self.disk.names:
            return FileStatus((1, 0), 0, 1, stat.S_IFDIR, 0.0, 0, 0)
        return self._status(self.disk.find(path))

    def _status(self, inode: Inode) -> FileStatus:
        size = len(inode.content)
        allocated = size + inode.reserved
        return FileStatus((1, inode.number), size, inode.names, stat.S_IFREG, 0.0, inode.changes, allocated)

    def is_folder(self, path: str) -> bool:
        return path in self.disk.names

    def read(self, file: int, start: int, stop: int) -> bytes:
        self.before("read")
        return bytes(self._open[file].inode.content[start:stop])

    def write(self, file: int, chunks: Sequence[memoryview]) -> int:
        self.before("write")
        one, data = self._open[file], b"".join(chunks)
        if self.room is not None:
            if data and not self.room + one.inode.reserved:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            data = data[: self.room + one.inode.reserved]
            reserved = min(one.inode.reserved, len(data))
            one.inode.reserved -= reserved
            self.room -= len(data) - reserved
        at = len(one.inode.content) if one.appends else one.position
        one.inode.content[at : at + len(data)] = data
        one.inode.changes += 1
        one.position = at + len(data)
        return len(data)

    def free_bytes(self, file: int) -> int:
        self.before("free_bytes")
        return sys.maxsize if self.room is None or not self.tells_room else self.room

    def reserve(self, file: int, start: int, size: int) -> None:
        self.before("reserve")
        if self.room is None:
            return
        inode = self._open[file].inode
        missing = start + size - len(inode.content) - inode.reserved
        if missing > 0:
            taken = min(missing, self.room)  # as ext4 does, which keeps what it got when there is too little
            inode.reserved += taken
            self.room -= taken
            if taken < missing:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def position(self, file: int) -> int:
        self.before("position")
        return self._open[file].position

    def sync(self, file: int) -> None:
        self.before("sync")
        inode = self._open[file].inode
        inode.durable = bytes(inode.content)

    def sync_data(self, file: int) -> None:
        self.before("sync_data")
        inode = self._open[file].inode
        inode.durable = bytes(inode.content)

    def sync_folder(self, folder: str) -> None:
        self.before("sync_folder")
        if folder not in self.disk.names:
            raise FileNotFoundError(errno.ENOENT, folder)
        self.disk.durable[folder] = dict(self.disk.names[folder])

    def name(self, file: int, path: str) -> None:
        self.before("name")
        self._name(self._open[file].inode, path)

    def link(self, source: str, path: str) -> None:
        self.before("link")
        self._name(self.disk.find(source), path)

    def _name(self, inode: Inode, path: str) -> None:
        try:
            self.disk.find(path)
        except FileNotFoundError:
            self.disk.set(path, inode)
        else:
            raise FileExistsError(errno.EEXIST, path)

    def rename(self, source: str, path: str) -> None:
        self.before("rename")
        inode = self.disk.find(source)
        self.disk.set(path, inode)
        self.disk.remove(source)

    def remove(self, path: str) -> None:
        self.before("remove")
        self.disk.remove(path)

    def make_folder(self, path: str) -> None:
        self.before("make_folder")
        if path in self.disk.names:
            raise FileExistsError(errno.EEXIST, path)
        self.disk.names[path] = {}
        self.disk.durable[path] = {}

    def remove_folder(self, path: str) -> None:
        self.before("remove_folder")
        if self.disk.names.get(path):
            raise OSError(errno.ENOTEMPTY, path)
        del self.disk.names[path]
        self.disk.durable.pop(path, None)

    def items(self, folder: str) -> list[Item]:
        self.before("items")
        if folder not in self.disk.names:
            raise FileNotFoundError(errno.ENOENT, folder)
        files = [Item(name, inode.number, False, True) for name, inode in self.disk.names[folder].items()]
        folders = [
            Item(path[len(folder) + 1 :], 0, True, False)
            for path in self.disk.names
            if path.startswith(f"{folder}/") and "/" not in path[len(folder) + 1 :]
        ]
        return files + folders

    def lock(self, file: int) -> bool:
        return True

    def is_locked(self, file: int) -> bool:
        return False
