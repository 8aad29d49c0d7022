"""`outlast bucket create|list|delete`."""

from typing import Annotated

from outlast.cli.declare import Argument
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import print_json, print_line, print_table
from outlast.cli.session import run, store_at
from outlast.cli.times import iso_time

Name = Annotated[str, Argument(help="The bucket's name.")]


def create(
    name: Name, config: Config = DEFAULT_CONFIG, state_dir: StateDir = None, json: Json = False
) -> None:
    """Make a bucket."""

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            await store.create_bucket(name)
        print_json({"name": name}) if json else print_line(f"made bucket {name}")

    run(work(), json)


def list_buckets(config: Config = DEFAULT_CONFIG, state_dir: StateDir = None, json: Json = False) -> None:
    """List the buckets."""

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            buckets = await store.buckets()
        rows = [(bucket.name, iso_time(bucket.created)) for bucket in buckets]
        if json:
            print_json([{"name": name, "created": created} for name, created in rows])
        else:
            print_table(("bucket", "created"), rows)

    run(work(), json)


def delete(
    name: Name, config: Config = DEFAULT_CONFIG, state_dir: StateDir = None, json: Json = False
) -> None:
    """Delete an empty bucket."""

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            await store.delete_bucket(name)
        print_json({"name": name}) if json else print_line(f"deleted bucket {name}")

    run(work(), json)
