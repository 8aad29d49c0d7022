"""Secrets for the clouds: where they are found, and that they go nowhere else.

A URL never holds a secret; it may name the environment variable that does. Otherwise each cloud's ordinary
chain is followed. obstore follows most of it by itself (environment, web identity, container and machine
identity, Google's application default credentials, Azure's workload and managed identity); Amazon's profile
files are read here, as obstore does not. Profiles that call a program or sign on by a browser are not
followed.

`Secret` is what holds a value here: neither its text nor comparisons reveal it.
"""

import configparser
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outlast.base.errors import ConfigError


class Secret:
    """A secret value; `reveal` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")

    def reveal(self) -> str:
        """The value itself, for the SDK."""
        return self._value


class Fixed:
    """A credential in the form that obstore requests. Unlike settings, it is never mixed with anything in the
    environment (such as another account's session token)."""

    def __init__(self, **values: Secret | None) -> None:
        self._values = values

    def __call__(self) -> Any:  # each cloud's SDK wants a TypedDict of its own
        revealed = {
            what: value.reveal() if value is not None else None for what, value in self._values.items()
        }
        return {**revealed, "expires_at": None}


def from_environment(name: str, option: str, options: Mapping[str, str]) -> Secret | None:
    """The value of the variable that `option` names; None if the option is not given."""
    variable = options.get(option)
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise ConfigError(
            f"provider {name}: the environment variable that {option} names is not set",
            "set it where this runs; the option holds the variable's name, never the secret itself",
        )
    return Secret(value)


def amazon_keys(name: str, options: Mapping[str, str]) -> Fixed | None:
    """Keys named by the URL or in a profile; None leaves the rest of the chain to obstore."""
    key_id = from_environment(name, "access_key_id_env", options)
    secret = from_environment(name, "secret_access_key_env", options)
    token = from_environment(name, "session_token_env", options)
    if key_id is not None or secret is not None:
        # The id is not secret, and usually in its ordinary place.
        if key_id is None and (ambient := os.environ.get("AWS_ACCESS_KEY_ID")):
            key_id = Secret(ambient)
        if key_id is None or secret is None:
            raise ConfigError(
                f"provider {name}: a key id and a secret belong together",
                "name both: ?access_key_id_env=NAME&secret_access_key_env=NAME",
            )
        return Fixed(access_key_id=key_id, secret_access_key=secret, token=token)
    profile = options.get("profile")
    if profile is None and any(
        variable in os.environ
        for variable in (
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        )
    ):
        return None
    return _profile(name, profile)


def _profile(name: str, profile: str | None) -> Fixed | None:
    wanted = profile or os.environ.get("AWS_PROFILE") or "default"
    home = Path("~/.aws").expanduser()
    shared = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials")
    config = Path(os.environ.get("AWS_CONFIG_FILE") or home / "config")
    for path, section in ((shared, wanted), (config, wanted if wanted == "default" else f"profile {wanted}")):
        found = configparser.RawConfigParser()
        try:
            found.read(path.expanduser())
        except (OSError, configparser.Error):
            failed = True
        else:
            failed = False
        if failed:  # outside of `except`: the parser's error quotes the line, which may be the secret
            raise ConfigError(f"provider {name}: {path} cannot be read as a file of profiles")
        if found.has_option(section, "aws_access_key_id") and found.has_option(
            section, "aws_secret_access_key"
        ):
            token = found.get(section, "aws_session_token", fallback="")
            return Fixed(
                access_key_id=Secret(found.get(section, "aws_access_key_id")),
                secret_access_key=Secret(found.get(section, "aws_secret_access_key")),
                token=Secret(token) if token else None,
            )
    if profile is not None:
        raise ConfigError(
            f"provider {name}: the profile that its URL names has no access key in {shared} or {config}",
            "profiles that run a program or sign on by a browser are not followed; export their keys instead",
        )
    return None
