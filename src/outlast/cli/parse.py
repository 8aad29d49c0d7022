"""The words of a command line as the values of a verb's parameters.

As everywhere in Unix: `--name VALUE` or `--name=VALUE`, `-c VALUE` or `-cVALUE`, flags of one letter together
(`-rn`), options and arguments in any order, and nothing after `--` is an option. Names are not abbreviated:
what a script says today must not become ambiguous tomorrow.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from outlast.cli.declare import Option, Parameter, UsageError

HELP_FLAGS = ("--help", "-h")


def parse(
    takes: Sequence[Parameter], words: Sequence[str], environment: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """A value for each parameter, by name. Raises `UsageError`."""
    options = {flag: one for one in takes for flag in one.flags}
    values: dict[str, Any] = {}
    rest = _take_options(options, words, values)
    _take_arguments([one for one in takes if not one.flags], rest, values)
    for one in takes:
        if one.name not in values:
            values[one.name] = _unsaid(one, environment)
    return values


def wants_help(takes: Sequence[Parameter], words: Sequence[str]) -> bool:
    """Whether `--help` or `-h` is among the options."""
    try:
        _take_options({flag: one for one in takes for flag in one.flags}, words, {})
    except _Help:
        return True
    except UsageError:
        return any(word in HELP_FLAGS for word in words)
    return False


class _Help(Exception):
    pass


def _take_options(
    options: Mapping[str, Parameter], words: Sequence[str], values: dict[str, Any]
) -> list[str]:
    """Put the options into `values`; the other words."""
    rest: list[str] = []
    left = list(reversed(words))
    while left:
        word = left.pop()
        if word == "--":
            return rest + left[::-1]
        if word in HELP_FLAGS:
            raise _Help
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            _take(_known(options, flag), equals and value, left, values, given=bool(equals))
        elif word.startswith("-") and len(word) > 1:
            one = _known(options, word[:2])
            if one.kind is bool and len(word) > 2:
                left.append("-" + word[2:])
                _take(one, "", left, values, given=False)
            else:
                _take(one, word[2:], left, values, given=len(word) > 2)
        else:
            rest.append(word)
    return rest


def _known(options: Mapping[str, Parameter], flag: str) -> Parameter:
    if flag not in options:
        from difflib import get_close_matches  # here: few commands are mistyped

        near = get_close_matches(flag, options, 1)
        raise UsageError(f"there is no option {flag}" + (f"; is {near[0]} meant?" if near else ""))
    return options[flag]


def _take(one: Parameter, value: str, left: list[str], values: dict[str, Any], *, given: bool) -> None:
    if one.kind is bool:
        if given:
            raise UsageError(f"{one.label} takes no value")
        values[one.name] = True
        return
    if not given:
        if not left or (left[-1].startswith("--")):
            raise UsageError(f"{one.label} needs a value: {one.label} {one.metavar}")
        value = left.pop()
    if one.many:
        values.setdefault(one.name, []).append(one.value(value))
    else:
        values[one.name] = one.value(value)


def _take_arguments(takes: Sequence[Parameter], words: Sequence[str], values: dict[str, Any]) -> None:
    left = list(words)
    for one in takes:
        if one.many and left:
            values[one.name] = [one.value(word) for word in left]
            left = []
        elif left:
            values[one.name] = one.value(left.pop(0))
    if left:
        raise UsageError(f"{left[0]!r} is one argument too many")


def _unsaid(one: Parameter, environment: Mapping[str, str]) -> Any:
    """The value of a parameter that the command line does not name."""
    if isinstance(one.told, Option) and one.told.envvar and environment.get(one.told.envvar):
        try:
            return one.value(environment[one.told.envvar])
        except UsageError as error:
            raise UsageError(f"{one.told.envvar}, for {error}") from None
    if one.required:
        raise UsageError(f"{one.label} is missing" + (f": {one.label} {one.metavar}" if one.flags else ""))
    return one.default
