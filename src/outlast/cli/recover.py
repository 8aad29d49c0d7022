"""`outlast recover`: open an existing store from a new machine.

It needs the providers' addresses and the master key, as a key file or from the recovery sheet, and writes
`outlast.toml` (and the key file). Nothing at the providers is changed.
"""

import sys
from pathlib import Path
from typing import Annotated

from outlast.assembly.create import Files
from outlast.assembly.opening import load_key_file
from outlast.assembly.recovery import recover_store
from outlast.base.clock import SystemClock
from outlast.base.entropy import SystemEntropy
from outlast.base.errors import ConfigError, reason
from outlast.cli.declare import Option
from outlast.cli.init import parse_providers
from outlast.cli.options import DEFAULT_CONFIG, Config, Json
from outlast.cli.output import print_json, print_line
from outlast.cli.session import run
from outlast.coding.keys import MasterKey


def recover(
    provider: Annotated[
        list[str], Option("--provider", "-p", metavar="NAME=URL", help="As it was given to init.")
    ],
    sheet: Annotated[
        str, Option(metavar="PATH", help="The recovery sheet, typed into a file; - for standard input.")
    ] = "",
    key_file: Annotated[
        Path | None,
        Option(
            help="Path of the key file; with --sheet it is written.",
            show_default="outlast.key next to the config",
        ),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Write outlast.toml for a store that is there already."""
    urls = parse_providers(provider)
    files = Files(config, key_file or config.with_name("outlast.key"))

    async def work() -> None:
        master = MasterKey.from_sheet(_typed(sheet)) if sheet else await load_key_file(files.key)
        if sheet:
            master.save(files.key)
        try:
            genesis = await recover_store(urls, master, files, SystemClock(), SystemEntropy())
        except BaseException:
            if sheet:
                files.key.unlink(missing_ok=True)
            raise
        left_out = [member.name for member in genesis.members if member.name not in urls]
        if json:
            print_json({"store": genesis.store.hex(), "config": str(config), "left_out": left_out})
            return
        print_line(f"store {genesis.store.hex()}: wrote {config}")
        if left_out:
            print_line(f"its other providers, to be added to {config}: {', '.join(left_out)}")

    run(work(), json)


def _typed(sheet: str) -> str:
    if sheet == "-":
        return sys.stdin.read()
    try:
        return Path(sheet).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{sheet} cannot be read: {reason(error)}", "name the file with the sheet's four lines"
        ) from error
