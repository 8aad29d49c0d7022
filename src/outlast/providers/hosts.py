"""Servers in URLs: their normal form, and whether they are this computer."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from outlast.base.errors import ConfigError


def server_of(name: str, url: str) -> tuple[str, str]:
    """The normal form of a server's URL (no slash at the end), and its host. Raises `ConfigError`."""
    complaint = ConfigError(
        f"provider {name}: its endpoint is not the URL of a server", "https://HOST, and :PORT if need be"
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise complaint from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise complaint
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    where = host if port in (None, default) else f"{host}:{port}"
    return f"{parts.scheme}://{where}{parts.path}".rstrip("/"), parts.hostname


def is_here(host: str) -> bool:
    """Whether the host is this computer: then, as with directories, each provider is its own operator."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_no_secret(name: str, parts: SplitResult) -> None:
    """Raise `ConfigError` if the URL has a user or a password in front of the host."""
    if "@" in parts.netloc:
        raise ConfigError(
            f"provider {name}: a URL must not hold a password or a key",
            "name the environment variable that holds it: see docs/reference/providers",
        )
