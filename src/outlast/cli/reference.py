"""docs/reference/cli.md, written from the commands themselves by `make docs`; a test keeps it current.

python -m outlast.cli.reference docs/reference/cli.md
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from outlast.cli.main import app

_HEAD = """# Command line

<!-- Written from the code by `make docs`. Do not edit. -->

`outlast` (or `python -m outlast`) opens the store by itself; no gateway needs to run. Results go to standard
output, everything else to standard error; with `--json` the result is one JSON value, and an error one JSON
object `{"error", "message", "remedy"}`. Exit status: 0 done, 1 not done, 2 the command line was wrong,
130 interrupted.

Every command takes these; `--help` shows all that one takes:

| option | environment | | default |
| --- | --- | --- | --- |
| `--config`, `-c` `PATH` | `OUTLAST_CONFIG` | The store's settings file. | `outlast.toml` |
| `--state-dir` `PATH` | `OUTLAST_STATE_DIR` | Where the local catalog is kept. | the platform's |
| `--json` | | Print one JSON value on standard output instead of text. | |

A key file that was locked by a passphrase is opened by the environment variable `OUTLAST_PASSPHRASE`.
"""

_COMMON = ("config", "state_dir", "json")


def reference() -> str:
    """The page."""
    root: Any = typer.main.get_command(app)
    sections = [_HEAD, *(_section(path, command) for path, command in _commands("outlast", root))]
    return "\n".join(sections)


def _commands(path: str, group: Any) -> Iterator[tuple[str, Any]]:
    """(`outlast key create`, its command) for every command, in the order of `--help`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(f"{path} {name}", command)
        else:
            yield f"{path} {name}", command


def _section(path: str, command: Any) -> str:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [
        parameter
        for parameter in command.params
        if parameter.param_type_name == "option" and parameter.name not in _COMMON
    ]
    usage = " ".join([path, *map(_usage, arguments), "[OPTIONS]"])
    lines = [f"## {path}", "", command.help.strip(), "", f"    {usage}", ""]
    if " " not in path.removeprefix("outlast "):
        lines += _more(command)
    if arguments:
        lines += ["| argument | |", "| --- | --- |"]
        lines += [f"| `{_name(argument)}` | {_cell(argument.help)} |" for argument in arguments]
        lines.append("")
    if options:
        lines += ["| option | | default |", "| --- | --- | --- |"]
        lines += [f"| {_flags(option)} | {_cell(option.help)} | {_default(option)} |" for option in options]
        lines.append("")
    return "\n".join(lines)


def _more(command: Any) -> list[str]:
    """What the verb's module says about itself, after its first line."""
    text = inspect.getdoc(inspect.getmodule(command.callback)) or ""
    more = text.splitlines()[2:]
    return [*more, ""] if more else []


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _usage(argument: Any) -> str:
    return _name(argument) if argument.required else f"[{_name(argument)}]"


def _flags(option: Any) -> str:
    flags = ", ".join(f"`{flag}`" for flag in option.opts)
    if option.is_flag:
        return flags
    if option.metavar:
        return f"{flags} `{option.metavar}`"
    return f"{flags} `{option.name.upper().replace('_', '-')}`"


def _default(option: Any) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    if option.required:
        return "required"
    default = option.default
    return "" if option.is_flag or default in (None, "", [], ()) else f"`{default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
