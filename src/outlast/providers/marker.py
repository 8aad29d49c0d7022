"""The marker: what distinguishes a provider of ours from an empty place.

Each provider of a store keeps one small object that names the store, the provider, and the provider's
incarnation. A provider that was erased, swapped, or not mounted still answers, and answers wrongly: it
has forgotten what it promised as a voter. Its marker is then missing or another's, and nothing else shows it.
A provider that is taken back gets a marker with a new incarnation.

The marker's name sorts before all others, so that deleting everything in listing order removes it first. It
is not a proof against a malicious provider (seals and the log's hash chain are); the checksum distinguishes
damage from another store's marker.

A marker that exists but cannot be read is a value of its own (`Damaged`), so that code that handles a missing
marker must say what happens to a damaged one.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from outlast.base.errors import NotFound

if TYPE_CHECKING:
    from outlast.providers.protocol import Provider

MARKER_KEY = "0-outlast"
# A marker has about 300 bytes. Anything much larger is not a marker, and is not read.
marker_bytes_max = 4096


@dataclass(frozen=True, slots=True)
class Marker:
    """`store` and `incarnation` are 16 bytes each; `provider` is the name within the store."""

    store: bytes
    provider: str
    incarnation: bytes
    segments: bytes | None = None
    """The nonce of the list of the log's journals, 8 bytes; None where the log is kept as objects."""

    def encode(self) -> bytes:
        """The marker as a JSON object, one member a line, readable by people."""
        fields: dict[str, object] = {
            "outlast": 1,
            "store": self.store.hex(),
            "provider": self.provider,
            "incarnation": self.incarnation.hex(),
            "log": "objects" if self.segments is None else "journal",
        }
        if self.segments is not None:
            fields["segments"] = self.segments.hex()
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
    """A marker that exists but cannot be read. `reason` completes "its marker is ..."."""

    reason: str
    later: bool = False
    """It is intact, and of a later version of Outlast."""


@lru_cache(maxsize=64)  # every vote sees the same few markers
def decode_marker(content: bytes) -> Marker | Damaged:
    """What the object `MARKER_KEY` says."""
    try:
        fields = json.loads(content)
        whole = fields.pop("check") == _check(fields)
        if not whole:
            return Damaged("damaged")
        if fields["outlast"] != 1:
            return Damaged("of a later version of Outlast", later=True)
        # Before logs were kept in journals, markers did not say how the log is kept.
        journals = {"objects": False, "journal": True}[fields.get("log", "objects")]
        return Marker(
            bytes.fromhex(fields["store"]),
            fields["provider"],
            bytes.fromhex(fields["incarnation"]),
            bytes.fromhex(fields["segments"]) if journals else None,
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
