"""`outlast cat`: an object's bytes on standard output."""

import sys
from typing import Annotated

from outlast.cli.address import parse_object
from outlast.cli.declare import Argument
from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import print_json
from outlast.cli.session import run, store_at
from outlast.cli.transfer import copy_out


def cat(
    path: Annotated[str, Argument(help="BUCKET/KEY.")],
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Write an object to standard output. With --json: what is known about it instead."""

    async def work() -> None:
        address = parse_object(path)
        async with store_at(config, state_dir) as store:
            if json:
                version = await store.head(address.bucket, address.key)
                print_json(
                    {
                        "bucket": address.bucket,
                        "key": address.key,
                        "size": version.size,
                        "etag": version.etag,
                        "headers": version.attributes.headers,
                        "metadata": version.attributes.metadata,
                    }
                )
                return
            async with store.get(address.bucket, address.key) as reading:
                await copy_out(reading, sys.stdout.buffer, lambda _: None)

    run(work(), json)
