"""The marker: what tells a provider of ours from an empty place.

Each provider of a store keeps one small object that names the store, the provider and the provider's
incarnation. A provider that was erased, swapped, or not mounted still answers, and answers wrongly: it
has forgotten what it promised as a voter. Its marker is then gone or another's, and only that tells.
A provider that is taken back gets a marker with a new incarnation.

The marker's name sorts before all others, so that an emptying in listing order takes it first. It is not
a proof against a malicious provider (seals and the log's hash chain are); the checksum is there to tell
damage from a stranger.

A marker that is there and cannot be read is a value of its own (`Damaged`), so that whoever handles a missing
marker has to say what happens to a damaged one.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from outlast.base.errors import Cause, ConfigError, Exists, NotFound, ProviderError, Unavailable

if TYPE_CHECKING:
    from outlast.providers.protocol import Provider

MARKER_KEY = "0-outlast"
# A marker has some 300 bytes. What is much larger is none, and is not read.
marker_bytes_max = 4096


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

    def is_of(self, other: "Marker") -> bool:
        """Whether both name the same store, provider and incarnation."""
        return (self.store, self.provider, self.incarnation) == (
            other.store,
            other.provider,
            other.incarnation,
        )


@dataclass(frozen=True, slots=True)
class Damaged:
    """A marker that is there and cannot be read. `reason` completes "its marker is ..."."""

    reason: str
    later: bool = False
    """It is whole, and of a later version of Outlast."""


@lru_cache(maxsize=64)  # the same few are seen at every vote
def decode_marker(content: bytes) -> Marker | Damaged:
    """What the object `MARKER_KEY` says."""
    try:
        fields = json.loads(content)
        whole = fields.pop("check") == _check(fields)
        if not whole:
            return Damaged("damaged")
        if fields["outlast"] != 1:
            return Damaged("of a later version of Outlast", later=True)
        return Marker(
            bytes.fromhex(fields["store"]), fields["provider"], bytes.fromhex(fields["incarnation"])
        )
    except (KeyError, TypeError, AttributeError, RecursionError, ValueError):
        return Damaged("empty" if not content else "damaged")


def _check(fields: dict[str, object]) -> str:
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


async def read_marker(provider: "Provider") -> Marker | Damaged | None:
    """The provider's marker; None if it has none. Raises `ProviderError` if there is no answer."""
    try:
        return decode_marker(await provider.get(MARKER_KEY, (0, marker_bytes_max)))
    except NotFound:
        return None


async def write_marker(provider: "Provider", marker: Marker) -> None:
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
    if isinstance(present, Damaged):
        raise ConfigError(
            f"{provider.name}: belongs to a store already: its marker is {present.reason}",
            "give it an empty place of its own",
        )
    if present != marker:
        raise ConfigError(
            f"{provider.name}: belongs to store {present.store.hex()} as {present.provider!r}",
            "give it an empty place of its own, or remove the other store's objects first",
        )
