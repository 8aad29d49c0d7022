"""The marker: what tells a provider of ours from an empty place.

Each provider of a store keeps one small object that names the store, the provider and the provider's
incarnation. A provider that was erased, swapped, or not mounted still answers, and answers wrongly: it
has forgotten what it promised as a voter. Its marker is then gone or another's, and only that tells.
A provider that is taken back gets a marker with a new incarnation.

The marker's name sorts before all others, so that an emptying in listing order takes it first. It is not
a proof against a malicious provider (seals and the log's hash chain are); the checksum is there to tell
damage from a stranger.
"""

import hashlib
import json
from dataclasses import dataclass

from outlast.base.errors import Cause, ConfigError, Exists, NotFound, ProviderError, Unavailable
from outlast.providers.protocol import Provider

MARKER_KEY = "0-outlast"


@dataclass(frozen=True, slots=True)
class Marker:
    """`store` and `incarnation` are 16 bytes each; `provider` is the name within the store."""

    store: bytes
    provider: str
    incarnation: bytes

    def encode(self) -> bytes:
        """The marker as a JSON object, one member a line, readable by people."""
        fields = {
            "outlast": 1,
            "store": self.store.hex(),
            "provider": self.provider,
            "incarnation": self.incarnation.hex(),
        }
        return json.dumps({**fields, "check": _check(fields)}, indent=1).encode() + b"\n"

    @staticmethod
    def decode(content: bytes) -> "Marker":
        """The marker in `content`. Raises ValueError if it is damaged, or of a version that is not known."""
        try:
            fields = json.loads(content)
            if fields["outlast"] != 1:
                raise ValueError("a marker of a later version of Outlast")
            if fields.pop("check") != _check(fields):
                raise ValueError("a damaged marker")
            return Marker(
                bytes.fromhex(fields["store"]), fields["provider"], bytes.fromhex(fields["incarnation"])
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("not a marker") from error


def _check(fields: dict[str, object]) -> str:
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


async def read_marker(provider: Provider) -> Marker | None:
    """The provider's marker; None if it has none. Raises `Unavailable` (cause `corrupt`) if it is damaged."""
    try:
        content = await provider.get(MARKER_KEY)
    except NotFound:
        return None
    try:
        return Marker.decode(content)
    except ValueError as error:
        raise Unavailable(provider.name, "get", f"{MARKER_KEY}: {error}", Cause.CORRUPT) from error


async def write_marker(provider: Provider, marker: Marker) -> None:
    """Claim the provider. Raises `ConfigError` if a store (this one included) has claimed it otherwise.

    A provider that cannot `create` is claimed by looking first: it has no vote, so that the worst a race
    can do is to be noticed by the loser at its next look at the marker.
    """
    try:
        await provider.create(MARKER_KEY, marker.encode())
        return
    except Exists:
        pass
    except ProviderError as error:
        if error.cause is not Cause.UNSUPPORTED:
            raise
        if await read_marker(provider) is None:
            await provider.put(MARKER_KEY, marker.encode())
            return
    present = await read_marker(provider)
    if present is None:
        raise Unavailable(provider.name, "create", f"{MARKER_KEY}: there, and gone again", Cause.CONFLICT)
    if present != marker:
        raise ConfigError(
            f"{provider.name}: belongs to store {present.store.hex()} as {present.provider!r}",
            "give it an empty place of its own, or remove the other store's objects first",
        )
