"""Command lines by argparse: a verb's parser, made of what the verb declares, and `--help` in one layout.

Names are not abbreviated: what a script says today must not become ambiguous tomorrow.
"""

import argparse
import inspect
import os
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, NoReturn

from outlast.cli.declare import Parameter, UsageError, Verb, parameters, suggestion


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)  # and not usage on standard error: `--json` applies to usage errors too


class _Formatter(argparse.HelpFormatter):
    """argparse's layout, except that no option is broken at a hyphen: it could not be copied."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=min(shutil.get_terminal_size().columns, 100))

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def parser_of(path: str, verb: Verb) -> argparse.ArgumentParser:
    """The parser of the verb that is called as `path` ("outlast key create"). It raises `UsageError`.

    What the command line does not name is left out of the namespace: the verb's own defaults apply.
    """
    takes = parameters(verb)
    parser = _Parser(
        prog=path,
        usage=usage(path, takes),
        description=inspect.getdoc(verb),
        formatter_class=_Formatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    for one in takes:
        flags = sorted(one.flags, key=len)
        valued: dict[str, Any] = {"type": one.value, "metavar": one.metavar, "help": _help(one)}
        if not flags:
            count = ("+" if one.required else "*") if one.many else None if one.required else "?"
            parser.add_argument(one.name, nargs=count, **valued)
        elif one.kind is bool:
            parser.add_argument(*flags, dest=one.name, action="store_true", help=_help(one))
        else:
            action = "append" if one.many else "store"
            parser.add_argument(*flags, dest=one.name, action=action, required=one.required, **valued)
    return parser


def parse(
    path: str, verb: Verb, words: Sequence[str], environment: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """The values that `words` and the environment give to the verb's parameters, by name.

    Raises `UsageError`; raises `SystemExit` after it has printed the help.
    """
    parser, takes = parser_of(path, verb), parameters(verb)
    # Python 3.11 loses a `--` that no argument precedes when options and arguments are mixed.
    read = parser.parse_args if "--" in words else parser.parse_intermixed_args
    try:
        values = vars(read(words))
    except UsageError as error:
        raise UsageError(_unknown_option(takes, words) or str(error)) from None
    for one in takes:
        if one.name not in values and environment.get(one.envvar):
            try:
                values[one.name] = one.value(environment[one.envvar])
            except UsageError as error:
                raise UsageError(f"{one.envvar}, for {error}") from None
    return values


def group_help(path: str, summary: str, sections: Mapping[str, Mapping[str, str]]) -> str:
    """The help of a command that has commands: their names and summaries, in named sections."""
    parser = argparse.ArgumentParser(
        prog=path,
        usage=f"{path} COMMAND ...",
        description=summary,
        epilog=f"`{path} COMMAND --help` shows what a command takes.",
        formatter_class=_Formatter,
        add_help=False,
    )
    for title, commands in sections.items():
        section = parser.add_argument_group(title)
        for name, text in commands.items():
            section.add_argument(name, help=text)  # only to be shown: the table of commands finds the verb
    return parser.format_help()


def usage(path: str, takes: Sequence[Parameter]) -> str:
    """`outlast cp SRC DST [OPTIONS]`, with the options that are required."""
    words = [path]
    for one in takes:
        word = " ".join([*one.flags[:1], one.metavar]) + ("..." if one.many else "")
        if one.required:
            words.append(word)
        elif not one.flags:
            words.append(f"[{word}]")
    return " ".join([*words, "[OPTIONS]"])


def _help(one: Parameter) -> str:
    notes = []
    if one.flags and one.default_text:
        notes.append(one.default_text if one.required else f"default: {one.default_text}")
    if one.flags and one.many:
        notes.append("may be given several times")
    if one.envvar:
        notes.append(f"environment: {one.envvar}")
    text = f"{one.declared.help} ({'; '.join(notes)})" if notes else one.declared.help
    return text.replace("%", "%%")


def _unknown_option(takes: Sequence[Parameter], words: Sequence[str]) -> str:
    """The first long option that does not exist: the cause of what argparse reports, with a suggestion."""
    known = {"--help", *(flag for one in takes for flag in one.flags)}
    for word in takewhile(lambda word: word != "--", words):
        flag = word.partition("=")[0]
        if flag.startswith("--") and " " not in flag and flag not in known:
            return f"there is no option {flag}{suggestion(flag, known)}"
    return ""
