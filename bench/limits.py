"""What the disks can do: files written durably into the providers' directories by threads, and nothing else.

Each file comes to be as the disk provider's do: nameless, written, fsynced, linked, its folder fsynced.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

SCRATCH = "bench-limit"


def write_durably(folder: Path, name: str, data: bytes) -> None:
    """Make the file `name` in `folder`, so that it survives a power cut."""
    file = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
        os.link(f"/proc/self/fd/{file}", name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=True)
        os.fsync(parent)
    finally:
        os.close(parent)
        os.close(file)


def fragments_s(disks: Sequence[Path], files: int, file_bytes: int) -> float:
    """Seconds to write `files` files of `file_bytes` to each disk, all disks at once."""
    data = os.urandom(file_bytes)

    def fill(disk: Path) -> None:
        folder = disk / SCRATCH
        folder.mkdir(exist_ok=True)
        for number in range(files):
            write_durably(folder, f"{number}", data)

    with ThreadPoolExecutor(len(disks)) as threads:
        begun = time.perf_counter()
        list(threads.map(fill, disks))
        taken = time.perf_counter() - begun
    clear(disks)
    return taken


def append_s(disks: Sequence[Path], size: int, count: int) -> float:
    """Seconds for one append to a log: a small file at all disks at once, done when a majority has it."""
    data = os.urandom(size)
    folders = [disk / SCRATCH for disk in disks]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    majority = len(disks) // 2 + 1
    with ThreadPoolExecutor(2 * len(disks)) as threads:
        begun = time.perf_counter()
        for number in range(count):
            pending = {threads.submit(write_durably, folder, f"{number}", data) for folder in folders}
            while len(disks) - len(pending) < majority:
                _, pending = wait(pending, return_when=FIRST_COMPLETED)
        taken = time.perf_counter() - begun
    clear(disks)
    return taken / count


def clear(disks: Sequence[Path]) -> None:
    """Remove what was written."""
    for disk in disks:
        folder = disk / SCRATCH
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
