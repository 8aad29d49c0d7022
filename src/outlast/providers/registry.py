"""From a provider's URL to a provider.

A URL says where the provider is (`file:///srv/a`, `memory://a`); options in its query say what cannot be
measured: `operator`, `region`, `account`, `software`, `location` (what it shares with others and can lose
together with them) and `role`. A bare path is a file URL. What is left unsaid is guessed as well as can be.

Guesses for a directory: it is its own operator (so that two directories count as two; say otherwise if
they are on one disk), its software is `disk`, its location this computer.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from outlast.base.clock import Clock
from outlast.base.errors import ConfigError
from outlast.providers.disk import DiskProvider
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Provider

Role: TypeAlias = Literal["full", "witness", "data"]
"""`full` votes and holds data, `witness` votes only, `data` holds data only."""

roles: tuple[Role, ...] = ("full", "witness", "data")
domain_kinds = ("operator", "region", "account", "software", "location")

# `memory:` URLs name places of this process, so that opening one twice finds the same objects.
_memories: dict[str, MemoryProvider] = {}


@dataclass(frozen=True, slots=True)
class Location:
    """A provider's URL, taken apart. `domains` has all of `domain_kinds`; "" is unknown."""

    name: str
    url: str
    """Without options, in one way of writing it."""
    options: dict[str, str]
    """As given."""
    domains: dict[str, str]
    role: Role


def parse_url(name: str, url: str) -> Location:
    """Take the URL of provider `name` apart. Raises `ConfigError`."""
    parts = _split(name, url)
    scheme = _scheme(name, parts)
    options = _options(name, parts)
    role = options.get("role", "full")
    if role not in roles:
        raise ConfigError(f"provider {name}: there is no role {role!r}", f"roles are {', '.join(roles)}")
    guess = scheme.guess(name)
    return Location(
        name=name,
        url=scheme.canonical(name, parts),
        options=options,
        domains={kind: options.get(kind, guess.get(kind, "")) for kind in domain_kinds},
        role=role,
    )


def open_provider(name: str, url: str, clock: Clock) -> Provider:
    """The provider at `url`. Nothing is asked of it yet, and nothing made. Raises `ConfigError`."""
    parse_url(name, url)
    parts = _split(name, url)
    return _scheme(name, parts).open(name, parts, clock)


async def prepare(provider: Provider) -> None:
    """Make what a new provider needs before its first use: for a disk, its directory."""
    if isinstance(provider, DiskProvider):
        await provider.prepare()


# ---------------------------------------------------------------- schemes


@dataclass(frozen=True, slots=True)
class _Scheme:
    canonical: Callable[[str, SplitResult], str]
    guess: Callable[[str], dict[str, str]]
    open: Callable[[str, SplitResult, Clock], Provider]


def _split(name: str, url: str) -> SplitResult:
    path, _, query = url.partition("?")
    if path and "://" not in path and not path.lower().startswith(("file:", "memory:")):
        url = f"file://{quote(str(Path(path).expanduser().absolute()))}" + (f"?{query}" if query else "")
    try:
        return urlsplit(url)
    except ValueError as error:
        raise ConfigError(f"provider {name}: not a URL: {url} ({error})") from error


def _scheme(name: str, parts: SplitResult) -> _Scheme:
    scheme = _schemes.get(parts.scheme)
    if scheme is None:
        raise ConfigError(
            f"provider {name}: there is no kind of provider {parts.scheme!r}",
            f"a URL begins with one of {', '.join(f'{known}:' for known in _schemes)}",
        )
    return scheme


def _options(name: str, parts: SplitResult) -> dict[str, str]:
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs):
        raise ConfigError(f"provider {name}: an option is given twice in its URL")
    for option in options:
        if option not in (*domain_kinds, "role"):
            raise ConfigError(
                f"provider {name}: there is no option {option!r}",
                f"options are {', '.join((*domain_kinds, 'role'))}",
            )
    return options


def _path(name: str, parts: SplitResult) -> Path:
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or "\0" in str(path):
        raise ConfigError(
            f"provider {name}: a file URL needs a whole path on this computer",
            f"file://{Path.cwd() / (parts.netloc + parts.path).lstrip('/')}",
        )
    return path


def _open_disk(name: str, parts: SplitResult, clock: Clock) -> Provider:
    return DiskProvider(name, _path(name, parts), clock)


def _guess_disk(name: str) -> dict[str, str]:
    return {"operator": name, "software": "disk", "location": socket.gethostname()}


def _label(name: str, parts: SplitResult) -> str:
    return parts.netloc or parts.path or name


def _open_memory(name: str, parts: SplitResult, clock: Clock) -> Provider:
    label = _label(name, parts)
    if label not in _memories:
        _memories[label] = MemoryProvider(name)
    return _memories[label]


def _guess_memory(name: str) -> dict[str, str]:
    return {"operator": name, "software": "memory", "location": socket.gethostname()}


_schemes = {
    "file": _Scheme(lambda name, parts: f"file://{quote(str(_path(name, parts)))}", _guess_disk, _open_disk),
    "memory": _Scheme(lambda name, parts: f"memory://{_label(name, parts)}", _guess_memory, _open_memory),
}
