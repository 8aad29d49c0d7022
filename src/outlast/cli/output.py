"""Printing: the result on standard output, for people or as JSON; everything else on standard error.

With `--json` exactly one JSON value is printed on standard output, and an error is one JSON object on
standard error, so that a script never has to read prose.
"""

import json as jsonlib
import re
import sys
from collections.abc import Iterable, Sequence

from outlast.base.errors import ConfigError, OutlastError
from outlast.base.figures import bytes_text as bytes_text
from outlast.base.figures import count_text as count_text

# What drives a terminal rather than being shown: control characters except ends of lines and tabs, and what
# turns the direction of writing.
_control = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str, escape: str = "\\x{:02x}") -> str:
    """The text with what would drive the terminal written as `\\x1b`: anyone who may write chooses names."""
    return _control.sub(lambda found: escape.format(ord(found[0])), text)


def one_line(text: str) -> str:
    """The text as `printable`, without ends of lines and tabs."""
    return printable(text).replace("\n", "\\x0a").replace("\t", "\\x09")


def print_json(value: object) -> None:
    """One JSON value, readable by people too."""
    sys.stdout.write(printable(jsonlib.dumps(value, indent=2, ensure_ascii=False), "\\u{:04x}") + "\n")


def print_line(text: str = "") -> None:
    """One line of the result, as it is (no colors, no wrapping), and at once: a reader may wait for it."""
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns under their titles. A title that ends with `>` is of numbers, aligned to the right."""
    cells_of = (
        [printable(cell).replace("\n", "\\x0a").replace("\t", "\\x09") for cell in row] for row in rows
    )
    lines = [[column.rstrip(">") for column in columns], *cells_of]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        cells = [
            cell.rjust(width) if column.endswith(">") else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        ]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def print_note(text: str) -> None:
    """Something a person may want to know that is not the result: on standard error."""
    sys.stderr.write(printable(text) + "\n")


def print_error(error: Exception, json: bool) -> None:
    """What went wrong, and what to do about it."""
    from outlast.cli.remedies import remedy_for  # here: it knows every kind of trouble

    remedy = error.remedy if isinstance(error, ConfigError) else remedy_for(error)
    print_problem(type(error).__name__, message_of(error), remedy, json)


def print_problem(kind: str, message: str, remedy: str, json: bool) -> None:
    """A problem on standard error: for people, or as one JSON object."""
    if json:
        sys.stderr.write(jsonlib.dumps({"error": kind, "message": message, "remedy": remedy}) + "\n")
        return
    print_note(f"outlast: {message}")
    if remedy:
        print_note(f"  -> {remedy}")


def message_of(error: Exception) -> str:
    """The error in words: its own, or what its class stands for."""
    text = str(error)
    if isinstance(error, OutlastError):
        meaning = (type(error).__doc__ or type(error).__name__).splitlines()[0].rstrip(".")
        meaning = meaning[0].lower() + meaning[1:]
        return text if " " in text else f"{meaning}: {text}" if text else meaning
    return text or type(error).__name__
