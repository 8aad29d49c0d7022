"""How this machine reaches a provider, derived from its URL: what else can fail between the two.

A credential is identified by the name of what holds it (a profile, an environment variable, a file), never by
its value. A DNS zone is the registered name above the host: anyone who runs or blocks it can take away every
host below it. Under a country's domain the zone is guessed from the usual second levels; where
the guess is wrong, two zones count as one, which errs on the careful side.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from outlast.providers.hosts import is_here
from outlast.providers.registry import Location, parse_url

# In the order in which providers look for them.
_credentials = (
    "secret_access_key_env",
    "profile",
    "account_key_env",
    "sas_token_env",
    "service_account_key_env",
    "service_account_file",
    "password_env",
    "token_env",
)
_ambient = {
    "s3": "Amazon's, as this machine has them",
    "azure": "Azure's, as this machine has them",
    "gs": "Google's, as this machine has them",
}
_second_levels = frozenset({"ac", "co", "com", "edu", "gov", "net", "org"})


@dataclass(frozen=True, slots=True)
class Reach:
    """The way to one provider. "" where nothing can fail: a directory needs neither name nor key."""

    credential: str = ""
    zone: str = ""
    here: bool = False
    """Whether it is on this machine, and lost with it."""


def reach_of(name: str, url: str) -> Reach:
    """The way to provider `name`. Raises `ConfigError` for an invalid URL."""
    location = parse_url(name, url)
    scheme, host = urlsplit(location.url).scheme, _host(location)
    if not host:
        return Reach(here=True)
    credential = _credential(scheme, location.options)
    if is_here(host):
        return Reach(credential, here=True)
    return Reach(credential, zone_of(host))


def zone_of(host: str) -> str:
    """The registered name above the host's name; "" for an address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.strip(".").casefold().split(".")
        levels = 3 if len(labels[-1]) == 2 and labels[-2:-1] and labels[-2] in _second_levels else 2
        return ".".join(labels[-levels:])
    return ""


def _host(location: Location) -> str:
    """The host that receives the requests; "" for a provider that needs no network."""
    scheme = urlsplit(location.url).scheme
    if scheme in ("file", "memory"):
        return ""
    server = location.place.rpartition(" at ")[2]
    return urlsplit(server).hostname or ""


def _credential(scheme: str, options: Mapping[str, str]) -> str:
    for option in _credentials:
        if option in options:
            return options[option]
    return _ambient.get(scheme, "")
