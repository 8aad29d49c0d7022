"""The options that every verb takes, spelled once."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Config: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--config", "-c", envvar="OUTLAST_CONFIG", help="The store's settings file.", show_default=True
    ),
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON value on standard output instead of text.")
]
StateDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        envvar="OUTLAST_STATE_DIR",
        help="Where this machine keeps its copy of the catalog; it can be deleted at any time.",
        show_default="the platform's state directory",
    ),
]

DEFAULT_CONFIG = Path("outlast.toml")
