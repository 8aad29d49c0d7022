"""Commands as a person types them, in this process, on real stores in temporary folders."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from outlast.cli.main import run_command
from outlast.testing.called import Called, call

PROVIDERS = ("a", "b", "c")


@dataclass
class Shell:
    """A folder with a store in it: `outlast.toml`, the key file, and the providers' directories."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "outlast.toml"

    def bytes_at(self, name: str) -> int:
        """How many bytes lie in a provider's directory."""
        return sum(path.stat().st_size for path in (self.folder / name).rglob("*") if path.is_file())

    def run(self, *arguments: str, input: bytes = b"", terminal: bool = False) -> Called:
        """Run `outlast ARGUMENTS` with this folder's store and local state."""
        environment = {
            "OUTLAST_CONFIG": str(self.config),
            "OUTLAST_STATE_DIR": str(self.folder / "state"),
            "OUTLAST_PASSPHRASE": None,
            "OUTLAST_LOG_LEVEL": None,
        }
        try:
            return call(run_command, arguments, input, environment, terminal)
        finally:
            structlog.reset_defaults()  # a command owns its process, and this one is the other tests', too

    def ok(self, *arguments: str, input: bytes = b"") -> str:
        """Run a command that must succeed; its standard output."""
        result = self.run(*arguments, input=input)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def json(self, *arguments: str, status: int = 0) -> Any:
        """Run a command with --json; the value that it printed."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == status, result.stderr
        return json.loads(result.stdout)

    def fails(self, *arguments: str) -> str:
        """Run a command that must fail, with advice; what it said on standard error."""
        result = self.run(*arguments)
        assert result.exit_code == 1, result.stdout
        assert "  -> " in result.stderr
        return result.stderr


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new store over three directories, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    arguments = [f"--provider={name}={folder / name}" for name in PROVIDERS]
    Shell(folder).ok("init", *arguments)
    return folder


@pytest.fixture(scope="session")
def shell_in() -> Callable[[Path], Shell]:
    """A shell in a folder, for stores that a test makes itself."""
    return Shell


@pytest.fixture
def shell(made: Path, tmp_path: Path) -> Shell:
    """A store of one's own, as `outlast init` left it."""
    folder = tmp_path / "shop"
    shutil.copytree(made, folder)
    shell = Shell(folder)
    shell.config.write_text(shell.config.read_text().replace(str(made), str(folder)))
    return shell


@pytest.fixture
def bucket(shell: Shell) -> Shell:
    """A store with a bucket named `bucket`."""
    shell.ok("bucket", "create", "bucket")
    return shell


@pytest.fixture
def empty(tmp_path: Path) -> Shell:
    """A folder without a store."""
    return Shell(tmp_path)
