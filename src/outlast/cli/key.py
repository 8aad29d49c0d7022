"""`outlast key create|list|delete`: the access keys with which S3 clients sign.

They are kept in the catalog, sealed, so every gateway knows them and no provider can read them. The
secret is shown once, when the key is made.
"""

from typing import Annotated

from outlast.cli.declare import Argument, Option
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import print_json, print_line, print_table
from outlast.cli.session import run, store_at
from outlast.cli.times import iso_time

Name = Annotated[str, Argument(help="The key's name, for you to know it by.")]


def create(
    name: Name,
    bucket: Annotated[str, Option(help="Allow this bucket, which must exist, and no other.")] = "",
    read_only: Annotated[bool, Option("--read-only", help="Allow reading and nothing else.")] = False,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Make an access key, and show its secret this once."""

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            if bucket:
                await store.bucket(bucket)  # a mistyped name would make a key that can do nothing
            made = await store.create_access_key(name, bucket, read_only)
        if json:
            print_json({"name": made.name, "access_key_id": made.id, "secret_access_key": made.secret})
            return
        print_line(f"AWS_ACCESS_KEY_ID={made.id}")
        print_line(f"AWS_SECRET_ACCESS_KEY={made.secret}")

    run(work(), json)


def list_keys(config: Config = DEFAULT_CONFIG, state_dir: StateDir = None, json: Json = False) -> None:
    """List the access keys, without their secrets."""

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            keys = await store.access_keys()
        if json:
            print_json(
                [
                    {
                        "name": key.name,
                        "access_key_id": key.id,
                        "bucket": key.bucket or None,
                        "read_only": key.read_only,
                        "created": iso_time(key.at),
                    }
                    for key in keys
                ]
            )
            return
        print_table(
            ("name", "access key id", "bucket", "rights", "created"),
            [
                (
                    key.name,
                    key.id,
                    key.bucket or "all",
                    "read" if key.read_only else "read, write",
                    iso_time(key.at),
                )
                for key in keys
            ],
        )

    run(work(), json)


def delete(
    name: Name, config: Config = DEFAULT_CONFIG, state_dir: StateDir = None, json: Json = False
) -> None:
    """Delete an access key: requests signed with it are refused from then on."""

    async def work() -> None:
        async with store_at(config, state_dir) as store:
            await store.delete_access_key(name)
        print_json({"name": name}) if json else print_line(f"deleted access key {name}")

    run(work(), json)
