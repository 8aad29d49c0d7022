"""`outlast.toml` as values: how to reach the providers, and where the key is. Nothing else.

Everything that must be the same for every gateway (policy, members, buckets, access keys) is kept in the
catalog. So two machines may reach one provider by different addresses, and losing `outlast.toml` only costs
some typing.

    store = "5f0c..."                  # which store this is: 32 hex digits
    key_file = "outlast.key"           # relative to this file

    [providers.attic]
    url = "file:///srv/attic?operator=Home"

These are values, not components: nothing is opened here.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from outlast.base.errors import ConfigError, reason

CONFIG_NAME = "outlast.toml"
store_id_bytes = 16

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Settings:
    """Parsed `outlast.toml`. `providers` are URLs by name; `key_file` is absolute; `store` is 16 bytes."""

    path: Path
    store: bytes
    key_file: Path
    providers: Mapping[str, str]


def check_provider_name(name: str) -> None:
    """Raise `ConfigError` unless `name` may name a provider: it is part of keys, file names, and metrics."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is not a valid provider name",
            "use 1 to 32 lower-case letters, digits, and hyphens, with no hyphen at either end",
        )


def load_settings(path: Path) -> Settings:
    """Read and check `outlast.toml`. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist",
            "name it with --config or OUTLAST_CONFIG, or create a new store with: outlast init",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {reason(error)}", "check its permissions and content"
        ) from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}", "correct that line") from error
    return _settings(path, table)


def _settings(path: Path, table: dict[str, object]) -> Settings:
    unknown = sorted(set(table) - {"store", "key_file", "providers"})
    if unknown:
        raise ConfigError(f"{path}: unknown setting {unknown[0]!r}", "remove it, or correct its spelling")
    key_file = table.get("key_file")
    if not isinstance(key_file, str) or not key_file:
        raise ConfigError(f"{path}: key_file must name a file", 'for example: key_file = "outlast.key"')
    return Settings(
        path=path,
        store=_store_id(path, table.get("store")),
        key_file=path.absolute().parent / Path(key_file).expanduser(),
        providers=_providers(path, table.get("providers")),
    )


def _store_id(path: Path, value: object) -> bytes:
    try:
        store = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        store = b""
    if len(store) != store_id_bytes:
        raise ConfigError(
            f"{path}: store must be the store's id, {2 * store_id_bytes} hexadecimal digits",
            "`outlast init` wrote it; it is also in the file 0-outlast at each provider",
        )
    return store


def _providers(path: Path, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        raise ConfigError(f"{path}: no providers", 'name at least one: [providers.NAME], url = "file:///..."')
    urls: dict[str, str] = {}
    for name, table in value.items():
        check_provider_name(name)
        if not isinstance(table, dict) or set(table) != {"url"} or not isinstance(table["url"], str):
            raise ConfigError(f"{path}: [providers.{name}] must have a url, and nothing else", 'url = "..."')
        urls[name] = table["url"]
    return urls


def render_settings(store: bytes, key_file: str, providers: Mapping[str, str]) -> str:
    """Return the text of an `outlast.toml`. `key_file` is written as given, relative or absolute."""
    lines = [
        "# How to reach this store's providers, and where its key is. Everything else (policy, buckets,",
        "# access keys) is kept by the store itself, the same for every gateway.",
        "",
        f"store = {_quoted(store.hex())}",
        f"key_file = {_quoted(key_file)}",
    ]
    for name, url in providers.items():
        lines += ["", f"[providers.{name}]", f"url = {_quoted(url)}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return a TOML basic string: JSON's escapes are TOML's, except for DEL, which JSON leaves bare."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def provider_lines(text: str) -> dict[str, int]:
    """Return the line on which each provider is first named, from 1, for messages that point at it.

    It is the end of the shortest beginning of the file that is TOML and has the provider, however it is
    written there.
    """
    found: dict[str, int] = {}
    lines = text.splitlines()
    for number in range(1, len(lines) + 1):
        try:
            table = tomllib.loads("\n".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue  # it ends inside a value
        providers = table.get("providers")
        for name in providers if isinstance(providers, dict) else ():
            found.setdefault(name, number)
    return found
