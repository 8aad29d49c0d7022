"""docs/reference/cli.md, written from the commands themselves by `make docs`; a test keeps it current.

python -m outlast.cli.reference docs/reference/cli.md
"""

import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from outlast.cli.declare import Parameter, Verb, parameters
from outlast.cli.main import COMMANDS, Command, Group
from outlast.cli.parser import usage

Row: TypeAlias = tuple[str, Command]

_HEAD = """# Command line

<!-- Written from the code by `make docs`. Do not edit. -->

`outlast` (or `python -m outlast`) opens the store by itself; no gateway needs to run. Results go to standard
output, everything else to standard error; with `--json` the result is one JSON value, and an error one JSON
object `{"error", "message", "remedy"}`. Exit status: 0 done, 1 not done, 2 the command line was wrong,
128 and the signal's number (130: SIGINT) interrupted.

Every command takes these; `--help` (`-h`) shows all that one takes:

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
    return "\n".join([_HEAD, *(_section(path, command.load()) for path, command in commands())])


def commands(table: Mapping[str, Command | Group] = COMMANDS, above: str = "outlast") -> Iterator[Row]:
    """(`outlast key create`, its command) for every command, in the order of the tables."""
    for name, one in table.items():
        path = f"{above} {name}"
        if isinstance(one, Group):
            yield from commands(one.commands, path)
        else:
            yield path, one


def _section(path: str, verb: Verb) -> str:
    takes = parameters(verb)
    arguments = [one for one in takes if not one.flags]
    options = [one for one in takes if one.flags and one.name not in _COMMON]
    lines = [f"## {path}", "", inspect.getdoc(verb) or "", "", f"    {usage(path, takes)}", ""]
    if " " not in path.removeprefix("outlast "):
        lines += _more(verb)
    if arguments:
        lines += ["| argument | |", "| --- | --- |"]
        lines += [f"| `{one.metavar}` | {_cell(one.declared.help)} |" for one in arguments]
        lines.append("")
    if options:
        lines += ["| option | | default |", "| --- | --- | --- |"]
        lines += [
            f"| {_flags(one)} | {_cell(one.declared.help)} | {_cell(one.default_text)} |" for one in options
        ]
        lines.append("")
    return "\n".join(lines)


def _more(verb: Verb) -> list[str]:
    """What the verb's module says about itself, after its first line."""
    text = inspect.getdoc(inspect.getmodule(verb)) or ""
    more = text.splitlines()[2:]
    return [*more, ""] if more else []


def _flags(one: Parameter) -> str:
    flags = ", ".join(f"`{flag}`" for flag in one.flags)
    return f"{flags} `{_cell(one.metavar)}`" if one.metavar else flags


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
