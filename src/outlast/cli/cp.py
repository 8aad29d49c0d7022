"""`outlast cp`: files and folders into the store and out of it.

One side is a path of this machine or `-` (standard input or output), the other `outlast://BUCKET/KEY`.
With `-r` the content of a folder is copied, and what is there already with the same content is not
copied again; so an interrupted copy goes on where it was by being repeated.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from outlast.base.errors import ConfigError
from outlast.cli import FAILED, transfer
from outlast.cli.address import Address, check_unicode, is_remote, parse_address, parse_object
from outlast.cli.declare import Argument, Option, UsageError
from outlast.cli.folders import download_folder, upload_folder
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import bytes_text, count_text, print_json, print_note
from outlast.cli.progress import TransferTally, shown
from outlast.cli.session import run, store_at

if TYPE_CHECKING:
    from outlast.store import Store


def cp(
    source: Annotated[
        str, Argument(metavar="SRC", help="A path, - for standard input, or outlast://BUCKET/KEY.")
    ],
    target: Annotated[
        str, Argument(metavar="DST", help="outlast://BUCKET/KEY, a path, or - for standard output.")
    ],
    recursive: Annotated[
        bool, Option("--recursive", "-r", help="Copy a folder, except for files that are there already.")
    ] = False,
    dry_run: Annotated[
        bool,
        Option("--dry-run", "-n", help="Print what would be copied, and copy nothing."),
    ] = False,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Copy files into the store or out of it."""
    _check(source, target, recursive, json)
    if dry_run and not recursive:
        raise UsageError("--dry-run is for folders: say --recursive")

    tally = TransferTally(dry_run=dry_run)

    async def work() -> int:
        async with store_at(config, state_dir) as store:
            with shown(tally, quiet=json or dry_run or target == "-"):
                await _copy(store, source, target, recursive, tally)
        _report(tally, json)
        return FAILED if tally.failures else 0

    def so_far() -> str:
        if not recursive:
            return "interrupted: nothing was copied"
        return f"interrupted: {_told(tally)}; the same command goes on from there"

    run(work(), json, so_far)


def _check(source: str, target: str, recursive: bool, json: bool) -> None:
    if is_remote(source) == is_remote(target):
        raise UsageError("one of SRC and DST must be outlast://BUCKET/KEY, and the other a path or -")
    if recursive and "-" in (source, target):
        raise UsageError("--recursive copies folders, not standard input or output")
    if json and target == "-":
        raise UsageError("--json and an object cannot both go to standard output")
    if source == "-" and parse_address(target).key.endswith("/"):
        raise UsageError("standard input has no name of its own: give the whole key")
    if not is_remote(source) and Path(source).is_dir() and not recursive:
        raise UsageError(f"{source} is a folder: say --recursive")
    if is_remote(source):
        parse_address(source) if recursive else parse_object(source)


async def _copy(store: "Store", source: str, target: str, recursive: bool, tally: TransferTally) -> None:
    try:
        if is_remote(source):
            await _download(store, parse_address(source), target, recursive, tally)
        else:
            await _upload(store, source, parse_address(target), recursive, tally)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(f"{error.filename or 'copy'}: {error.strerror or error}") from error


async def _upload(
    store: "Store", source: str, target: Address, recursive: bool, tally: TransferTally
) -> None:
    path = Path(source)
    if recursive:
        if not path.is_dir():
            raise ConfigError(f"{source} is not a folder", "leave --recursive away to copy a file")
        await upload_folder(store, path, target, tally)
        return
    if source == "-":
        await transfer.upload_stream(store, sys.stdin.buffer, target, tally.move)
    else:
        named = not target.key or target.key.endswith("/")
        if named:
            check_unicode(path.name)
        key = target.key + path.name if named else target.key
        tally.expect(1, path.stat().st_size)
        await transfer.upload_file(store, path, Address(target.bucket, key), tally.move)
    tally.finish()


async def _download(
    store: "Store", source: Address, target: str, recursive: bool, tally: TransferTally
) -> None:
    path = Path(target)
    if recursive:
        await download_folder(store, source, path, tally)
        return
    if target == "-":
        async with store.get(source.bucket, source.key) as reading:
            await transfer.copy_out(reading, sys.stdout.buffer, tally.move)
    else:
        into = path / source.key.rsplit("/", 1)[-1] if path.is_dir() or target.endswith("/") else path
        await transfer.download_file(store, source, into, tally.move, tally.expect)
    tally.finish()


def _report(tally: TransferTally, json: bool) -> None:
    """On standard error: standard output may be the object itself."""
    if json:
        print_json(
            {
                "copied": tally.copied,
                "already_there": tally.spared,
                "failed": len(tally.failures),
                "bytes": tally.bytes,
                **({"dry_run": True} if tally.dry_run else {}),
            }
        )
        return
    print_note(_told(tally))


def _told(tally: TransferTally) -> str:
    spared = f", {tally.spared} were there already" if tally.spared else ""
    failed = f", {len(tally.failures)} failed" if tally.failures else ""
    done = "would copy" if tally.dry_run else "copied"
    return f"{done} {count_text(tally.copied, 'file')}, {bytes_text(tally.bytes)}{spared}{failed}"
