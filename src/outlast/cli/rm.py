"""`outlast rm`: delete an object, or with -r a whole folder.

A folder is the object of that name, if there is one, and all whose keys go on with a `/` after it:
`rm -r a/b` deletes `a/b` and `a/b/c`, and not `a/bc`. Before it empties a whole bucket it asks; without
a terminal it requires `--yes`.
"""

import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

from outlast.base.concurrency import offload
from outlast.base.errors import NoSuchKey
from outlast.cli import FAILED
from outlast.cli.address import Address, as_folder, parse_address
from outlast.cli.declare import Argument, Option, UsageError
from outlast.cli.listing import pages
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import bytes_text, count_text, one_line, print_json, print_line, print_note
from outlast.cli.session import run, store_at

if TYPE_CHECKING:
    from outlast.catalog.listing import Listed
    from outlast.store import Store


def rm(
    path: Annotated[str, Argument(help="BUCKET/KEY; with --recursive a folder, BUCKET/KEY, or a BUCKET.")],
    recursive: Annotated[
        bool, Option("--recursive", "-r", help="The object and everything below it, as a folder.")
    ] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask before a whole bucket is emptied.")] = False,
    dry_run: Annotated[
        bool, Option("--dry-run", "-n", help="Print what would be deleted, and delete nothing.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Delete objects."""
    address = parse_address(path)
    if not address.key and not recursive:
        raise UsageError("name a key, or say --recursive to delete all objects of the bucket")
    asks = recursive and not address.key and not yes and not dry_run
    if asks and (json or not sys.stdin.isatty()):
        raise UsageError(f"this deletes everything in {address.bucket}: say --yes, or first --dry-run")
    deleted: list[int] = []

    async def work() -> int:
        async with store_at(config, state_dir) as store:
            if asks and not await _is_meant(store, address):
                print_note("nothing was deleted")
                return FAILED
            there = False
            async for entries in _chosen(store, address, recursive):
                there = True
                if dry_run:
                    for entry in [] if json else entries:
                        print_line(f"would delete {one_line(entry.key)} ({bytes_text(entry.size)})")
                    deleted.append(len(entries))
                else:
                    keys = [entry.key for entry in entries]
                    deleted.append(await store.delete_many(address.bucket, keys))
            if not there and address.key:
                raise NoSuchKey(address.key)
        if json:
            print_json({"would_delete" if dry_run else "deleted": sum(deleted)})
        else:
            print_line(told())
        return 0

    def told() -> str:
        return f"{'would delete' if dry_run else 'deleted'} {count_text(sum(deleted), 'object')}"

    run(work(), json, lambda: f"interrupted: {told()}; the same command goes on from there")


async def _chosen(store: "Store", address: Address, recursive: bool) -> AsyncIterator[list["Listed"]]:
    """The objects that are named, page by page: what others write meanwhile with a later key goes, too."""
    folder = as_folder(address.key)
    if folder != address.key or not recursive:
        one = await store.list(address.bucket, address.key, limit=1)
        if one.entries and one.entries[0].key == address.key:
            yield one.entries
    if recursive:
        async for page in pages(store, address.bucket, folder):
            if page.entries:
                yield page.entries


async def _is_meant(store: "Store", address: Address) -> bool:
    count = size = 0
    async for entries in _chosen(store, address, recursive=True):
        count += len(entries)
        size += sum(entry.size for entry in entries)
    found = f"{count_text(count, 'object')}, {bytes_text(size)}"
    sys.stderr.write(f"delete all of {address.bucket}: {found}? [y/N] ")
    sys.stderr.flush()
    return (await offload(sys.stdin.readline)).strip().lower() in ("y", "yes")
