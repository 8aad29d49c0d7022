"""`outlast ls`: buckets, or what is in one, a folder at a time."""

from typing import TYPE_CHECKING, Annotated

from outlast.base.errors import NoSuchKey
from outlast.cli.address import parse_address
from outlast.cli.declare import Argument, Option
from outlast.cli.listing import pages
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import bytes_text, print_json, print_table
from outlast.cli.session import run, store_at
from outlast.cli.times import iso_time

if TYPE_CHECKING:
    from outlast.store import Store


def ls(
    path: Annotated[str, Argument(help="BUCKET/PREFIX, or nothing for the buckets.")] = "",
    recursive: Annotated[
        bool,
        Option("--recursive", "-r", help="List what is in folders, too (parts of a key that end with /)."),
    ] = False,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """List buckets, or the objects of one."""

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            if path:
                await _objects(store, path, recursive, json)
            else:
                await _buckets(store, json)

    run(work(), json)


async def _buckets(store: "Store", json: bool) -> None:
    rows = [(bucket.name + "/", iso_time(bucket.created)) for bucket in await store.buckets()]
    if json:
        print_json([{"name": name.rstrip("/"), "created": created} for name, created in rows])
    else:
        print_table(("bucket", "created"), rows)


async def _objects(store: "Store", path: str, recursive: bool, json: bool) -> None:
    address = parse_address(path)
    found: list[dict[str, object]] = []
    rows: list[tuple[str, str, str]] = []
    async for page in pages(store, address.bucket, address.key, "" if recursive else "/"):
        for prefix in page.prefixes:
            found.append({"prefix": prefix})
            rows.append(("", "", prefix))
        for entry in page.entries:
            modified = iso_time(entry.modified)
            found.append({"key": entry.key, "size": entry.size, "modified": modified, "etag": entry.etag})
            rows.append((bytes_text(entry.size), modified, entry.key))
    if address.key and not found:
        raise NoSuchKey(address.key)
    if json:
        print_json(found)
    else:
        print_table(("size>", "modified", "key"), rows)
