"""The options that every verb takes, spelled once."""

from pathlib import Path
from typing import Annotated, TypeAlias

from outlast.cli.declare import Option

Config: TypeAlias = Annotated[
    Path,
    Option("--config", "-c", envvar="OUTLAST_CONFIG", help="The store's settings file."),
]
Json: TypeAlias = Annotated[
    bool, Option("--json", help="Print one JSON value on standard output instead of text.")
]
StateDir: TypeAlias = Annotated[
    Path | None,
    Option(
        "--state-dir",
        envvar="OUTLAST_STATE_DIR",
        help="Folder of this machine's copy of the catalog; it can be deleted at any time.",
        show_default="the platform's state directory",
    ),
]

DEFAULT_CONFIG = Path("outlast.toml")
