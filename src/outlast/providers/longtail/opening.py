"""From a share's address to a provider. The one place that makes opendal's operators."""

from collections.abc import Mapping

import opendal

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import ConfigError
from outlast.providers.credentials import from_environment
from outlast.providers.longtail.address import Share
from outlast.providers.longtail.provider import LongTailProvider, deadline_s_base

# A server for a family or an office serves a dozen requests at once, and some drop what comes beyond that.
requests_max = 12


def open_share(
    name: str,
    share: Share,
    options: Mapping[str, str],
    clock: Clock,
    entropy: Entropy,
    deadline_s: float = deadline_s_base,
) -> LongTailProvider:
    """The provider at `share`. Nothing is asked of it yet. Raises `ConfigError`."""
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
    except Exception:  # noqa: S110 any, and none is passed on or logged: its text may hold a secret
        pass
    if operator is None:
        raise ConfigError(f"provider {name}: its options are not in the form that WebDAV wants")
    return LongTailProvider(name, operator, clock, entropy, deadline_s)
