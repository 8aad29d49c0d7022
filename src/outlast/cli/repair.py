"""`outlast repair`: give a provider back what it lost.

It can be stopped at any time and repeated: what has been restored is recorded piece by piece.
"""

from dataclasses import asdict
from typing import Annotated

import typer

from outlast.cli.options import DEFAULT_CONFIG, Config, Json, StateDir
from outlast.cli.output import print_json, print_line
from outlast.cli.session import FAILED, run, store_at
from outlast.maintenance.repair import repair as repair_store


def repair(
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Only ask for the fragments' sizes instead of reading and checking them."
        ),
    ] = False,
    config: Config = DEFAULT_CONFIG,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Restore missing and damaged fragments and logs from what the other providers hold."""

    async def work() -> int:
        async with store_at(config, state_dir) as store:
            report = await repair_store(store, verify=not quick)
        if json:
            print_json(asdict(report))
        else:
            for name, value in asdict(report).items():
                print_line(f"{name.replace('_', ' '):22} {value}")
        return FAILED if report.unreachable else 0

    run(work(), json)
