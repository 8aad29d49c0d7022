"""Limits how often one name is written to what the operator allows (Google and Cloudflare: once a second).

Only a write that happened, or may have, starts the interval. Writers that lose a race do not use it up, so 32
concurrent creators need not queue for half a minute to learn that one was first.

The wait is bounded: a write that would wait longer than `wait_s_max` fails at once, as throttled. The
provider's answers about its overall load are handled in `rate_limit`.
"""

import asyncio
from collections import OrderedDict
from typing import TypeVar

from outlast.base.clock import Clock
from outlast.base.errors import Cause, Exists, ProviderError
from outlast.providers.protocol import Provider
from outlast.providers.wrap.rate_limit import overloaded, wait_s_max
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper

T = TypeVar("T")

# Names whose last write is remembered; the oldest is forgotten first.
names_max = 4096


class NameInterval(Wrapper):
    """`inner`, with `interval_s` between two writes of one name."""

    def __init__(self, inner: Provider, clock: Clock, interval_s: float) -> None:
        super().__init__(inner)
        self._clock = clock
        self.interval_s = interval_s
        self._written_at: OrderedDict[str, float] = OrderedDict()

    async def around(self, call: Call, perform: Perform[T]) -> T:
        if not call.writes:
            return await perform()
        # The last one may have been written by another while this one waited.
        while (left_s := self._left_s(call.key)) > 0:
            if left_s > wait_s_max:
                raise overloaded(self.name, call.verb)
            await self._clock.sleep(left_s)
        try:
            answer = await perform()
        except Exists:
            raise
        except ProviderError as error:
            if error.cause is not Cause.THROTTLED:
                self._note(call.key)
            raise
        except asyncio.CancelledError:
            self._note(call.key)  # the write was cancelled, but may have happened
            raise
        self._note(call.key)
        return answer

    def _left_s(self, key: str) -> float:
        """How long until `key` may be written."""
        return self._written_at.get(key, float("-inf")) + self.interval_s - self._clock.monotonic()

    def _note(self, key: str) -> None:
        now = self._clock.monotonic()
        self._written_at[key] = now
        self._written_at.move_to_end(key)
        oldest = next(iter(self._written_at))
        while len(self._written_at) > names_max or self._written_at[oldest] < now - self.interval_s:
            del self._written_at[oldest]
            oldest = next(iter(self._written_at))
