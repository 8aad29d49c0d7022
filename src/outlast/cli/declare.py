"""How a verb declares what it takes: in its signature, by `Annotated[type, Option(...)]` or `Argument(...)`.

The types are `str`, `int`, `float`, `bool` (a flag), `Path`, a `StrEnum` or a `Literal` (one of its words),
each of them `| None`, and `list` of them (given several times). Nothing here needs argparse, so that
`outlast --version` does not load it; `outlast.cli.parser` makes an argparse parser of a declaration.
"""

import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

NUMBERS = {int: "a whole number", float: "a number"}


class UsageError(Exception):
    """The command line is wrong; `remedy` names the next step, if it is not the verb's help."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; is status meant?`, if one of the known words is much like `word`."""
    from difflib import get_close_matches  # here: few commands are mistyped

    near = get_close_matches(word, list(known), 1)
    return f"; is {near[0]} meant?" if near else ""


@dataclass(frozen=True, slots=True)
class Argument:
    """A value without a name. `metavar`: what the usage line calls it."""

    metavar: str = ""
    help: str = ""
    min: float | None = None
    max: float | None = None


class Option:
    """A value with a name. Without `flags`, the parameter names it. `show_default`: the default in words."""

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
        self.flags, self.metavar, self.help, self.envvar = flags, metavar, help, envvar
        self.min, self.max, self.show_default = min, max, show_default


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a verb."""

    name: str
    kind: Any  # what one value is: `str`, `int`, `float`, `bool`, `Path`, or a `StrEnum`; str for words
    words: tuple[str, ...]  # the only values, if these are counted
    many: bool
    required: bool
    default: Any
    declared: Argument | Option

    @property
    def flags(self) -> tuple[str, ...]:
        """How the option is written; () for an argument."""
        if isinstance(self.declared, Argument):
            return ()
        return self.declared.flags or ("--" + self.name.replace("_", "-"),)

    @property
    def label(self) -> str:
        """How messages call it."""
        return self.flags[0] if self.flags else self.metavar

    @property
    def metavar(self) -> str:
        """What stands for its value; "" for a flag."""
        if self.kind is bool:
            return ""
        if self.declared.metavar or not self.flags:
            return self.declared.metavar or self.name.upper()
        if self.words:
            return "|".join(self.words)
        return "PATH" if self.kind is Path else "N" if self.kind in NUMBERS else self.name.upper()

    @property
    def envvar(self) -> str:
        """The environment variable that the command line overrides; "" for none."""
        return self.declared.envvar if isinstance(self.declared, Option) else ""

    @property
    def default_text(self) -> str:
        """An option's default in words; "" if there is none."""
        if isinstance(self.declared, Option) and self.declared.show_default:
            return self.declared.show_default
        if self.required:
            return "required"
        if self.kind is bool or self.default in (None, "", []):
            return ""
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default)

    def value(self, text: str) -> Any:
        """Convert `text`. Raises `UsageError`."""
        if self.words:
            if text not in self.words:
                raise UsageError(f"{self.label}: {text!r} is not one of {', '.join(self.words)}")
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
        low, high = self.declared.min, self.declared.max
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
    (declared,) = annotation.__metadata__
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
    return Parameter(name, kind, words, many, name not in defaults, defaults.get(name), declared)
