"""The table of commands, and how one is run.

The table names each verb's module, and the module is imported when the verb is called: `outlast --version`
and `outlast --help` import none, and `outlast ls` nothing of what serves or reports. A test
(`tests/cli/test_start.py`) names what must stay out.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from outlast.base.memory import keep_freed_memory
from outlast.base.version import __version__
from outlast.cli import WRONG_USAGE
from outlast.cli.declare import UsageError, Verb, suggestion
from outlast.cli.output import print_problem

HELP_FLAGS = ("--help", "-h")

SUMMARY = "Object storage that outlives any one provider: S3 in front, many independent providers behind."


@dataclass(frozen=True, slots=True)
class Command:
    """A verb: where it is (`module:function`), and what it does in a few words."""

    where: str
    summary: str

    def load(self) -> Verb:
        """The verb itself."""
        module, _, name = self.where.partition(":")
        verb: Verb = getattr(import_module(f"outlast.cli.{module}"), name)
        return verb


@dataclass(frozen=True, slots=True)
class Group:
    """A word with verbs below it."""

    summary: str
    commands: Mapping[str, Command]


EVERYDAY: dict[str, Command | Group] = {
    "init": Command("init:init", "Make a store over some providers."),
    "serve": Command("serve:serve", "Serve the store over S3."),
    "status": Command("status:status", "Show the providers' state, and what is missing somewhere."),
    "doctor": Command("doctor:doctor", "Find out what is wrong, and what to do about it."),
    "ls": Command("ls:ls", "List buckets, or the objects of one."),
    "cp": Command("cp:cp", "Copy files into the store or out of it."),
    "cat": Command("cat:cat", "Write an object to standard output."),
    "rm": Command("rm:rm", "Delete objects."),
    "bucket": Group(
        "Make, list and delete buckets.",
        {
            "create": Command("bucket:create", "Make a bucket."),
            "list": Command("bucket:list_buckets", "List the buckets."),
            "delete": Command("bucket:delete", "Delete an empty bucket."),
        },
    ),
    "key": Group(
        "Make, list and delete S3 access keys.",
        {
            "create": Command("key:create", "Make an access key, and show its secret this once."),
            "list": Command("key:list_keys", "List the access keys, without their secrets."),
            "delete": Command("key:delete", "Delete an access key."),
        },
    ),
}
BAD_DAYS: dict[str, Command | Group] = {
    "provider": Group(
        "Show the providers, and measure what each can do.",
        {
            "list": Command("provider:list_providers", "List the providers, and how near they are."),
            "probe": Command("provider:probe", "Measure what providers can do now."),
        },
    ),
    "inspect": Group(
        "Show what each provider holds of a slot, an extent, or an object.",
        {
            "slot": Command("inspect:slot", "Show the states of one slot of the log."),
            "extent": Command("inspect:extent", "Read and check each fragment of one extent."),
            "object": Command("inspect:object_", "Show where an object lies, and check it."),
        },
    ),
    "repair": Command("repair:repair", "Restore what providers lost."),
    "collect": Command("collect:collect", "Free the space of what was deleted or overwritten."),
    "what-if": Command("what_if:what_if", "Show what would stop if something failed."),
    "report": Command("report:report", "Report what a bad day does to the store."),
    "drill": Command("drill:drill", "Make providers fail on purpose, and see what happens."),
    "simulate": Command("simulate:simulate", "Simulate years of outages."),
    "recover": Command("recover:recover", "Open an existing store from a new machine."),
    "demo": Command("demo.command:demo", "See a store lose two providers, and lose nothing."),
}
COMMANDS: dict[str, Command | Group] = {**EVERYDAY, **BAD_DAYS}


def main() -> None:
    """Run the command that the command line names, and leave with its exit status."""
    keep_freed_memory()
    sys.exit(run_command(sys.argv[1:]))


def run_command(words: Sequence[str]) -> int:
    """Run a command, given without the program's name; its exit status."""
    _survive_any_name()
    try:
        return _run(words)
    except UsageError as error:
        remedy = error.remedy or "see: outlast --help"
        print_problem("UsageError", str(error), remedy, json="--json" in words)
        return WRONG_USAGE
    except SystemExit as leaving:
        return int(leaving.code or 0)


def _survive_any_name() -> None:
    """Print the names of files that are not UTF-8 with their bytes escaped, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _run(words: Sequence[str]) -> int:
    first, *rest = words or ["--help"]
    if first == "--version":
        sys.stdout.write(f"{__version__}\n")
        return 0
    if first in HELP_FLAGS:
        _print_help("outlast", SUMMARY, {"Every day": EVERYDAY, "For bad days": BAD_DAYS})
        return 0 if words else WRONG_USAGE
    path, command, rest = _find(first, rest)
    if isinstance(command, Group):
        _print_help(path, command.summary, {"Commands": command.commands})
        return 0 if rest else WRONG_USAGE
    _call(path, command.load(), rest)
    return 0


def _print_help(path: str, summary: str, tables: Mapping[str, Mapping[str, Command | Group]]) -> None:
    from outlast.cli.parser import group_help  # here: `outlast --version` needs no parser

    sections = {
        title: {name: command.summary for name, command in table.items()} for title, table in tables.items()
    }
    sys.stdout.write(group_help(path, summary, sections))


def _find(first: str, rest: list[str]) -> tuple[str, Command | Group, list[str]]:
    """The command that the first words name: its path, the command, and the words after them."""
    path, table, name = "outlast", COMMANDS, first
    while True:
        if name not in table:
            raise UsageError(f"there is no command {name!r}{suggestion(name, table)}", f"see: {path} --help")
        path, found = f"{path} {name}", table[name]
        if isinstance(found, Command) or not rest or rest[0] in HELP_FLAGS:
            return path, found, rest
        table, name, rest = dict(found.commands), rest[0], rest[1:]


def _call(path: str, verb: Verb, words: Sequence[str]) -> None:
    from outlast.cli.parser import parse  # here: `outlast --version` needs no parser

    try:
        verb(**parse(path, verb, words))
    except UsageError as error:
        raise UsageError(str(error), error.remedy or f"see: {path} --help") from None
