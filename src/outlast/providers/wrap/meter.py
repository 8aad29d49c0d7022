"""Counting what goes to a provider and comes back: requests, bytes, failures by cause, and how long it took.

The meter is the innermost wrapper, so that it sees what the provider will charge for: each attempt of a
retry, each page of a listing. Every provider has one: it costs less than a microsecond a request. Figures are
of this process since it began; who needs a month's adds them up elsewhere.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from outlast.base.clock import Clock
from outlast.base.errors import ProviderError
from outlast.base.histogram import Histogram, latencies
from outlast.providers.protocol import Data, Entry, Provider, Stat

T = TypeVar("T")

# Providers answer a listing in pages of this many names, each a request.
list_page_entries = 1000


@dataclass(slots=True)
class Usage:
    """What one verb has used."""

    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """By cause. `missing` and `exists` are answers and counted here as well."""
    given_up: int = 0
    """Requests whose caller did not wait for the answer."""
    sent_bytes: int = 0
    received_bytes: int = 0
    took_s: Histogram = field(default_factory=latencies)


class Meter:
    """`inner`, counted. `usage` is live: read it, do not keep it."""

    def __init__(self, inner: Provider, clock: Clock) -> None:
        self.inner = inner
        self.usage: dict[str, Usage] = {}
        """By verb, for the verbs that have been used."""
        self._clock = clock

    @property
    def name(self) -> str:
        return self.inner.name

    async def get(self, key: str, span: tuple[int, int] | None = None) -> bytes:
        data = await self._count("get", 0, self.inner.get, key, span)
        self._of("get").received_bytes += len(data)
        return data

    async def put(self, key: str, data: Data) -> None:
        await self._count("put", _size(data), self.inner.put, key, data)

    async def create(self, key: str, data: Data) -> None:
        await self._count("create", _size(data), self.inner.create, key, data)

    async def head(self, key: str) -> Stat:
        return await self._count("head", 0, self.inner.head, key)

    async def delete(self, key: str) -> None:
        await self._count("delete", 0, self.inner.delete, key)

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        entries = self.inner.list(prefix, start_after)
        entry = await self._count("list", 0, _next, entries)
        listed = 0
        while entry is not None:
            yield entry
            listed += 1
            if listed % list_page_entries == 0:
                entry = await self._count("list", 0, _next, entries)
            else:
                entry = await _next(entries)

    async def close(self) -> None:
        await self.inner.close()

    # ------------------------------------------------------------ pieces

    def _of(self, verb: str) -> Usage:
        usage = self.usage.get(verb)
        if usage is None:
            usage = self.usage[verb] = Usage()
        return usage

    async def _count(self, verb: str, size: int, ask: Callable[..., Awaitable[T]], *arguments: object) -> T:
        usage = self._of(verb)
        usage.requests += 1
        usage.sent_bytes += size
        began = self._clock.monotonic()
        try:
            return await ask(*arguments)
        except ProviderError as error:
            usage.failures[error.cause] += 1
            raise
        except asyncio.CancelledError:
            usage.given_up += 1
            raise
        finally:
            usage.took_s.add(self._clock.monotonic() - began)


def _size(data: Data) -> int:
    return len(data) if isinstance(data, bytes) else sum(map(len, data))


async def _next(entries: AsyncIterator[Entry]) -> Entry | None:
    return await anext(entries, None)
