"""The key file of another store: every command says so, and touches nothing (acceptance 7)."""

import shutil
from pathlib import Path

import pytest

from outlast.testing.installation import CommandFailed, Installation

COMMANDS = [
    ("ls",),
    ("status",),
    ("repair",),
    ("key", "create", "intruder"),
    ("bucket", "create", "intruder"),
    ("drill", "a"),
]


@pytest.fixture(scope="module")
def robbed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A store whose key file was replaced by another store's."""
    folder = tmp_path_factory.mktemp("stores")
    one, other = (Installation.create(folder / name) for name in ("one", "other"))
    one.run("bucket", "create", "bucket")
    shutil.copy(other.folder / "outlast.key", one.folder / "outlast.key")
    return one


def held(installation: Installation) -> dict[Path, bytes]:
    """Everything at the providers but for what a disk needs to work (its locks)."""
    return {
        path: path.read_bytes()
        for name in ("a", "b", "c")
        for path in sorted(installation.provider(name).rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_says_whose_key_it_is_not(robbed: Installation, command: tuple[str, ...]) -> None:
    before = held(robbed)
    with pytest.raises(CommandFailed, match="another store's"):
        robbed.run(*command, state="other")
    assert held(robbed) == before


@pytest.mark.slow
def test_a_gateway_does_not_start(robbed: Installation) -> None:
    before = held(robbed)
    with pytest.raises(CommandFailed, match="another store's"):
        robbed.serve()
    assert held(robbed) == before


@pytest.mark.slow
def test_local_state_from_better_days_changes_nothing(robbed: Installation) -> None:
    """The catalog that `bucket create` left is in that state folder, and can be read without any key."""
    with pytest.raises(CommandFailed, match="another store's"):
        robbed.run("ls", state="cli")
