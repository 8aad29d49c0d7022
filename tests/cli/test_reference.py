"""docs/reference/cli.md is what the commands say of themselves, and every command keeps the common rules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from outlast.cli.main import app
from outlast.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: make docs"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_is_documented_and_takes_json(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert f"## outlast {' '.join(path)}\n" in PAGE.read_text(encoding="utf-8")
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--json" in options
    assert "--config" in options or path == ("demo",)
    assert all(parameter.help for parameter in command.params if parameter.name != "help")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_works(path: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, [*path, "--help"]).exit_code == 0


def test_the_version_is_told() -> None:
    from outlast import __version__

    assert CliRunner().invoke(app, ["--version"]).stdout.strip() == __version__


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(app, ["conquer"]).exit_code == 2


def test_a_missing_config_is_told_with_its_remedy(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["ls", "--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 1
    assert "outlast init" in result.stderr
