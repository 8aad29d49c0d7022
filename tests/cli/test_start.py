"""What a command loads before it does anything. Modules are counted, not time, which other work sways.

`outlast --version` took 0.7 s, half of it for a library that read the command line. The figures here are what
was measured, and a little more; whoever exceeds them should look with `python -X importtime -m outlast ...`.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# What only some verbs need, or none: servers, clouds, displays, arithmetic, and the reading of command lines.
LARGE = {
    "aiohttp",
    "numpy",
    "obstore",
    "opendal",
    "prometheus_client",
    "pydantic",
    "rich",
    "structlog",
    "typer",
    "importlib.metadata",
}
# What opening a store needs, but not what only says what there is.
STORE = {
    "apsw",
    "asyncio",
    "awscrt",
    "cryptography",
    "fsspec",
    "msgspec",
    "platformdirs",
    "pyeclib",
    "uvloop",
}


def loaded(*arguments: str, **environment: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    program = (
        "import sys, atexit;"
        "atexit.register(lambda: print(*sys.modules, sep='\\n', file=sys.stderr));"
        f"sys.argv = ['outlast', *{arguments!r}];"
        "from outlast.cli.main import main; main()"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "ours_max", "all_max"),
    [
        (("--version",), 12, 110),
        (("--help",), 13, 120),
        (("key", "--help"), 13, 120),
    ],
    ids=["version", "help", "group"],
)
def test_saying_what_there_is_loads_next_to_nothing(
    arguments: tuple[str, ...], ours_max: int, all_max: int
) -> None:
    modules = loaded(*arguments)
    assert not modules & (LARGE | STORE)
    assert len([name for name in modules if name.startswith("outlast")]) <= ours_max
    assert len(modules) <= all_max


@pytest.mark.parametrize("verb", ["ls", "cp", "cat", "rm", "bucket create", "key create"])
def test_the_help_of_a_verb_does_not_load_the_store(verb: str) -> None:
    modules = loaded(*verb.split(), "--help")
    assert not modules & LARGE
    assert not modules & (STORE - {"asyncio"})


def test_a_verb_on_directories_loads_the_store_and_no_more(bucket: Any, tmp_path: Path) -> None:
    modules = loaded("ls", OUTLAST_CONFIG=str(bucket.config), OUTLAST_STATE_DIR=str(tmp_path / "state"))
    assert not modules & LARGE
    above = ("outlast.gateway", "outlast.outages", "outlast.embed", "outlast.testing")
    assert not [name for name in modules if name.startswith(above)]
