"""`outlast rm`: delete an object, or everything whose key begins with a prefix."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from outlast.base import limits
from outlast.base.errors import NoSuchKey
from outlast.cli.address import Address, parse_address
from outlast.cli.declare import Argument, Option, UsageError
from outlast.cli.listing import pages
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import count_text, print_json, print_line
from outlast.cli.session import run, store_at

if TYPE_CHECKING:
    from outlast.store import Store


def rm(
    path: Annotated[str, Argument(help="BUCKET/KEY; with --recursive BUCKET/PREFIX.")],
    recursive: Annotated[
        bool, Option("--recursive", "-r", help="Everything whose key begins with this, as written.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Delete objects."""
    address = parse_address(path)
    if not address.key and not recursive:
        raise UsageError("name a key, or say --recursive to delete all objects of the bucket")

    deleted: list[int] = []

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            if recursive:
                await _delete_all(store, address, deleted.append)
            else:
                await _delete_one(store, address)
                deleted.append(1)
        print_json({"deleted": sum(deleted)}) if json else print_line(told())

    def told() -> str:
        return f"deleted {count_text(sum(deleted), 'object')}"

    run(work(), json, lambda: f"interrupted: {told()}; the same command goes on from there")


async def _delete_one(store: "Store", address: Address) -> None:
    if not await store.delete(address.bucket, address.key):
        raise NoSuchKey(address.key)


async def _delete_all(store: "Store", address: Address, deleted: Callable[[int], None]) -> None:
    """Page by page: what others write meanwhile with a later key goes too, as it would with `rm -r`."""
    async for page in pages(store, address.bucket, address.key):
        keys = [entry.key for entry in page.entries]
        for start in range(0, len(keys), limits.delete_keys_max):
            deleted(await store.delete_many(address.bucket, keys[start : start + limits.delete_keys_max]))
