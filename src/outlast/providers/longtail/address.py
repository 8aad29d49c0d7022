"""The address of a WebDAV share, parsed from its URL.

    webdav://HOST/PATH?user=NAME&password_env=VARIABLE     over TLS
    webdav+http://HOST:PORT/PATH                           in the clear, for a trusted network

An unknown host is its own operator; a share on this computer counts as a directory does.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote

from outlast.base.errors import ConfigError
from outlast.providers.hosts import check_no_secret, is_here, server_of
from outlast.providers.names import check_prefix

options = ("user", "password_env", "token_env")


@dataclass(frozen=True, slots=True)
class WebDavFolder:
    """One folder on a WebDAV server."""

    scheme: str
    server: str
    """Scheme, host, and port for HTTP."""
    host: str
    path: str
    """Without slashes at its ends."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.server.partition('://')[2]}/{quote(self.path)}".rstrip("/")


def read_share(name: str, parts: SplitResult, options: Mapping[str, str]) -> WebDavFolder:
    """The share in the URL of provider `name`. Raises `ConfigError`, which quotes no secret."""
    check_no_secret(name, parts)
    if "user" in options and "password_env" not in options:
        raise ConfigError(
            f"provider {name}: a user needs a password",
            "name the environment variable that holds it: ?password_env=NAME",
        )
    path = unquote(parts.path).strip("/")
    try:
        check_prefix(path)
    except ValueError:
        raise ConfigError(
            f"provider {name}: its path has characters that not all servers accept",
            "use letters, digits, '-', '_', and '.', with '/' between parts that do not begin with '.'",
        ) from None
    plain = parts.scheme == "webdav+http"
    server, host = server_of(name, f"{'http' if plain else 'https'}://{parts.netloc}")
    return WebDavFolder(parts.scheme, server, host, path)


def guess_domains(name: str, share: WebDavFolder) -> dict[str, str]:
    """The failure domains, as far as they follow from the host."""
    if is_here(share.host):
        return {"operator": name, "software": "WebDAV", "location": socket.gethostname()}
    return {"operator": share.host, "software": "WebDAV", "location": share.host}
