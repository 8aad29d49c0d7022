"""Creates a provider from a share's address. Only this module creates opendal's operators."""

from collections.abc import Mapping
from urllib.request import getproxies_environment, proxy_bypass

import opendal

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import ConfigError
from outlast.providers.credentials import from_environment
from outlast.providers.longtail.address import WebDavFolder
from outlast.providers.longtail.provider import LongTailProvider, deadline_s_base

# A server for a family or an office serves a dozen requests at once, and some drop any beyond that.
requests_max = 12


def open_share(
    name: str,
    share: WebDavFolder,
    options: Mapping[str, str],
    clock: Clock,
    entropy: Entropy,
    deadline_s: float = deadline_s_base,
) -> LongTailProvider:
    """The provider at `share`. No request is sent yet. Raises `ConfigError`."""
    _refuse_proxy(name, share)
    settings = {"endpoint": share.server, "root": f"/{share.path}"}
    if "user" in options:
        settings["username"] = options["user"]
    for option, setting in (("password_env", "password"), ("token_env", "token")):
        secret = from_environment(name, option, options)
        if secret is not None:
            settings[setting] = secret.reveal()
    operator: opendal.AsyncOperator | None = None
    try:
        operator = opendal.AsyncOperator("webdav", **settings)
        operator = operator.layer(opendal.layers.ConcurrentLimitLayer(requests_max))
    except Exception:  # noqa: S110 any error; none is passed on or logged: its text may hold a secret
        pass
    if operator is None:
        raise ConfigError(f"provider {name}: its options are not in the form that WebDAV needs")
    return LongTailProvider(name, operator, clock, entropy, deadline_s)


def _refuse_proxy(name: str, share: WebDavFolder) -> None:
    """Raise `ConfigError` if the environment would route requests to the share through a proxy.

    opendal's client would use it regardless of its settings. The URL must decide where passwords and sealed
    bytes go, not a variable that was set for another purpose.
    """
    scheme = share.server.partition("://")[0]
    found = getproxies_environment()
    if proxy_bypass(share.host, found):
        return
    for kind in (scheme, "all"):
        if kind in found:
            raise ConfigError(
                f"provider {name}: it would be reached through the proxy that {kind.upper()}_PROXY names",
                f"unset that variable, or add {share.host} to NO_PROXY",
            )
