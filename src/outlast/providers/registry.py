"""From a provider's URL to a provider.

A URL says where the provider is (`file:///srv/a`, `s3://bucket/prefix?region=eu-west-1`); options in its
query say what cannot be measured: `operator`, `region`, `account`, `software`, `location` (what it shares
with others and can lose together with them), `role`, quotas, and whatever else each kind of provider needs. A
bare path is a file URL. What is not given is guessed as well as possible. A URL never holds a secret.

Guesses for a directory: it is its own operator (so that two directories count as two; say otherwise if
they are on one disk), its software is `disk`, its location this computer. For a cloud they come from the
endpoint.

Every provider is metered; one on a network is also rate-limited to what it tolerates, and retried where that
helps. The libraries that reach it are imported only when it is opened.
"""

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy, SystemEntropy
from outlast.base.errors import ConfigError
from outlast.providers.cloud import address as cloud
from outlast.providers.disk import DiskProvider
from outlast.providers.longtail import address as longtail
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Provider
from outlast.providers.quota import Quota, read_quota
from outlast.providers.quota import options as quota_options
from outlast.providers.wrap.guard import marker_period_s, network_quiet_period_s
from outlast.providers.wrap.layers import innermost
from outlast.providers.wrap.meter import Meter
from outlast.providers.wrap.name_interval import NameInterval
from outlast.providers.wrap.rate_limit import RateLimit
from outlast.providers.wrap.retry import Retry

Role: TypeAlias = Literal["full", "witness", "data"]
"""`full` votes and holds data, `witness` votes only, `data` holds data only."""

roles: tuple[Role, ...] = ("full", "witness", "data")
_variable = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
domain_kinds = ("operator", "region", "account", "software", "location")

# `memory:` URLs name places of this process, so that opening one twice finds the same objects.
_memories: dict[str, MemoryProvider] = {}


@dataclass(frozen=True, slots=True)
class Location:
    """A provider's URL, parsed. `domains` has all of `domain_kinds`; "" is unknown."""

    name: str
    url: str
    """Without options, in normal form."""
    place: str
    """Equal for two URLs only if they lead to the same objects."""
    options: dict[str, str]
    """As given."""
    domains: dict[str, str]
    role: Role
    quota: Quota


def parse_url(name: str, url: str) -> Location:
    """Parse the URL of provider `name`. Raises `ConfigError`."""
    parts = _split(name, url)
    scheme = _scheme(name, parts)
    options = _options(name, parts, scheme)
    role = options.get("role", "full")
    if role not in roles:
        raise ConfigError(f"provider {name}: there is no role {role!r}", f"roles are {', '.join(roles)}")
    guess = scheme.guess(name, parts, options)
    return Location(
        name=name,
        url=scheme.url(name, parts, options),
        place=(scheme.place or scheme.url)(name, parts, options),
        options=options,
        domains={kind: options.get(kind, guess.get(kind, "")) for kind in domain_kinds},
        role=role,
        quota=read_quota(name, options),
    )


def open_provider(name: str, url: str, clock: Clock, entropy: Entropy | None = None) -> Provider:
    """The provider at `url`. It receives no requests yet, and nothing is created. Raises `ConfigError`.

    `entropy` is for jitter and for names of drafts; without one it is the system's.
    """
    parse_url(name, url)
    parts = _split(name, url)
    scheme = _scheme(name, parts)
    return scheme.open(name, parts, _options(name, parts, scheme), Means(clock, entropy or SystemEntropy()))


async def prepare(provider: Provider) -> None:
    """Make what a new provider needs before its first use: for a disk, its directory."""
    if isinstance(disk := innermost(provider), DiskProvider):
        await disk.prepare()


def is_near(provider: Provider) -> bool:
    """Whether a round trip to it costs next to nothing, in time and money."""
    return isinstance(innermost(provider), DiskProvider | MemoryProvider)


def quiet_period_s(provider: Provider) -> float:
    """How often an idle gateway checks the provider: rarely where requests cost money."""
    return marker_period_s if is_near(provider) else network_quiet_period_s


# ---------------------------------------------------------------- URLs


@dataclass(frozen=True, slots=True)
class Means:
    """What providers are given."""

    clock: Clock
    entropy: Entropy


@dataclass(frozen=True, slots=True)
class _Scheme:
    url: Callable[[str, SplitResult, Mapping[str, str]], str]
    guess: Callable[[str, SplitResult, Mapping[str, str]], dict[str, str]]
    open: Callable[[str, SplitResult, Mapping[str, str], Means], Provider]
    options: tuple[str, ...] = ()
    """In addition to `domain_kinds`, `role`, and quotas."""
    place: Callable[[str, SplitResult, Mapping[str, str]], str] | None = None
    """Where the URL without options does not imply it."""


def _split(name: str, url: str) -> SplitResult:
    path, _, query = url.partition("?")
    if path and "://" not in path and not path.lower().startswith(("file:", "memory:")):
        url = f"file://{quote(str(Path(path).expanduser().absolute()))}" + (f"?{query}" if query else "")
    try:
        return urlsplit(url)
    except ValueError as error:
        raise ConfigError(f"provider {name}: not a URL ({error})") from error


def _scheme(name: str, parts: SplitResult) -> _Scheme:
    scheme = _schemes.get(parts.scheme)
    if scheme is None:
        raise ConfigError(
            f"provider {name}: there is no kind of provider {parts.scheme!r}",
            f"a URL begins with one of {', '.join(f'{known}:' for known in _schemes)}",
        )
    return scheme


def _options(name: str, parts: SplitResult, scheme: _Scheme) -> dict[str, str]:
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs):
        raise ConfigError(f"provider {name}: an option is given twice in its URL")
    known = (*domain_kinds, "role", *quota_options, *scheme.options)
    for option in options:
        if f"{option}_env" in known:
            raise ConfigError(
                f"provider {name}: a URL must not hold the {option} itself",
                f"name an environment variable that holds it: ?{option}_env=NAME",
            )
        if option.endswith("_env") and option in known and not _variable.fullmatch(options[option]):
            # Not quoted: it may be the secret itself, in place of its variable's name.
            raise ConfigError(
                f"provider {name}: what {option} says cannot be the name of an environment variable",
                f"name the variable that holds it: ?{option}=NAME, and never the secret itself",
            )
        if option not in known:
            raise ConfigError(
                f"provider {name}: there is no option {option!r}", f"options are {', '.join(known)}"
            )
    return options


# ---------------------------------------------------------------- this computer


def _path(name: str, parts: SplitResult) -> Path:
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or "\0" in str(path):
        raise ConfigError(
            f"provider {name}: a file URL needs an absolute path on this computer",
            f"file://{Path.cwd() / (parts.netloc + parts.path).lstrip('/')}",
        )
    return path


def _open_disk(name: str, parts: SplitResult, options: Mapping[str, str], means: Means) -> Provider:
    disk = DiskProvider(name, _path(name, parts), means.clock, means.entropy)
    return Meter(disk, means.clock)


def _guess_here(name: str, software: str) -> dict[str, str]:
    return {"operator": name, "software": software, "location": socket.gethostname()}


def _label(name: str, parts: SplitResult) -> str:
    return parts.netloc or parts.path or name


def _open_memory(name: str, parts: SplitResult, options: Mapping[str, str], means: Means) -> Provider:
    label = _label(name, parts)
    if label not in _memories:
        _memories[label] = MemoryProvider(name)
    return Meter(_memories[label], means.clock)


# ---------------------------------------------------------------- networks


def _open_cloud(name: str, parts: SplitResult, options: Mapping[str, str], means: Means) -> Provider:
    from outlast.providers.cloud.opening import open_cloud

    address = cloud.read_address(name, parts, options)
    interval_s = cloud.name_interval_s(name, address, options)
    return _wrapped(open_cloud(name, address, options), means, interval_s)


def _open_share(name: str, parts: SplitResult, options: Mapping[str, str], means: Means) -> Provider:
    from outlast.providers.longtail.opening import open_share

    share = longtail.read_share(name, parts, options)
    return _wrapped(open_share(name, share, options, means.clock, means.entropy), means)


def _wrapped(provider: Provider, means: Means, name_interval_s: float = 0.0) -> Provider:
    limited: Provider = RateLimit(Meter(provider, means.clock), means.clock, bool(name_interval_s))
    if name_interval_s:
        limited = NameInterval(limited, means.clock, name_interval_s)
    return Retry(limited, means.clock, means.entropy)


def _cloud(kind: str) -> _Scheme:
    return _Scheme(
        lambda name, parts, options: cloud.read_address(name, parts, options).url,
        lambda name, parts, options: cloud.guess_domains(name, cloud.read_address(name, parts, options)),
        _open_cloud,
        cloud.options_of[kind],
        lambda name, parts, options: cloud.read_address(name, parts, options).place,
    )


_share = _Scheme(
    lambda name, parts, options: longtail.read_share(name, parts, options).url,
    lambda name, parts, options: longtail.guess_domains(name, longtail.read_share(name, parts, options)),
    _open_share,
    longtail.options,
)

_schemes = {
    "file": _Scheme(
        lambda name, parts, _: f"file://{quote(str(_path(name, parts)))}",
        lambda name, *_: _guess_here(name, "disk"),
        _open_disk,
        place=lambda name, parts, _: f"file://{quote(str(_path(name, parts).resolve()))}",
    ),
    "memory": _Scheme(
        lambda name, parts, _: f"memory://{_label(name, parts)}",
        lambda name, *_: _guess_here(name, "memory"),
        _open_memory,
    ),
    **{kind: _cloud(kind) for kind in cloud.options_of},
    "webdav": _share,
    "webdav+http": _share,
}
