"""What a provider is: a place that keeps named bytes, and six verbs.

The prose below is a promise that every provider keeps, and the conformance suite
(`outlast.testing.conformance`) is its proof: memory, disk, cloud, and every wrapper run it.

Names (`providers.names`) are letters, digits, `-`, `_`, and `.`, with `/` between parts; no part is empty or
begins with `.`. They are at most `limits.provider_key_bytes_max` long; any other name is a `ValueError`.
No name may be both an object and the folder of others; providers that keep files raise `Unsupported`.

Sizes are in bytes. Every verb may raise `Unavailable`, `Denied`, or `Estranged`; the other errors are
named at the verb.

Lost answers. A `put` or `create` that raised `Unavailable` may have happened, and may even
happen a little later. Callers put something of their own into the value (a writer's nonce), and read
back when it matters. No provider emulates a condition by looking first and writing then.

A canceled call may still take effect.

Attestation. A provider that was erased, or replaced by another one, reports that nothing is there, and
accepts writes that will never be found again. The marker (`providers.marker`) shows that. Where reading it
costs next to nothing (`attests`), it can be part of a call: `under` a marker, an answer counts only if the
provider's own marker, read after the operation, names the same store, provider, and incarnation. Otherwise
the call raises `Estranged` instead of returning, and instead of `NotFound` and `Exists`; a write that finds
the wrong marker before the operation leaves nothing behind. Where `attests` is False, `under` must be None:
callers that need attestation read the marker (`wrap.attest`).
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from outlast.providers.marker import Marker

Buffer: TypeAlias = bytes | bytearray | memoryview
Data: TypeAlias = bytes | Sequence[Buffer]
"""What is written: bytes, or several buffers that are written in sequence without being joined."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What `head` returns."""

    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One object in a listing."""

    key: str
    size: int


class Provider(Protocol):
    """One place that stores bytes and can fail on its own."""

    @property
    def name(self) -> str:
        """The provider's name in this store, for messages and metrics."""
        ...

    @property
    def attests(self) -> bool:
        """Whether `get`, `put` and `create` can look at the marker themselves; see the module's docstring."""
        ...

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        """The object's bytes, or those in [start, stop) of it; short where the object ends before `stop`.

        One `get` sees one write: never a mixture of two. After a write has been acknowledged to anyone,
        every later `get` sees it or a newer one. Raises `NotFound`.
        """
        ...

    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        """Write the complete object, whether or not there is one. Atomic, durable on return, idempotent.

        Raises `Full`.
        """
        ...

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        """Write the object if there is none, in one atomic step, durable on return.

        Of any number of concurrent creators exactly one succeeds. Raises `Exists`, `Full`, and
        `Unsupported` where the provider has no such condition.
        """
        ...

    async def head(self, key: str) -> Stat:
        """The object's size. Sees what `get` would see. Raises `NotFound`."""
        ...

    def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        """All objects whose names begin with `prefix` and sort after `start_after`, in order of names.

        Objects written or deleted during the listing may or may not be in it; all others are, once.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove the object. Removing an object that does not exist is not an error.

        Not durable: after a power cut the object may be back.
        """
        ...

    async def close(self) -> None:
        """Release threads and connections. No verb may be called afterwards."""
        ...


def chunks_of(data: Data) -> Sequence[Buffer]:
    """The buffers of `data`."""
    return (data,) if isinstance(data, bytes) else data


def joined(data: Data) -> bytes:
    """`data` as one bytes object."""
    return data if isinstance(data, bytes) else b"".join(data)


def data_size(data: Data) -> int:
    """How many bytes `data` has."""
    return len(data) if isinstance(data, bytes) else sum(map(len, data))


def refuse_under(under: Marker | None) -> None:
    """For providers that cannot attest. Raises ValueError if a call requires it."""
    if under is not None:
        raise ValueError("this provider cannot look at its marker as part of a call")
