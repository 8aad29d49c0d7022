"""Whether several processes may append to one file of a file system without losing or mixing their writes.

Journals rely on it. Local file systems lock a file for each write, so that each append is in one piece at the
end. Network file systems let each computer append at what it believes to be the end. One computer cannot
measure that, so this module gets the type of the mounted file system from the kernel and accepts only known
local ones. A short race between descriptors then confirms it.
"""

import os
import re
import threading
from pathlib import Path

from outlast.providers.disk.files import read
from outlast.providers.disk.system import System

# The kernel's names. `overlay` stores writes on one of the others.
local_types = frozenset(
    {
        "bcachefs",
        "btrfs",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "jfs",
        "nilfs2",
        "overlay",
        "ramfs",
        "reiserfs",
        "tmpfs",
        "xfs",
        "zfs",
    }
)

racers = 4
appends = 16
block_bytes = 600

_octal = re.compile(r"\\([0-7]{3})")


def is_local(path: str, mounts: str | None = None) -> bool:
    """Whether the directory is on a local file system. `mounts` has the form of /proc/self/mountinfo."""
    try:
        real = os.path.realpath(path)
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8") if mounts is None else mounts
    except OSError:
        return False  # not Linux: unknown
    best, found = -1, ""
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        mount = _octal.sub(lambda match: chr(int(match[1], 8)), fields.split(" ")[4])
        inside = real == mount or real.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= best:  # the last mount on one mount point hides the others
            best, found = len(mount), rest.split(" ")[0]
    return found in local_types


def are_atomic(system: System, path: str) -> bool:
    """Whether everything that several descriptors append to one file at once is there, each in one piece.

    `path` must not exist, and is removed afterwards. Raises OSErrors.
    """
    system.close(system.open_new(path))
    try:
        _race(system, path)
        return _all_there(system, path)
    finally:
        system.remove(path)


def _race(system: System, path: str) -> None:
    failures: list[OSError] = []

    def append(number: int) -> None:
        block = memoryview(bytes([number + 1]) * block_bytes)
        try:
            file = system.open_append(path)
            try:
                for _ in range(appends):
                    system.write(file, [block[:1], block[1:]])
            finally:
                system.close(file)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=append, args=(number,)) for number in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _all_there(system: System, path: str) -> bool:
    file = system.open_read(path)
    try:
        content = read(system, file, 0, (racers * appends + 1) * block_bytes)
    finally:
        system.close(file)
    blocks = [content[at : at + block_bytes] for at in range(0, len(content), block_bytes)]
    expected = {bytes([number + 1]) * block_bytes for number in range(racers)}
    return len(blocks) == racers * appends and all(blocks.count(one) == appends for one in expected)
