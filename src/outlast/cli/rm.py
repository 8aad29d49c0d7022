"""`outlast rm`: delete an object, or everything whose key begins with a prefix."""

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

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            deleted = await (_delete_all(store, address) if recursive else _delete_one(store, address))
        print_json({"deleted": deleted}) if json else print_line(f"deleted {count_text(deleted, 'object')}")

    run(work(), json)


async def _delete_one(store: "Store", address: Address) -> int:
    if not await store.delete(address.bucket, address.key):
        raise NoSuchKey(address.key)
    return 1


async def _delete_all(store: "Store", address: Address) -> int:
    """Page by page: what others write meanwhile with a later key goes too, as it would with `rm -r`."""
    deleted = 0
    async for page in pages(store, address.bucket, address.key):
        keys = [entry.key for entry in page.entries]
        for start in range(0, len(keys), limits.delete_keys_max):
            deleted += await store.delete_many(address.bucket, keys[start : start + limits.delete_keys_max])
    return deleted
