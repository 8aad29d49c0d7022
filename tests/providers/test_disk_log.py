"""The log of a directory, in journals: what is damaged, copied, begun anew, or in the wrong place."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from outlast.base.clock import SystemClock
from outlast.base.errors import (
    Cause,
    ConfigError,
    Estranged,
    Exists,
    NotFound,
    Unavailable,
    Unsupported,
)
from outlast.providers.claim import write_marker
from outlast.providers.disk import DiskProvider, appends, segments
from outlast.providers.disk.frame import FILE_BYTES, HEADER_BYTES
from outlast.providers.disk.system import System
from outlast.providers.marker import MARKER_KEY, Marker, read_marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Provider
from outlast.providers.wrap.attest import Attest
from outlast.providers.wrap.layers import begin_log, end_log

MARKER = Marker(b"s" * 16, "disk", b"i" * 16)


def key(slot: int, place: int = 0) -> str:
    return f"log/main/{slot:016x}" + (f".{place}" if place else "")


def content(slot: int) -> bytes:
    return f"slot {slot}|".encode() * 100


class Disks:
    """Processes that use one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.opened: list[DiskProvider] = []

    def open(self, root: Path | None = None) -> DiskProvider:
        disk = DiskProvider("disk", root or self.root)
        self.opened.append(disk)
        return disk

    def segment(self, first: int = 0) -> Path:
        return self.root / f"log/main/{first:016x}.journal"

    def patch(self, at: int, new: bytes, path: Path | None = None) -> None:
        """Overwrite bytes of a segment, as rot does."""
        with (path or self.segment()).open("r+b") as file:
            file.seek(at)
            file.write(new)


@pytest.fixture
async def disks(tmp_path: Path) -> AsyncIterator[Disks]:
    """With slots 0 to 4 voted in under the marker."""
    disks = Disks(tmp_path / "root")
    disk = disks.open()
    await disk.prepare()
    await write_marker(disk, MARKER)
    for slot in range(5):
        await disk.create(key(slot), content(slot), MARKER)
    yield disks
    for disk in disks.opened:
        await disk.close()


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_slots_take_no_file_each_and_the_marker_names_their_list(disks: Disks) -> None:
    disk = disks.opened[0]
    await disk.create(key(256), b"", MARKER)
    assert files_in(disks.root) == [
        "0-outlast",
        "log/main/0000000000000000.journal",
        "log/main/0000000000000100.journal",
        "log/main/segments",
    ]
    marker = await read_marker(disk)
    assert isinstance(marker, Marker)
    assert marker.segments is not None
    assert (disks.root / "log/main/segments").read_bytes()[16:24] == marker.segments
    assert [entry.key async for entry in disk.list("log/")] == [key(slot) for slot in (*range(5), 256)]


@pytest.mark.parametrize(
    "name",
    [
        "log/main/segments",
        "log/main/segments/x",
        "log/main/0000000000000000.journal",
        "log/main/00000000000000ff.journal",
        "log/main/0000000000000000/x",
        "log/main/0000000000000000.1/x",
    ],
)
async def test_no_object_can_have_a_name_of_the_logs_own(disks: Disks, name: str) -> None:
    disk = disks.opened[0]
    before = {path: (disks.root / path).read_bytes() for path in files_in(disks.root)}
    for call in (
        disk.get(name),
        disk.put(name, b""),
        disk.create(name, b""),
        disk.head(name),
        disk.delete(name),
    ):
        with pytest.raises(Unsupported):
            await call
    assert {path: (disks.root / path).read_bytes() for path in files_in(disks.root)} == before


async def test_other_names_beside_the_slots_are_objects(disks: Disks) -> None:
    disk = disks.opened[0]
    names = [
        "log/main/0",
        "log/main/0000000000000000.01",
        "log/main/000000000000000g",
        "log/other/x",
        "log/x",
    ]
    for name in names:
        await disk.create(name, b"x", MARKER)
        assert (disks.root / name).read_bytes() == b"x"
    assert [entry.key async for entry in disk.list("log/")] == sorted([*names, *map(key, range(5))])


# ---------------------------------------------------------------- damage


async def at_of(disks: Disks, slot: int) -> int:
    """Where the record of a slot's first state begins."""
    return disks.segment().read_bytes().index(content(slot)) - HEADER_BYTES


@pytest.mark.parametrize("warm", [True, False])
async def test_a_damaged_state_is_there_and_cannot_be_read_until_it_is_put_anew(
    disks: Disks, warm: bool
) -> None:
    disks.patch(await at_of(disks, 2) + HEADER_BYTES + 100, b"\xff")
    disk = disks.opened[0] if warm else disks.open()
    with pytest.raises(Unavailable) as raised:
        await disk.get(key(2), None, MARKER)
    assert raised.value.cause is Cause.CORRUPT
    with pytest.raises(Exists):
        await disk.create(key(2), b"again", MARKER)
    assert await disk.get(key(3), None, MARKER) == content(3)
    await disk.create(key(7), b"goes on", MARKER)
    await disk.put(key(2), content(2), MARKER)
    for one in (disk, disks.open()):
        assert await one.get(key(2), None, MARKER) == content(2)


async def test_after_a_damaged_header_nothing_is_said_not_to_be_there(disks: Disks) -> None:
    disks.patch(await at_of(disks, 2) + 12, b"\xff")
    disk = disks.open()
    for slot in (2, 9):
        for call in (disk.get(key(slot), None, MARKER), disk.create(key(slot), b"", MARKER)):
            with pytest.raises(Unavailable) as raised:
                await call
            assert raised.value.cause is Cause.CORRUPT
        with pytest.raises(Unavailable):
            await disk.head(key(slot))
    assert await disk.get(key(3), None, MARKER) == content(3)
    await disk.put(key(2), content(2), MARKER)
    assert await disk.get(key(2), None, MARKER) == content(2)
    with pytest.raises(Unavailable):
        await disk.get(key(9), None, MARKER)
    await disk.create(key(256), b"the next segment is well", MARKER)


@pytest.mark.parametrize("slot", [0, 1, 2, 3])
async def test_an_acknowledged_state_that_reads_as_zeros_is_missed(disks: Disks, slot: int) -> None:
    """Zeros are what a power cut leaves of what was never acknowledged; the later records know better."""
    disks.patch(await at_of(disks, slot), bytes(HEADER_BYTES + len(content(slot))))
    disk = disks.open()
    with pytest.raises(Unavailable) as raised:
        await disk.get(key(slot), None, MARKER)
    assert raised.value.cause is Cause.CORRUPT
    assert await disk.get(key(4), None, MARKER) == content(4)


async def test_a_segment_that_was_cut_short_is_estranged(disks: Disks) -> None:
    size = disks.segment().stat().st_size
    os.truncate(disks.segment(), size - 10)
    with pytest.raises(Estranged):
        await disks.opened[0].get(key(0), None, MARKER)


@pytest.mark.parametrize("at", [0, 8, 9, 16, 24, 32])
@pytest.mark.parametrize("of", ["segment", "list"])
async def test_a_journal_whose_own_header_is_damaged_is_estranged(disks: Disks, at: int, of: str) -> None:
    path = disks.segment() if of == "segment" else disks.root / "log/main/segments"
    disks.patch(at, b"\x7e", path)
    disk = disks.open()
    for call in (disk.get(key(0), None, MARKER), disk.get(MARKER_KEY, None, MARKER)):
        with pytest.raises(Estranged):
            await call


async def test_a_damaged_list_is_estranged(disks: Disks) -> None:
    disks.patch(FILE_BYTES + 12, b"\xff", disks.root / "log/main/segments")
    for disk in (disks.open(), disks.open()):
        with pytest.raises(Estranged):
            await disk.create(key(9), b"", MARKER)


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
async def test_what_is_no_file_is_no_segment(disks: Disks, kind: str) -> None:
    elsewhere = disks.root.parent / "elsewhere"
    disks.segment().rename(elsewhere)
    if kind == "link":
        disks.segment().symlink_to(elsewhere)
    elif kind == "fifo":
        os.mkfifo(disks.segment())
    else:
        disks.segment().mkdir()
    for disk in (disks.opened[0], disks.open()):
        for call in (disk.get(key(0), None, MARKER), disk.create(key(9), b"", MARKER)):
            with pytest.raises(Estranged):
                await call


@pytest.mark.parametrize("folder", ["log", "log/main"])
async def test_a_log_that_a_link_leads_to_is_not_this_disks(disks: Disks, folder: str) -> None:
    elsewhere = disks.root.parent / "elsewhere"
    (disks.root / folder).rename(elsewhere)
    (disks.root / folder).symlink_to(elsewhere)
    before = {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()}
    disk = disks.open()
    for call in (disk.get(key(0), None, MARKER), disk.create(key(9), b"", MARKER)):
        with pytest.raises(Estranged):
            await call
    with pytest.raises(Estranged):
        await disks.opened[0].get(MARKER_KEY, None, MARKER)
    assert {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()} == before


# ---------------------------------------------------------------- begun anew


async def test_begun_anew_the_log_keeps_what_is_whole_and_saves_what_can_be_read(disks: Disks) -> None:
    await disks.opened[0].create(key(256), content(256), MARKER)
    await disks.opened[0].create(key(512), content(512), MARKER)
    disks.patch(await at_of(disks, 2) + HEADER_BYTES + 100, b"\xff")
    disks.patch(await at_of(disks, 3) + 12, b"\xff")
    whole = disks.segment(256).read_bytes()
    disks.segment(512).unlink()
    disk = disks.open()
    nonce = await begin_log(disk)
    assert disks.segment(256).read_bytes() == whole
    with pytest.raises(Estranged):
        await disk.get(key(0), None, MARKER)
    taken_back = replace(MARKER, incarnation=b"j" * 16, segments=nonce)
    await disk.put(MARKER_KEY, taken_back.encode())
    for slot in (0, 1, 4, 256):
        assert await disk.get(key(slot), None, taken_back) == content(slot)
    for slot in (2, 3, 512):
        with pytest.raises(NotFound):
            await disk.get(key(slot), None, taken_back)
        await disk.create(key(slot), content(slot), taken_back)
    assert await disk.get(MARKER_KEY, None, taken_back) == taken_back.encode()


async def test_a_segment_without_its_header_is_saved_by_what_the_list_says(disks: Disks) -> None:
    disks.patch(0, bytes(FILE_BYTES))
    disk = disks.open()
    assert await disk.get(key(1)) == content(1), "unattested it can be read"
    nonce = await begin_log(disk)
    taken_back = replace(MARKER, incarnation=b"j" * 16, segments=nonce)
    await disk.put(MARKER_KEY, taken_back.encode())
    assert await disk.get(key(1), None, taken_back) == content(1)


async def test_without_its_list_the_log_can_be_read_and_begun_anew(disks: Disks) -> None:
    (disks.root / "log/main/segments").unlink()
    disk = disks.open()
    assert await disk.get(key(1)) == content(1)
    with pytest.raises(Estranged):
        await disk.get(key(1), None, MARKER)
    nonce = await begin_log(disk)
    taken_back = replace(MARKER, incarnation=b"j" * 16, segments=nonce)
    await disk.put(MARKER_KEY, taken_back.encode())
    assert await disk.get(key(1), None, taken_back) == content(1)


async def test_a_log_that_was_begun_in_vain_is_removed_and_one_with_slots_is_not(tmp_path: Path) -> None:
    disk = DiskProvider("disk", tmp_path / "root")
    await disk.prepare()
    await write_marker(disk, MARKER)
    await disk.create(key(0), b"genesis")
    await end_log(disk)
    assert len(files_in(disk.root)) == 3, "the marker is there"
    await disk.delete(MARKER_KEY)
    await end_log(disk)
    assert len(files_in(disk.root)) == 2, "a slot is there"
    await disk.delete(key(0))
    await end_log(disk)
    assert files_in(disk.root) == []
    await disk.close()


async def test_a_place_of_another_store_gets_no_log(disks: Disks) -> None:
    disk = disks.open()
    before = (disks.root / "log/main/segments").read_bytes()
    await write_marker(disk, MARKER)
    with pytest.raises(ConfigError):
        await write_marker(disk, replace(MARKER, store=bytes(16)))
    assert (disks.root / "log/main/segments").read_bytes() == before


# ---------------------------------------------------------------- copies and other places


@pytest.mark.parametrize("command", [("cp", "-r"), ("cp", "-a")])
async def test_a_directory_that_is_copied_file_by_file_works(disks: Disks, command: tuple[str, ...]) -> None:
    copy = disks.root.parent / "copy"
    await asyncio.to_thread(subprocess.run, [*command, str(disks.root), str(copy)], check=True)
    disk = disks.open(copy)
    assert await disk.get(key(4), None, MARKER) == content(4)
    await disk.create(key(5), content(5), MARKER)
    await disk.create(key(256), content(256), MARKER)
    assert await disk.get(MARKER_KEY, None, MARKER)


async def test_a_copy_put_in_the_place_of_the_directory_is_used_on(disks: Disks) -> None:
    user = disks.opened[0]
    copy = disks.root.parent / "copy"
    shutil.copytree(disks.root, copy)
    disks.root.rename(disks.root.parent / "away")
    copy.rename(disks.root)
    for slot in range(5):
        assert await user.get(key(slot), None, MARKER) == content(slot)
    await user.create(key(5), content(5), MARKER)
    assert await disks.open().get(key(5), None, MARKER) == content(5)


async def test_an_older_copy_in_the_place_of_the_directory_is_noticed_by_who_knows_more(disks: Disks) -> None:
    user = disks.opened[0]
    copy = disks.root.parent / "copy"
    shutil.copytree(disks.root, copy)
    await user.create(key(5), content(5), MARKER)
    disks.root.rename(disks.root.parent / "away")
    copy.rename(disks.root)
    with pytest.raises(Estranged):
        await user.get(key(5), None, MARKER)
    with pytest.raises(Estranged):
        await user.get(MARKER_KEY, None, MARKER)


async def copied(disks: Disks, to: Provider) -> None:
    for name in files_in(disks.root):
        await to.put(name, (disks.root / name).read_bytes())


@pytest.mark.parametrize("attests", [True, False])
async def test_a_directory_that_somebody_copied_into_a_bucket_is_no_voter(
    disks: Disks, attests: bool
) -> None:
    bucket = MemoryProvider("disk", attests=attests)
    await copied(disks, bucket)
    attest = Attest(bucket, MARKER, SystemClock())
    with pytest.raises(Estranged, match="journals"):
        await attest.attest()
    if attests:
        with pytest.raises(Estranged, match="journals"):
            await attest.get(key(9))


async def test_a_log_that_was_moved_to_a_file_system_of_others_is_no_voter_until_it_is_begun_anew(
    disks: Disks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appends, "is_local", lambda path: False)
    disk = disks.open()
    with pytest.raises(Estranged, match="journals"):
        await disk.create(key(9), b"", MARKER)
    assert await begin_log(disk) is None
    taken_back = replace(MARKER, incarnation=b"j" * 16)
    await disk.put(MARKER_KEY, taken_back.encode())
    await disk.create(key(0), b"as an object", taken_back)
    assert (disks.root / key(0)).read_bytes() == b"as an object"
    assert [entry.key async for entry in disk.list("log/")] == [key(0)]


async def test_objects_stay_objects_where_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that was copied to a disk; and one whose marker was lost with it."""
    bucket = MemoryProvider("disk")
    await write_marker(bucket, MARKER)
    await bucket.create(key(0), b"an object")
    for marked in (True, False):
        disk = DiskProvider("disk", tmp_path / f"{marked}")
        await disk.prepare()
        (disk.root / "log/main").mkdir(parents=True)
        (disk.root / key(0)).write_bytes(await bucket.get(key(0)))
        if marked:
            await disk.put(MARKER_KEY, await bucket.get(MARKER_KEY))
        assert await disk.get(key(0)) == b"an object"
        await disk.create(key(1), b"another")
        assert (disk.root / key(1)).read_bytes() == b"another"
        assert await begin_log(disk) is None
        assert [entry.key async for entry in disk.list("log/")] == [key(0), key(1)]
        assert (await disk.head(key(1))).size == 7
        await disk.delete(key(1))
        with pytest.raises(NotFound):
            await disk.get(key(1))
        await disk.close()


# ---------------------------------------------------------------- where appends are atomic

MOUNTS = """22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /srv/nas rw - nfs4 server:/export rw
31 22 0:41 / /srv/nas/local rw - xfs /dev/vdb rw
32 22 0:42 / /srv/with\\040space rw - fuse.sshfs user@host: rw
33 22 0:43 / /srv/hidden rw - ext4 /dev/vdc rw
34 33 0:44 / /srv/hidden rw - cifs //server/share rw
"""


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/srv/outlast", True),
        ("/srv/nas", False),
        ("/srv/nas/outlast", False),
        ("/srv/nasty", True),
        ("/srv/nas/local/outlast", True),
        ("/srv/with space/outlast", False),
        ("/srv/hidden/outlast", False),
    ],
)
def test_only_local_file_systems_are_trusted_with_appends(path: str, local: bool) -> None:
    assert appends.is_local(path, MOUNTS) is local
    assert appends.is_local(path, "") is False


def test_the_file_system_of_this_test_is_known(tmp_path: Path) -> None:
    assert isinstance(appends.is_local(str(tmp_path)), bool)


def test_appends_that_lose_or_mix_what_others_write_are_noticed(tmp_path: Path) -> None:
    class AtWhatItTakesForTheEnd(System):
        def open_append(self, path: str) -> int:
            return os.open(path, os.O_RDWR)

    class InPieces(System):
        def write(self, file: int, chunks: list[memoryview]) -> int:  # type: ignore[override]
            return sum(super(InPieces, self).write(file, [chunk]) for chunk in chunks[::-1])

    path = str(tmp_path / "race")
    assert appends.are_atomic(System(), path)
    assert not appends.are_atomic(AtWhatItTakesForTheEnd(), path)
    assert files_in(tmp_path) == []


# ---------------------------------------------------------------- bounds


async def test_few_segments_are_known_at_once(disks: Disks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "known_segments_max", 3)
    disk = disks.opened[0]
    for number in range(10):
        await disk.create(key(256 * number + 9), b"x", MARKER)
    assert len(disk._tree._log._segments._known) == 3
    for number in range(10):
        assert await disk.get(key(256 * number + 9), None, MARKER) == b"x"
    assert len([entry async for entry in disk.list("log/")]) == 15


async def test_processes_that_append_at_once_see_one_order(disks: Disks) -> None:
    """Each process creates the same states as the others; what one is told, all read."""
    script = """
import asyncio, sys
from pathlib import Path
from outlast.base.errors import Exists
from outlast.providers.disk import DiskProvider
from outlast.providers.marker import Marker
MARKER = Marker(b"s" * 16, "disk", b"i" * 16)
async def main(root, name):
    disk = DiskProvider("disk", Path(root))
    for slot in range(240, 275):
        key = f"log/main/{slot:016x}"
        try:
            await disk.create(key, f"{name}-{slot}".encode() * 300, MARKER)
            print(slot, flush=True)
        except Exists:
            pass
    await disk.close()
asyncio.run(main(*sys.argv[1:]))
"""
    names = ["one", "two", "three"]

    async def run(name: str) -> str:
        command = [sys.executable, "-c", script, str(disks.root), name]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
        return done.stdout

    winners: dict[int, str] = {}
    for name, output in zip(names, await asyncio.gather(*map(run, names)), strict=True):
        for slot in map(int, output.split()):
            assert winners.setdefault(slot, name) == name, "two have won"
    assert sorted(winners) == list(range(240, 275))
    for disk in (disks.opened[0], disks.open()):
        for slot, name in winners.items():
            assert await disk.get(key(slot), None, MARKER) == f"{name}-{slot}".encode() * 300
