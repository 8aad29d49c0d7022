"""Counting what goes to a provider and comes back: requests, bytes, failures by cause, and how long it took.

The meter is the innermost wrapper, so that it sees what the provider will charge for: each attempt of a
retry, each page of a listing. Every provider has one: it costs less than a microsecond a request. Figures are
of this process since it began; who needs a month's adds them up elsewhere.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

from outlast.base.clock import Clock
from outlast.base.errors import ProviderError
from outlast.base.histogram import Histogram, latencies
from outlast.providers.protocol import Provider
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper

T = TypeVar("T")


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


class Meter(Wrapper):
    """`inner`, counted. `usage` is live: read it, do not keep it."""

    def __init__(self, inner: Provider, clock: Clock) -> None:
        super().__init__(inner)
        self.usage: dict[str, Usage] = {}
        """By verb, for the verbs that have been used."""
        self._clock = clock

    async def around(self, call: Call, perform: Perform[T]) -> T:
        if not call.request:
            return await perform()
        usage = self._of(call.verb)
        usage.requests += 1
        if call.writes:
            usage.sent_bytes += call.size or 0
        began = self._clock.monotonic()
        try:
            answer = await perform()
        except ProviderError as error:
            usage.failures[error.cause] += 1
            raise
        except asyncio.CancelledError:
            usage.given_up += 1
            raise
        finally:
            usage.took_s.add(self._clock.monotonic() - began)
        if isinstance(answer, bytes):
            usage.received_bytes += len(answer)
        return answer

    def _of(self, verb: str) -> Usage:
        usage = self.usage.get(verb)
        if usage is None:
            usage = self.usage[verb] = Usage()
        return usage
