"""Copying whole folders, several files at once, sparing what is there already.

A small file spends its time waiting for disks and for the log. Copied one after the other, files would add
up these waits; copied concurrently, they share them. A file that cannot be copied is reported and skipped; a
store that cannot work ends the copy, because the next file would fail, too.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from outlast.base.concurrency import offload
from outlast.base.errors import NoSuchBucket, NoSuchKey, StoreError, StoreUnavailable
from outlast.cli import transfer
from outlast.cli.address import Address, as_folder, inside
from outlast.cli.listing import entries
from outlast.cli.output import message_of
from outlast.cli.progress import TransferTally

if TYPE_CHECKING:
    from outlast.store import Store

# Files copied at once; more would only lengthen the queues of the disks.
copies_at_once = 16


async def upload_folder(store: "Store", folder: Path, target: Address, tally: TransferTally) -> None:
    """Copy the files below `folder` to keys that begin with `target`. Links to folders are not followed."""
    prefix = as_folder(target.key)
    there = {entry.key: (entry.size, entry.etag) async for entry in entries(store, target.bucket, prefix)}

    async def one(path: Path) -> None:
        address = Address(target.bucket, prefix + path.relative_to(folder).as_posix())
        known = there.get(address.key)
        if known and await transfer.same_content(store, path, address, *known):
            tally.spare(known[0])
            return
        if tally.dry_run:
            tally.rehearse(f"{path} to {address}", path.stat().st_size)
            return
        await transfer.upload_file(store, path, address, tally.move)
        tally.finish()

    files = list(_files_below(folder, tally))
    if tally.display is not None:
        tally.expect(len(files), await offload(_size_of, files))

    async def jobs() -> AsyncIterator[tuple[str, Awaitable[None]]]:
        for path in files:
            yield str(path), one(path)

    await _each(jobs(), tally)


def _files_below(folder: Path, tally: TransferTally) -> Iterator[Path]:
    """Every file, folder by folder in the order of names, so that two runs go the same way."""

    def unreadable(error: OSError) -> None:
        tally.fail(str(error.filename), error.strerror or str(error))

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file():
                yield path
            else:
                tally.fail(str(path), "is no file (a socket, a device or a link to nothing)")


def _size_of(files: Sequence[Path]) -> int:
    """The sum of the sizes; a file that cannot be read counts nothing here and fails when its turn comes."""
    size = 0
    for path in files:
        try:
            size += path.stat().st_size
        except OSError:
            continue
    return size


async def download_folder(store: "Store", source: Address, folder: Path, tally: TransferTally) -> None:
    """Copy the objects whose keys begin with `source` (as a folder) below `folder`, and nowhere else."""
    prefix = as_folder(source.key)

    async def one(key: str, size: int, etag: str) -> None:
        address, path = Address(source.bucket, key), folder / key.removeprefix(prefix)
        if await transfer.same_content(store, path, address, size, etag):
            tally.spare(size)
            return
        if tally.dry_run:
            tally.rehearse(f"{address} to {path}", size)
            return
        await transfer.download_file(store, address, path, tally.move)
        tally.finish()

    if tally.display is not None:
        sizes = [entry.size async for entry in entries(store, source.bucket, prefix)]
        tally.expect(len(sizes), sum(sizes))

    async def jobs() -> AsyncIterator[tuple[str, Awaitable[None]]]:
        there = not prefix
        async for entry in entries(store, source.bucket, prefix):
            there = True
            if entry.key.endswith("/") and entry.size == 0:
                continue  # a marker that some clients make for an empty folder
            if inside(entry.key.removeprefix(prefix)):
                yield entry.key, one(entry.key, entry.size, entry.etag)
            else:
                tally.fail(entry.key, "this key is no path below a folder; copy it by itself")
        if not there:
            raise NoSuchKey(f"there is nothing below {prefix}")

    await _each(jobs(), tally)


async def _each(jobs: AsyncIterator[tuple[str, Awaitable[None]]], tally: TransferTally) -> None:
    """Do all jobs, `copies_at_once` at a time. Raises the error that makes going on useless."""
    free = asyncio.Semaphore(copies_at_once)

    async def done(what: str, job: Awaitable[None]) -> None:
        try:
            await job
        except (StoreUnavailable, NoSuchBucket):
            raise
        except OSError as error:
            tally.fail(what, error.strerror or str(error))
        except (StoreError, UnicodeEncodeError) as error:
            tally.fail(what, message_of(error))
        finally:
            free.release()

    try:
        async with asyncio.TaskGroup() as group:
            async for what, job in jobs:
                await free.acquire()
                group.create_task(done(what, job))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
