"""A directory that turns into another one during a write: the write fails, and leaves nothing there."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from outlast.base.errors import Estranged, Exists, NotFound, Unavailable
from outlast.providers.disk import DiskProvider, draft, files
from outlast.providers.marker import MARKER_KEY, Marker, write_marker

marker = Marker(b"s" * 16, "disk", b"i" * 16)


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[DiskProvider]:
    disk = DiskProvider("disk", tmp_path / "root")
    await disk.prepare()
    await write_marker(disk, marker)
    yield disk
    await disk.close()


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def unmount(disk: DiskProvider) -> None:
    """The directory is away, and an empty one, the mount point, is in its place."""
    disk.root.rename(disk.root.parent / "away")
    disk.root.mkdir()


def before(
    monkeypatch: pytest.MonkeyPatch, module: object, function: str, then: Callable[[], None], call: int = 0
) -> None:
    """Have `then` happen just before that call of the function."""
    real, left = getattr(module, function), [call]

    def patched(*arguments: object) -> object:
        left[0] -= 1
        if left[0] == -1:
            then()
        return real(*arguments)

    monkeypatch.setattr(module, function, patched)


moments = [
    (draft, "_make_folder", 0),
    (draft, "_make_folder", 1),
    (files, "write", 0),
    (files, "link", 0),
    (files, "fsync_folder", 0),
    (files, "fsync_folder", 1),
    (files, "fsync_folder", 2),
]


@pytest.mark.parametrize("verb", ["put", "create"])
@pytest.mark.parametrize(("module", "function", "call"), moments)
async def test_a_write_during_which_the_disk_is_unmounted_fails_and_leaves_the_mount_point_empty(
    disk: DiskProvider, monkeypatch: pytest.MonkeyPatch, module: object, function: str, call: int, verb: str
) -> None:
    before(monkeypatch, module, function, lambda: unmount(disk), call)
    with pytest.raises(Estranged):
        await getattr(disk, verb)("x/ab/one", b"content", marker)
    assert everything_in(disk.root) == []


async def test_before_the_disk_is_mounted_nothing_is_created(
    disk: DiskProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmount(disk)

    def never(path: str) -> bool:
        raise AssertionError("a folder was made")

    monkeypatch.setattr(draft, "_make_folder", never)
    for call in (
        disk.put("x/ab/one", b"content", marker),
        disk.create("x/ab/one", b"content", marker),
        disk.get("x/ab/one", None, marker),
    ):
        with pytest.raises(Estranged):
            await call


async def test_without_any_directory_the_disk_is_unavailable_and_not_estranged(disk: DiskProvider) -> None:
    disk.root.rename(disk.root.parent / "away")
    for call in (disk.put("a", b"", marker), disk.get("a", None, marker)):
        with pytest.raises(Unavailable):
            await call


async def test_a_mount_point_that_others_have_filled_meanwhile_keeps_what_is_theirs(
    disk: DiskProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used_by_others() -> None:
        unmount(disk)
        (disk.root / "x" / "ab").mkdir(parents=True)
        (disk.root / "x" / "ab" / "theirs").write_bytes(b"theirs")

    before(monkeypatch, files, "write", used_by_others)
    with pytest.raises(Estranged):
        await disk.put("x/ab/one", b"content", marker)
    assert everything_in(disk.root) == ["x", "x/ab", "x/ab/theirs"]


async def test_an_object_that_was_there_is_not_removed_with_what_failed(
    disk: DiskProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await disk.put("x/ab/one", b"old")
    before(monkeypatch, files, "fsync_folder", lambda: (disk.root / MARKER_KEY).unlink())
    with pytest.raises(Estranged):
        await disk.put("x/ab/one", b"new", marker)
    assert await disk.get("x/ab/one") == b"new"
    await disk.put(MARKER_KEY, marker.encode())
    before(monkeypatch, files, "fsync_folder", lambda: (disk.root / MARKER_KEY).unlink())
    with pytest.raises(Estranged):
        await disk.create("x/ab/two", b"new", marker)
    with pytest.raises(NotFound):
        await disk.get("x/ab/two")


async def test_a_place_taken_back_meanwhile_keeps_what_was_written(
    disk: DiskProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ours, and somebody else may just be writing the same fragment under the new marker."""

    def take_back() -> None:
        (disk.root / MARKER_KEY).write_bytes(Marker(b"s" * 16, "disk", b"j" * 16).encode())

    before(monkeypatch, files, "fsync_folder", take_back)
    with pytest.raises(Estranged):
        await disk.create("one", b"content", marker)
    assert await disk.get("one") == b"content"


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "huge"])
async def test_what_is_no_marker_file_is_a_damaged_marker(disk: DiskProvider, kind: str) -> None:
    path = disk.root / MARKER_KEY
    elsewhere = disk.root.parent / "elsewhere"
    path.rename(elsewhere)
    if kind == "link":
        path.symlink_to(elsewhere)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b" " * 5000 + elsewhere.read_bytes())
    with pytest.raises(Estranged):
        await disk.put("a", b"", marker)


async def test_answers_that_name_the_object_are_attested_too(disk: DiskProvider) -> None:
    await disk.put("a", b"")
    with pytest.raises(Exists):
        await disk.create("a", b"", marker)
    with pytest.raises(NotFound):
        await disk.get("b", None, marker)
    (disk.root / MARKER_KEY).unlink()
    for call in (disk.create("a", b"", marker), disk.get("b", None, marker)):
        with pytest.raises(Estranged):
            await call
