"""Disks that are full, read-only, missing, wiped or broken: the right error, and nothing torn."""

import asyncio
import errno
import fcntl
import os
import shutil
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from outlast.base.clock import SystemClock
from outlast.base.errors import (
    Cause,
    Denied,
    Exists,
    Full,
    NotFound,
    ProviderError,
    Unavailable,
    Unsupported,
)
from outlast.providers.disk import DiskProvider, provider
from outlast.providers.disk.system import System
from outlast.providers.protocol import Provider
from outlast.providers.trouble import of_error


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[DiskProvider]:
    disk = DiskProvider("disk", tmp_path / "root")
    await disk.prepare()
    yield disk
    await disk.close()


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, mounted for this test, where the system lets us."""
    place = tmp_path / "mount"
    place.mkdir()
    try:
        run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place))
    except (OSError, subprocess.SubprocessError) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"cannot mount a small file system here: {error}")
    yield place
    run("umount", "-l", str(place))


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=10)


async def every_verb(provider: Provider, key: str) -> dict[str, ProviderError | None]:
    """What each verb says, one after another."""

    async def listed() -> None:
        async for _ in provider.list("a/"):
            pass

    answers: dict[str, ProviderError | None] = {}
    for verb, call in (
        ("get", provider.get(key)),
        ("head", provider.head(key)),
        ("put", provider.put(key, b"x")),
        ("create", provider.create(key, b"x")),
        ("delete", provider.delete(key)),
        ("list", listed()),
    ):
        try:
            await call
            answers[verb] = None
        except ProviderError as error:
            answers[verb] = error
    return answers


# ---------------------------------------------------------------- a missing root


async def test_without_its_directory_every_verb_is_unavailable_and_nothing_is_made(tmp_path: Path) -> None:
    disk = DiskProvider("disk", tmp_path / "not" / "there")
    for key in ("a/b", "top"):
        for error in (await every_verb(disk, key)).values():
            assert isinstance(error, Unavailable)
            assert str(disk.root) in str(error)
            remedy = of_error(error).remedy
            assert "mount" in remedy and "firewall" not in remedy
    assert names_in(tmp_path) == []
    await disk.close()


async def test_a_directory_that_vanishes_is_unavailable_and_back_when_it_is_back(
    disk: DiskProvider, tmp_path: Path
) -> None:
    await disk.put("a/b", b"kept")
    disk.root.rename(tmp_path / "away")
    for error in (await every_verb(disk, "a/b")).values():
        assert isinstance(error, Unavailable)
    assert not disk.root.exists()
    (tmp_path / "away").rename(disk.root)
    assert await disk.get("a/b") == b"kept"
    await disk.put("a/c", b"new")


async def test_a_file_in_the_place_of_the_directory_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(b"a file")
    disk = DiskProvider("disk", tmp_path / "root")
    assert all(isinstance(error, Unavailable) for error in (await every_verb(disk, "a")).values())
    await disk.close()


async def test_a_directory_wiped_while_it_is_used_is_empty_and_usable(disk: DiskProvider) -> None:
    """Under load, everything is deleted, the provider's own folders too."""
    stop = asyncio.Event()
    failures: list[ProviderError] = []

    async def load(worker: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            key = f"x/{number % 4:02x}/{worker}-{number}"
            try:
                await disk.put(key, b"x" * 100)
                await disk.put(key, b"y" * 100)
                assert await disk.get(key) == b"y" * 100
            except (NotFound, Unavailable) as error:
                failures.append(error)

    workers = [asyncio.ensure_future(load(worker)) for worker in range(4)]
    for _ in range(5):
        await asyncio.sleep(0.02)
        await asyncio.to_thread(wipe, disk.root)
    stop.set()
    await asyncio.gather(*workers)
    await asyncio.to_thread(wipe, disk.root)
    assert [entry.key async for entry in disk.list("")] == []
    for verb, error in (await every_verb(disk, "a/b")).items():
        assert error is None or isinstance(error, NotFound | Exists), (verb, error)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def wipe(root: Path) -> None:
    """Delete everything below `root`, though others write there."""
    for _ in range(20):
        for item in root.iterdir():
            shutil.rmtree(item, ignore_errors=True) if item.is_dir() else item.unlink(missing_ok=True)
        if not any(root.iterdir()):
            return


# ---------------------------------------------------------------- full, read-only, broken


async def test_a_full_disk_says_so_keeps_what_it_has_and_takes_more_when_there_is_room(mount: Path) -> None:
    disk = DiskProvider("disk", mount / "root")
    await disk.prepare()
    await disk.create("a/kept", b"kept")
    await disk.put("a/large", b"l" * 500_000)
    for write in (
        disk.put("a/more", b"m" * 900_000),
        disk.put("a/large", b"m" * 900_000),
        disk.create("a/more", [b"m" * 450_000, b"m" * 450_000]),
        disk.put("a/kept", b"m" * 900_000),
    ):
        with pytest.raises(Full):
            await write
    assert await disk.get("a/kept") == b"kept"
    assert await disk.get("a/large") == b"l" * 500_000
    assert [entry.key async for entry in disk.list("")] == ["a/kept", "a/large"]
    await disk.delete("a/large")
    await disk.put("a/more", b"m" * 900_000)
    await disk.close()


async def test_a_full_disk_takes_up_nothing_for_a_vote_that_does_not_fit(mount: Path) -> None:
    """Somebody frees a part of what it needs, again and again."""
    disk = DiskProvider("disk", mount / "root")
    await disk.prepare()
    assert await disk.begin_log() is not None
    await disk.create("log/main/0000000000000000", b"x")
    journal = mount / "root/log/main/0000000000000000.journal"
    filler = mount / "filler"
    filler.write_bytes(bytes(900_000))
    with pytest.raises(Full):
        await disk.create("log/main/0000000000000001", b"x" * 400_000)
    size = journal.stat().st_size
    for slot in range(2, 5):
        os.truncate(filler, 900_000 - 100_000 * (slot - 1))
        with pytest.raises(Full):
            await disk.create("log/main/0000000000000001", b"x" * 400_000)
        assert journal.stat().st_size == size
        await disk.create(f"log/main/{slot:016x}", b"x" * 5_000)
        size = journal.stat().st_size
    filler.unlink()
    await disk.create("log/main/0000000000000001", b"x" * 400_000)
    await disk.close()


async def test_room_that_a_disk_does_not_have_cannot_be_reserved(mount: Path) -> None:
    system = System()
    file = system.open_new(str(mount / "file"))
    free = system.free_bytes(file)
    assert 900_000 < free <= 1 << 20
    system.reserve(file, 0, free - 65_536)
    assert system.free_bytes(file) <= 65_536
    with pytest.raises(OSError) as raised:
        system.reserve(file, 0, 2 * free)
    assert raised.value.errno == errno.ENOSPC
    system.close(file)


async def test_a_read_only_disk_denies_writes_and_can_be_read(mount: Path) -> None:
    disk = DiskProvider("disk", mount / "root")
    await disk.prepare()
    await disk.put("a/b", b"x")
    run("mount", "-o", "remount,ro", str(mount))
    answers = await every_verb(disk, "a/c")
    assert isinstance(answers["get"], NotFound)
    for verb in ("put", "create", "delete"):
        refused = answers[verb]
        assert isinstance(refused, Denied), verb
        assert refused.cause is Cause.READ_ONLY
        assert "mount" in of_error(refused).remedy and "credential" not in of_error(refused).remedy
    with pytest.raises(Denied):
        await disk.put("a/b", b"y")
    assert await disk.get("a/b") == b"x"
    assert [entry.key async for entry in disk.list("")] == ["a/b"]
    await disk.close()


async def test_an_unmounted_disk_whose_mount_point_is_left_shows_none_of_its_objects(mount: Path) -> None:
    """The mount point is an empty directory like any other; telling it from the disk is the marker's task."""
    disk = DiskProvider("disk", mount)
    await disk.put("a/b", b"x")
    run("umount", str(mount))
    try:
        with pytest.raises(NotFound):
            await disk.get("a/b")
    finally:
        run("mount", "-t", "tmpfs", "tmpfs", str(mount))
    await disk.close()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EIO, Unavailable),
        (errno.ENOSPC, Full),
        (errno.EDQUOT, Full),
        (errno.EROFS, Denied),
        (errno.EACCES, Denied),
        (errno.ESTALE, Unavailable),
    ],
)
async def test_a_write_whose_fsync_fails_did_not_happen(
    disk: DiskProvider, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[ProviderError]
) -> None:
    await disk.create("a/b", b"old")

    def failing(self: System, file: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(System, "sync", failing)
        for write in (disk.put("a/b", b"new"), disk.create("a/c", b"new")):
            with pytest.raises(kind):
                await write
    assert await disk.get("a/b") == b"old"
    with pytest.raises(NotFound):
        await disk.get("a/c")


async def test_a_disk_that_takes_a_few_bytes_at_a_time_gets_all_of_them(
    disk: DiskProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(self: System, file: int, chunks: list[memoryview]) -> int:
        return os.write(file, bytes(b"".join(chunks))[:3])

    monkeypatch.setattr(System, "write", short)
    await disk.put("one", [b"a", b"bcdefg", b"", b"hij", b"klmnopqrstu"])
    assert await disk.get("one") == b"abcdefghijklmnopqrstu"


async def test_a_read_that_comes_in_pieces_is_put_together(
    disk: DiskProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await disk.put("one", b"0123456789" * 10)
    real = System.read
    monkeypatch.setattr(System, "read", lambda self, file, at, stop: real(self, file, at, min(stop, at + 7)))
    assert await disk.get("one") == b"0123456789" * 10
    assert await disk.get("one", (5, 55)) == (b"0123456789" * 10)[5:55]


async def test_a_name_cannot_be_an_object_and_a_folder(disk: DiskProvider) -> None:
    await disk.put("a/b", b"x")
    for write in (
        disk.put("a/b/c", b""),
        disk.create("a/b/c", b""),
        disk.put("a", b""),
        disk.create("a", b""),
    ):
        with pytest.raises(Unsupported):
            await write
    assert [entry.key async for entry in disk.list("")] == ["a/b"]


# ---------------------------------------------------------------- durability


async def test_nothing_is_acknowledged_before_file_and_folders_are_fsynced(
    disk: DiskProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name where the file has one; the new file itself has none yet."""
    synced: list[str] = []
    real = os.fsync

    def noted(file: int) -> None:
        real(file)
        synced.append(str(Path(f"/proc/self/fd/{file}").readlink()).removeprefix(str(disk.root)))

    monkeypatch.setattr(os, "fsync", noted)
    await disk.create("x/ab/one", b"1")
    assert [name for name in synced if "#" not in name] == ["", "/x", "/x/ab"]
    assert "#" in synced[2], "the file before its folder, and before it is linked"
    synced.clear()
    await disk.put("x/ab/one", b"3")
    assert len(synced) == 2 and "#" in synced[0] and synced[1] == "/x/ab"


async def test_a_reader_makes_durable_what_its_writer_has_not_yet(
    disk: DiskProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that stands still between link and fsync, and a reader that must not trust what it sees."""
    await disk.put("a/b", b"x")
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(file), real(file)))
    assert await disk.get("a/b") == b"x"
    assert synced == []
    writer = os.open(disk.root / "a/b", os.O_RDONLY)
    fcntl.flock(writer, fcntl.LOCK_EX)
    assert await disk.get("a/b") == b"x"
    assert len(synced) == 1
    os.close(writer)


# ---------------------------------------------------------------- others at work


async def test_what_crashed_writers_left_is_swept_when_it_is_old(disk: DiskProvider) -> None:
    temporary = disk.root / ".tmp"
    temporary.mkdir()
    old, young = temporary / "1-0", temporary / "2-0"
    old.write_bytes(b"left")
    young.write_bytes(b"being written")
    os.utime(old, (time.time() - 4000, time.time() - 4000))
    await disk.put("a", b"1")
    await disk.put("a", b"2")  # needs a temporary name
    assert names_in(temporary) == ["2-0"]


async def test_files_of_others_with_dotted_names_are_not_objects(disk: DiskProvider) -> None:
    (disk.root / ".DS_Store").write_bytes(b"")
    (disk.root / ".Trash-0").mkdir()
    (disk.root / ".Trash-0/file").write_bytes(b"")
    await disk.put("a/b", b"x")
    assert [entry.key async for entry in disk.list("")] == ["a/b"]


class Hanging(System):
    """Opening what is called `hangs` takes until `over` is set, as on a disk that does not answer."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def open_read(self, path: str) -> int:
        if path.endswith("/hangs"):
            self.over.wait()
        return super().open_read(path)


async def test_a_disk_that_hangs_refuses_further_calls_when_enough_wait_and_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "lane_threads", 2)
    monkeypatch.setattr(provider, "lane_waiting_max", 3)
    hanging_system = Hanging()
    disk = DiskProvider("disk", tmp_path / "disk", system=hanging_system)
    other = DiskProvider("other", tmp_path / "other")
    await disk.prepare()
    await other.prepare()
    calls = [asyncio.ensure_future(disk.get("hangs")) for _ in range(12)]
    done, hanging = await asyncio.wait(calls, timeout=0.05)
    assert 3 <= len(hanging) <= 5
    for call in done:
        with pytest.raises(Unavailable) as raised:
            call.result()
        assert raised.value.cause is Cause.SATURATED
    await other.put("a", b"x")
    assert await other.get("a") == b"x"
    for call in hanging:
        call.cancel()
    await asyncio.wait(hanging)
    hanging_system.over.set()
    await disk.put("a", b"x")  # the threads that hung work again, and the calls given up are not made
    await disk.close()
    await other.close()


async def test_the_clock_that_is_passed_in_is_the_one_that_is_used(tmp_path: Path) -> None:
    class Later(SystemClock):
        def now(self) -> float:
            return super().now() + 4000

    disk = DiskProvider("disk", tmp_path / "root", Later())
    await disk.prepare()
    (disk.root / ".tmp").mkdir()
    (disk.root / ".tmp/1-0").write_bytes(b"")
    await disk.put("a", b"1")
    await disk.put("a", b"2")
    assert names_in(disk.root / ".tmp") == []
    await disk.close()


async def test_a_link_to_a_folder_leads_nowhere(disk: DiskProvider, tmp_path: Path) -> None:
    """Who may write into the directory must not make the gateway write, list or delete elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "old").write_bytes(b"not ours")
    (disk.root / "x").symlink_to(elsewhere)
    for call in (disk.put("x/new", b"1"), disk.create("x/new", b"1"), disk.put("x/deep/new", b"1")):
        with pytest.raises(ProviderError):
            await call
    with pytest.raises(ProviderError):
        await disk.get("x/old")
    with pytest.raises(ProviderError):
        await disk.head("x/old")
    await disk.delete("x/old")
    assert [entry async for entry in disk.list("x/")] == [entry async for entry in disk.list("")] == []
    assert [path.name for path in elsewhere.iterdir()] == ["old"]


@pytest.mark.parametrize("kind", ["link", "fifo"])
async def test_what_is_no_file_is_no_object(disk: DiskProvider, tmp_path: Path, kind: str) -> None:
    await disk.put("x/other", b"2")
    outside = tmp_path / "outside"
    outside.write_bytes(b"not ours")
    path = disk.root / "x" / "one"
    if kind == "link":
        path.symlink_to(outside)
    else:
        os.mkfifo(path)
    async with asyncio.timeout(5):
        for call in (disk.get("x/one"), disk.head("x/one")):
            with pytest.raises(ProviderError):
                await call
        assert [entry.key async for entry in disk.list("x/")] == ["x/other"]
        await disk.put("x/one", b"1")
        assert await disk.get("x/one") == b"1"
    assert outside.read_bytes() == b"not ours"


async def test_a_disk_says_how_much_room_there_is(disk: DiskProvider) -> None:
    usage = shutil.disk_usage(disk.root)
    space = await disk.space()
    assert space is not None
    assert abs(space.free - usage.free) < max(usage.free / 2, 1 << 30)
    shutil.rmtree(disk.root)
    with pytest.raises(ProviderError):
        await disk.space()
