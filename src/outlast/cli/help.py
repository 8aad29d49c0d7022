"""What `--help` prints: the usage line, what the verb does, each argument and each option in full."""

import inspect
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from outlast.cli.declare import Option, Parameter, Verb, parameters

columns_max = 100
indent = 28
HELP_ROW = ("-h, --help", "Show this and exit.")


def verb_help(path: str, verb: Verb) -> str:
    """The help of the verb that is called as `path`: "outlast key create"."""
    takes = parameters(verb)
    arguments = [one for one in takes if not one.flags]
    options = [(flags_text(one), _option_text(one)) for one in takes if one.flags]
    lines = [f"Usage: {usage(path, takes)}", "", *_wrapped(inspect.getdoc(verb) or "")]
    if arguments:
        lines += ["", *_rows((one.metavar, one.told.help) for one in arguments)]
    lines += ["", "Options:", *_rows([*options, HELP_ROW])]
    return "\n".join(lines) + "\n"


def group_help(path: str, summary: str, sections: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """The help of a command that has commands: their names and summaries, in named sections."""
    lines = [f"Usage: {path} COMMAND ...", "", *_wrapped(summary)]
    for title, commands in sections.items():
        lines += ["", f"{title}:", *_rows(commands, 14)]
    lines += ["", f"`{path} COMMAND --help` shows what a command takes."]
    return "\n".join(lines) + "\n"


def usage(path: str, takes: Sequence[Parameter]) -> str:
    """`outlast cp SRC DST [OPTIONS]`, with the options that must be there."""
    words = [path]
    for one in takes:
        if not one.flags:
            word = one.metavar + ("..." if one.many else "")
            words.append(word if one.required else f"[{word}]")
        elif one.required:
            words.append(f"{one.flags[0]} {one.metavar}" + ("..." if one.many else ""))
    return " ".join([*words, "[OPTIONS]"])


def flags_text(one: Parameter) -> str:
    """`-r, --recursive`, with the value's name."""
    return ", ".join(sorted(one.flags, key=len)) + (f" {one.metavar}" if one.metavar else "")


def default_text(one: Parameter) -> str:
    """The default in words; "" if there is none."""
    assert isinstance(one.told, Option)
    if one.told.show_default:
        return one.told.show_default
    if one.required:
        return "required"
    if one.kind is bool or one.default in (None, "", []):
        return ""
    return f"{one.default:g}" if isinstance(one.default, float) else str(one.default)


def _option_text(one: Parameter) -> str:
    assert isinstance(one.told, Option)
    default, notes = default_text(one), []
    if default:
        notes.append(default if one.required else f"default: {default}")
    if one.many:
        notes.append("may be given several times")
    if one.told.envvar:
        notes.append(f"environment: {one.told.envvar}")
    return f"{one.told.help} ({'; '.join(notes)})" if notes else one.told.help


def _width() -> int:
    return min(shutil.get_terminal_size((columns_max, 24)).columns, columns_max)


def _wrapped(text: str) -> list[str]:
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    return "\n\n".join(textwrap.fill(paragraph, max(_width(), 40)) for paragraph in paragraphs).split("\n")


def _rows(rows: Iterable[tuple[str, str]], at: int = indent) -> list[str]:
    lines = []
    for name, text in rows:
        body = textwrap.wrap(text, max(_width() - at, 30), break_long_words=False, break_on_hyphens=False)
        if len(name) + 4 > at:
            lines.append(f"  {name}")
        else:
            lines.append(f"  {name}".ljust(at) + (body.pop(0) if body else ""))
        lines += [" " * at + line for line in body]
    return lines
