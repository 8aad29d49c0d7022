"""Appends on a disk that is full: what is tried, and what is refused without having been tried."""

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from outlast.providers.disk import appends
from outlast.providers.disk.room import Room
from outlast.providers.disk.system import FileStatus, System


class Disk(System):
    """A file of 10,000 bytes on a disk that takes `fits` bytes more, whatever it says."""

    def __init__(self, allocated: int = 10_000, free: int = 0, fits: int = 0) -> None:
        self.allocated = allocated
        self.free = free
        self.fits = fits
        self.reserved: list[tuple[int, int]] = []

    def status(self, file: int) -> FileStatus:
        return FileStatus((1, 1), 10_000, 1, 0, 0.0, 0, self.allocated)

    def free_bytes(self, file: int) -> int:
        return self.free

    def reserve(self, file: int, start: int, size: int) -> None:
        self.reserved.append((start, size))

    def write(self, file: int, chunks: Sequence[memoryview]) -> int:
        if not self.fits:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        return min(sum(map(len, chunks)), self.fits)


def append(room: Room, size: int) -> None:
    room.append(0, [memoryview(bytes(10)), memoryview(bytes(size - 10))])


@pytest.mark.parametrize("fits", [0, 1, 999])
def test_nothing_is_reserved_until_a_record_did_not_fit(fits: int) -> None:
    disk = Disk(free=5_000, fits=sys.maxsize)
    room = Room(disk)
    append(room, 1_000)
    assert not disk.reserved
    disk.fits = fits
    with pytest.raises(OSError, match=r"space|quota"):
        append(room, 1_000)
    disk.fits = sys.maxsize
    append(room, 500)
    append(room, 1_000)
    append(room, 1_000)
    assert disk.reserved == [(10_000, 500), (10_000, 1_000)], "not once as large a one has been written"


@pytest.mark.parametrize(
    ("allocated", "free", "tried"),
    [
        (10_000, 999, False),
        (10_000, 1_000, True),
        (10_600, 400, True),  # the last block, or what was reserved before
        (10_600, 399, False),
        (11_000, 0, True),
        (5_000, 1_000, True),  # compressed
        (5_000, 999, False),
    ],
)
def test_a_record_is_tried_again_if_there_is_room_for_what_has_none_yet(
    allocated: int, free: int, tried: bool
) -> None:
    disk = Disk(allocated, free)
    room = Room(disk)
    with pytest.raises(OSError):
        append(room, 1_000)
    disk.fits = sys.maxsize
    if tried:
        append(room, 1_000)
    else:
        with pytest.raises(OSError) as raised:
            append(room, 1_000)
        assert raised.value.errno == errno.ENOSPC


def test_what_is_reserved_leaves_the_end_of_the_file_to_whoever_appends(tmp_path: Path) -> None:
    system, path = System(), str(tmp_path / "file")
    system.close(system.open_new(path))
    file, other = system.open_append(path), system.open_append(path)
    system.write(file, [memoryview(b"one")])
    system.reserve(file, 3, 100_000)
    status = system.status(file)
    assert status.size == 3
    if appends.is_local(str(tmp_path)):
        assert status.allocated >= 100_000
    system.write(other, [memoryview(b"two")])
    system.write(file, [memoryview(b"three")])
    assert (tmp_path / "file").read_bytes() == b"onetwothree"
    system.close(file)
    system.close(other)
