"""Not asking faster than a provider can bear.

Two limits, both of which only ever delay:

* The rate of all requests. There is none until the provider says "slow down" (429, 503). Then the rate is
  set to half of what it was when it said so, and grows again by a fixed step for each answered request that
  used it up, until it is far above what is asked: additive increase, multiplicative decrease, as TCP shares
  a line. Several gateways at one provider find their shares so without knowing of each other.
* The time between two writes of one name, where the operator has such a rule (Google and Cloudflare: a
  second). Only a write that happened, or may have, starts the clock: those who lose a race cost the name
  nothing, and 32 creators at once need not queue up for half a minute to be told that one was first. Where
  there is such a rule, "slow down" to a write may be about its name alone, and slows down nothing else.

The wait is bounded: whoever would wait longer than `wait_s_max` is told at once that the provider throttles.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from outlast.base.clock import Clock
from outlast.base.errors import Cause, Exists, ProviderError, Unavailable
from outlast.base.marks import reached
from outlast.providers.protocol import Data, Entry, Provider, Stat

T = TypeVar("T")

# Longer waits than this come to nothing: the guard's deadline is five seconds.
wait_s_max = 4.0
rate_min = 1.0
# Above this the limit is forgotten. A gateway makes a few thousand requests a second at most.
rate_max = 5000.0
# What the rate gains in a second in which it held requests back.
rate_gain_per_s = 10.0
# The rate at which requests were made when the provider complained is measured over this many of them.
recent_requests = 64
# Complaints about requests of the same moment are one complaint.
complaint_pause_s = 1.0
names_max = 4096

_writes = frozenset({"put", "create", "delete"})


class Limit:
    """`inner`, asked no faster than it bears.

    `name_interval_s` is the time between two writes of one name; 0 where there is no such rule.
    """

    def __init__(self, inner: Provider, clock: Clock, name_interval_s: float = 0.0) -> None:
        self.inner = inner
        self.rate: float | None = None
        """Requests a second that are let through; None without a limit."""
        self._clock = clock
        self.name_interval_s = name_interval_s
        self._written_at: OrderedDict[str, float] = OrderedDict()
        self._recent: deque[float] = deque(maxlen=recent_requests)
        self._next_at = float("-inf")
        self._complained_at = float("-inf")
        self._complained_of: tuple[object, float] = None, float("-inf")

    @property
    def name(self) -> str:
        return self.inner.name

    async def get(self, key: str, span: tuple[int, int] | None = None) -> bytes:
        return await self._paced("get", self.inner.get, key, span)

    async def put(self, key: str, data: Data) -> None:
        await self._write("put", self.inner.put, key, data)

    async def create(self, key: str, data: Data) -> None:
        await self._write("create", self.inner.create, key, data)

    async def head(self, key: str) -> Stat:
        return await self._paced("head", self.inner.head, key)

    async def delete(self, key: str) -> None:
        await self._write("delete", self.inner.delete, key)

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        entries = self.inner.list(prefix, start_after)
        while (entry := await self._paced("list", _next, entries)) is not None:
            yield entry

    async def close(self) -> None:
        await self.inner.close()

    # ------------------------------------------------------------ names

    async def _write(self, verb: str, ask: Callable[..., Awaitable[T]], key: str, *arguments: object) -> T:
        if not self.name_interval_s:
            return await self._paced(verb, ask, key, *arguments)
        # The last one may have been written by another while this one waited.
        while (left_s := self._written_at.get(key, float("-inf")) + self.name_interval_s - self._now()) > 0:
            await self._wait(verb, left_s)
        try:
            answer = await self._paced(verb, ask, key, *arguments)
        except Exists:
            raise
        except ProviderError as error:
            if error.cause is not Cause.THROTTLED:
                self._note(key)
            raise
        except asyncio.CancelledError:
            self._note(key)  # whoever gave up does not know whether it happened
            raise
        self._note(key)
        return answer

    def _note(self, key: str) -> None:
        now = self._now()
        self._written_at[key] = now
        self._written_at.move_to_end(key)
        oldest = next(iter(self._written_at))
        while len(self._written_at) > names_max or self._written_at[oldest] < now - self.name_interval_s:
            del self._written_at[oldest]
            oldest = next(iter(self._written_at))

    # ------------------------------------------------------------ rate

    async def _paced(self, verb: str, ask: Callable[..., Awaitable[T]], *arguments: object) -> T:
        held_back = await self._turn(verb)
        self._recent.append(self._now())
        try:
            answer = await ask(*arguments)
        except ProviderError as error:
            if error.cause is Cause.THROTTLED and not self._concerns_name(verb, arguments[0]):
                self._slow_down()
            raise
        if held_back and self.rate is not None:
            self.rate += rate_gain_per_s / self.rate
            if self.rate > rate_max:
                self.rate = None
        return answer

    async def _turn(self, verb: str) -> bool:
        """Wait until the rate lets one more through; whether it held this one back."""
        if self.rate is None:
            return False
        now = self._now()
        at = max(now, self._next_at)
        if at - now > wait_s_max:
            raise self._refusal(verb)
        self._next_at = at + 1.0 / self.rate
        if at > now:
            await self._clock.sleep(at - now)
        return at > now

    def _concerns_name(self, verb: str, key: object) -> bool:
        """Whether the complaint may be about one name, which another gateway has written just now.

        If all writes are meant, those of other names will be told so in the same moment.
        """
        if not self.name_interval_s or verb not in _writes:
            return False
        now = self._now()
        (before, at), self._complained_of = self._complained_of, (key, now)
        return before == key or now - at > complaint_pause_s

    def _slow_down(self) -> None:
        now = self._now()
        if now - self._complained_at < complaint_pause_s:
            return
        reached("limit: a provider asked for less")
        self._complained_at = now
        seconds = max(now - self._recent[0], 0.001)
        seen = len(self._recent) / seconds
        self.rate = max(rate_min, min(seen, self.rate or rate_max) / 2)

    async def _wait(self, verb: str, seconds: float) -> None:
        if seconds > wait_s_max:
            raise self._refusal(verb)
        await self._clock.sleep(seconds)

    def _refusal(self, verb: str) -> Unavailable:
        return Unavailable(self.name, verb, "more is waiting than it takes", Cause.THROTTLED)

    def _now(self) -> float:
        return self._clock.monotonic()


async def _next(entries: AsyncIterator[Entry]) -> Entry | None:
    return await anext(entries, None)
