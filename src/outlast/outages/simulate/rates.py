"""The table of rates: how often what fails, for how long, and the source of each figure.

`rates.toml` next to this module is the default, with a source for every figure, and says what the fields
mean. A figure that was never measured says `assumed`.
"""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import msgspec

from outlast.base.errors import ConfigError
from outlast.outages.simulate.durations import Duration, Exponential, LogNormal, Observed
from outlast.outages.simulate.history import Width, hours_of
from outlast.placement.members import DomainKind

Kind: TypeAlias = Literal[
    "provider", "operator", "region", "account", "credential", "software", "location", "store"
]
Basis: TypeAlias = Literal["data", "assumed", "given"]


# Beyond these a table does not say how often what fails, and for how long. "Not a number" is beyond, too.
rate_max = 1000.0  # a year
hours_max = 876_000.0  # a century
sigma_max = 4.0  # the mean is three thousand times the median


class Repair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long it takes to restore what was erased (exponential), and how many repairs run at once."""

    mean_h: float
    basis: Basis
    source: str
    repairers: int = 1

    @property
    def duration(self) -> Duration:
        return Exponential(self.mean_h)


class CauseRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of shared cause; see `rates.toml` for the fields."""

    kind: Kind
    effect: Literal["outage", "loss"]
    rate: float
    basis: Basis
    source: str
    mean_h: float | None = None
    median_h: float | None = None
    sigma: float | None = None
    hours: tuple[float, ...] | Literal["incidents"] | None = None
    only: dict[DomainKind, str] = {}
    unless: dict[DomainKind, str] = {}

    @property
    def name(self) -> str:
        """What fails, and how: `account loss`."""
        return f"{self.kind} {self.effect}"

    @property
    def duration(self) -> Duration | None:
        """How long an outage lasts. None for a loss, which lasts until it is repaired."""
        if self.mean_h is not None:
            return Exponential(self.mean_h)
        if self.median_h is not None and self.sigma is not None:
            return LogNormal(self.median_h, self.sigma)
        if self.hours == "incidents":
            assert self.kind == "operator" or self.kind == "region"
            return Observed(hours_of(self.kind))
        return Observed(self.hours) if self.hours else None


class Rates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The complete table."""

    repair: Repair
    causes: tuple[CauseRate, ...]

    def repaired_in(self, mean_h: float) -> "Rates":
        """The same table with another mean time to repair, given by the user.

        Raises `ConfigError`.
        """
        if not 0 < mean_h <= hours_max:
            raise ConfigError(f"the mean repair must be {_length_text}", "give another one")
        given = msgspec.structs.replace(self.repair, mean_h=mean_h, basis="given", source="given")
        return msgspec.structs.replace(self, repair=given)


def default_rates() -> Rates:
    """The table that comes with Outlast."""
    text = resources.files(__package__).joinpath("rates.toml").read_text(encoding="utf-8")
    return parse_rates(text, "rates.toml")


def load_rates(path: Path) -> Rates:
    """The table in a file. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "check its name, rights and content") from error
    return parse_rates(text, str(path))


def parse_rates(text: str, name: str) -> Rates:
    """Parse the table in `text`; `name` is for errors. Raises `ConfigError`."""
    try:
        rates = msgspec.convert(tomllib.loads(text), Rates)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{name} is not a table of rates: {error}", _form) from error
    _check(_is_length(rates.repair.mean_h), name, f"the mean repair must be {_length_text}")
    _check(rates.repair.repairers > 0, name, "repairers must be positive")
    for cause in rates.causes:
        in_range = 0 <= cause.rate <= rate_max
        _check(in_range, name, f"{cause.name}: its rate must be from 0 to {rate_max:g} a year")
        if cause.effect == "loss":
            _check(_lengths(cause) == 0, name, f"{cause.name}: how long it lasts is up to [repair]")
        else:
            known = cause.hours != "incidents" or cause.kind in get_args(Width)
            _check(known, name, f"{cause.name}: the incidents tell only of operators and regions")
            _check(_lengths(cause) == 1, name, f"{cause.name}: how long it lasts must be said in one way")
            _check(_has_lengths(cause), name, f"{cause.name}: how long it lasts must be {_length_text}")
            spread = cause.sigma is None or 0 <= cause.sigma <= sigma_max
            _check(spread, name, f"{cause.name}: its sigma must be from 0 to {sigma_max:g}")
    return rates


_length_text = f"above 0 and at most {hours_max:,.0f} h"
_form = "the default table shows its form: docs/guide/simulate.md"


def _check(holds: bool, name: str, problem: str) -> None:
    if not holds:
        raise ConfigError(f"{name}: {problem}", _form)


def _lengths(cause: CauseRate) -> int:
    """How many ways of giving the length of the outage are used; -1 if one is incomplete."""
    if (cause.median_h is None) != (cause.sigma is None):
        return -1
    return sum(said is not None for said in (cause.mean_h, cause.median_h, cause.hours))


def _has_lengths(cause: CauseRate) -> bool:
    if cause.hours == "incidents":
        return True
    lengths = [cause.mean_h, cause.median_h, *(cause.hours if cause.hours is not None else ())]
    said = [length for length in lengths if length is not None]
    return bool(said) and all(map(_is_length, said))


def _is_length(hours: float) -> bool:
    return 0 < hours <= hours_max
