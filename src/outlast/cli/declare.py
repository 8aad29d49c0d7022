"""How a verb says what it takes: in its signature, with `Annotated[type, Option(...)]` or `Argument(...)`.

The types are `str`, `int`, `float`, `bool` (a flag), `Path`, a `StrEnum` or a `Literal` (one of its words),
each of them `| None`, and `list` of them (given several times). Only small modules of the standard library
are imported: this is read before every command, and the library that did the same took 0.3 s of each.
"""

import types
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

NUMBERS = {int: "a whole number", float: "a number"}


class UsageError(Exception):
    """The command line is wrong; `usage` says how that is put right."""

    def __init__(self, message: str, usage: str = "") -> None:
        super().__init__(message)
        self.usage = usage


@dataclass(frozen=True, slots=True)
class Argument:
    """What a word that is no option means. `metavar`: its name in the usage line."""

    metavar: str = ""
    help: str = ""
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True, init=False)
class Option:
    """What an option means. No `flags`: the parameter's name. `show_default`: the default in words."""

    flags: tuple[str, ...]
    metavar: str
    help: str
    envvar: str
    min: float | None
    max: float | None
    show_default: str

    def __init__(
        self,
        *flags: str,
        metavar: str = "",
        help: str,
        envvar: str = "",
        min: float | None = None,
        max: float | None = None,
        show_default: str = "",
    ) -> None:
        values = (flags, metavar, help, envvar, min, max, show_default)
        for name, value in zip(self.__slots__, values, strict=True):
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a verb."""

    name: str
    kind: Any  # what one value is: `str`, `int`, `float`, `bool`, `Path`, or a `StrEnum`; str for words
    words: tuple[str, ...]  # the only values, if these are counted
    many: bool
    required: bool
    default: Any
    told: Argument | Option

    @property
    def flags(self) -> tuple[str, ...]:
        """How the option is written; () for an argument."""
        if isinstance(self.told, Argument):
            return ()
        return self.told.flags or ("--" + self.name.replace("_", "-"),)

    @property
    def label(self) -> str:
        """How messages call it."""
        return self.flags[0] if self.flags else self.metavar

    @property
    def metavar(self) -> str:
        """What stands for its value; "" for a flag."""
        if self.kind is bool:
            return ""
        if self.told.metavar or not self.flags:
            return self.told.metavar or self.name.upper()
        if self.words:
            return "|".join(self.words)
        return "PATH" if self.kind is Path else "N" if self.kind in NUMBERS else self.name.upper()

    def value(self, text: str) -> Any:
        """What `text` stands for. Raises `UsageError`."""
        if self.words:
            if text not in self.words:
                raise UsageError(f"{self.label}: {text!r} is none of {', '.join(self.words)}")
            return self.kind(text)
        if self.kind in NUMBERS:
            return self._number(text)
        return self.kind(text)

    def _number(self, text: str) -> int | float:
        try:
            number: int | float = self.kind(text)
        except ValueError:
            number = float("nan")
        if not isfinite(number):
            raise UsageError(f"{self.label}: {text!r} is not {NUMBERS[self.kind]}")
        low, high = self.told.min, self.told.max
        if (low is not None and number < low) or (high is not None and number > high):
            raise UsageError(f"{self.label}: {text} is not {_span(low, high)}")
        return number


def _span(low: float | None, high: float | None) -> str:
    if high is None:
        return f"{low:g} or more"
    return f"{high:g} or less" if low is None else f"between {low:g} and {high:g}"


Verb = Callable[..., None]


def parameters(verb: Verb) -> list[Parameter]:
    """What `verb` takes, in the order of its signature."""
    names = verb.__code__.co_varnames[: verb.__code__.co_argcount]
    defaults = verb.__defaults__ or ()
    by_name = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    return [_parameter(name, verb.__annotations__[name], by_name) for name in names]


def _parameter(name: str, annotation: Any, defaults: dict[str, Any]) -> Parameter:
    (told,) = annotation.__metadata__
    kind = annotation.__origin__
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    many = get_origin(kind) is list
    if many:
        (kind,) = get_args(kind)
    words: tuple[str, ...] = ()
    if get_origin(kind) is Literal:
        kind, words = str, get_args(kind)
    elif issubclass(kind, StrEnum):
        words = tuple(kind)
    return Parameter(name, kind, words, many, name not in defaults, defaults.get(name), told)
