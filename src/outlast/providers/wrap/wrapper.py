"""The base of all wrappers: it passes each verb of a provider to one method.

A wrapper is a provider around a provider that adds one rule: a deadline, a count, a pause, a failure. The
verbs are the same for all of them, so they are written once, here. `around` receives each call as a value
(`Call`) and as a function that performs it; the rule is what it does before and after.

Invariant: a wrapper that overrides nothing is transparent.

A listing comes as one call per entry, of which the first and every thousandth after it send a request to the
provider (`Call.request`). A wrapper that must see an entire listing overrides `list`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple, TypeAlias, TypeVar

from outlast.providers.marker import Marker
from outlast.providers.protocol import Data, Entry, Provider, Stat, data_size

T = TypeVar("T")
Perform: TypeAlias = Callable[[], Awaitable[T]]
"""Performs a call. May be called again, except for an entry of a listing."""

# Providers answer a listing in pages of this many names, each a request.
list_page_entries = 1000

writes = frozenset({"put", "create", "delete"})


class Call(NamedTuple):
    """One call of a verb."""

    verb: str
    key: str
    """The object's name; for a listing, its prefix."""
    size: int | None
    """Bytes that a write sends or a `get` requests; None for an entire object."""
    request: bool = True
    """False for an entry of a listing's page that has already arrived."""

    @property
    def writes(self) -> bool:
        return self.verb in writes


class Wrapper:
    """`inner`, with a rule around each call."""

    def __init__(self, inner: Provider) -> None:
        self.inner = inner
        self._through: Provider = inner
        """Where calls go. Set by a wrapper that contains another one of its own."""

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def attests(self) -> bool:
        return self.inner.attests

    async def around(self, call: Call, perform: Perform[T]) -> T:
        """Perform the call under this wrapper's rule."""
        return await perform()

    async def get(self, key: str, span: tuple[int, int] | None = None, under: Marker | None = None) -> bytes:
        size = None if span is None else span[1] - span[0]
        return await self.around(Call("get", key, size), lambda: self._through.get(key, span, under=under))

    async def put(self, key: str, data: Data, under: Marker | None = None) -> None:
        await self.around(
            Call("put", key, data_size(data)), lambda: self._through.put(key, data, under=under)
        )

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        await self.around(
            Call("create", key, data_size(data)), lambda: self._through.create(key, data, under=under)
        )

    async def head(self, key: str) -> Stat:
        return await self.around(Call("head", key, 0), lambda: self._through.head(key))

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        entries = self._through.list(prefix, start_after)
        listed = 0
        while True:
            call = Call("list", prefix, 0, listed % list_page_entries == 0)
            entry = await self.around(call, lambda: anext(entries, None))
            if entry is None:
                return
            listed += 1
            yield entry

    async def delete(self, key: str) -> None:
        await self.around(Call("delete", key, 0), lambda: self._through.delete(key))

    async def close(self) -> None:
        await self._through.close()
