"""Counts the traffic with a provider: requests, bytes, failures by cause, and durations.

The meter is the innermost wrapper, so that it sees what the provider will charge for: each attempt of a
retry, each page of a listing. Every provider has one: it costs less than a microsecond per request. Figures
are for this process since it started; monthly totals are added up elsewhere.

How many bytes a cancelled read (a hedge that lost, a client that disconnected) has received is not known: a
provider sends as long as the connection is open. All that it requested is counted separately
(`given_up_bytes`).
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.errors import ProviderError
from outlast.base.histogram import Histogram, latencies
from outlast.providers.protocol import Provider
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper

T = TypeVar("T")

# The size assumed for reads of entire objects, which is not known: slots, markers, and notes.
whole_bytes_guess = 64 * limits.KIB


@dataclass(slots=True)
class VerbUsage:
    """The usage of one verb."""

    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """By cause. `missing` and `exists` are answers, but are counted here as well."""
    given_up: int = 0
    """Requests whose caller did not wait for the answer."""
    sent_bytes: int = 0
    received_bytes: int = 0
    given_up_bytes: int = 0
    """Bytes that cancelled reads requested: the provider may have sent them, and charges for that."""
    took_s: Histogram = field(default_factory=latencies)


class Meter(Wrapper):
    """Counts the calls of `inner`. `usage` is live: read it, do not keep it."""

    def __init__(self, inner: Provider, clock: Clock) -> None:
        super().__init__(inner)
        self.usage: dict[str, VerbUsage] = {}
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
            if not call.writes:
                usage.given_up_bytes += whole_bytes_guess if call.size is None else call.size
            raise
        finally:
            usage.took_s.add(self._clock.monotonic() - began)
        if isinstance(answer, bytes):
            usage.received_bytes += len(answer)
        return answer

    def _of(self, verb: str) -> VerbUsage:
        usage = self.usage.get(verb)
        if usage is None:
            usage = self.usage[verb] = VerbUsage()
        return usage
