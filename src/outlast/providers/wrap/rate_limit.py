"""Limits the rate of all requests to what a provider can handle. It only ever delays requests.

There is no limit until the provider answers "slow down" (429, 503). Then the limit becomes half of the rate
at that moment. It grows again by a fixed step for each answered request that used it up, until it is far
above the actual rate: additive increase, multiplicative decrease, as TCP shares a link. So several gateways
at one provider find their shares without coordination. A complaint to a gateway that sends few requests is
caused by others: it does not set a limit below `idle_rate_min`.

The wait is bounded: a call that would wait longer than `wait_s_max` fails at once, as throttled. A call that
is cancelled while it waits frees its place.
"""

import asyncio
from collections import deque
from typing import TypeVar

from outlast.base.clock import Clock
from outlast.base.errors import Cause, ProviderError, Unavailable
from outlast.providers.protocol import Provider
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper

T = TypeVar("T")

# Longer waits are useless: the guard's deadline is five seconds.
wait_s_max = 4.0
rate_min = 1.0
# Above this rate the limit is dropped. A gateway sends a few thousand requests a second at most.
rate_max = 5000.0
# How much the limit grows per second while it holds requests back.
rate_gain_per_s = 10.0
# The request rate at the time of a complaint is measured over the last second, or over the last
# `recent_requests` if these took less time.
recent_requests = 64
recent_s = 1.0
# The longest `Retry-After` that is respected; after this time requests are sent again anyway.
silence_s_max = 60.0
# The limit falls below this only if it has just held requests back and the provider complains again.
idle_rate_min = 10.0
# Complaints within this time count as one.
complaint_pause_s = 1.0


class RateLimit(Wrapper):
    """Limits the rate of requests to `inner`.

    `limits_names`: the provider also limits how often one name is written. Then "slow down" in answer to a
    write may concern its name alone, and slows down nothing else unless writes of other names get the same
    answer.
    """

    def __init__(self, inner: Provider, clock: Clock, limits_names: bool = False) -> None:
        super().__init__(inner)
        self.rate: float | None = None
        """The limit in requests per second; None without a limit."""
        self._clock = clock
        self._limits_names = limits_names
        self._recent: deque[float] = deque(maxlen=recent_requests)
        self._next_at = float("-inf")
        self._held_back_at = float("-inf")
        self._silent_until = float("-inf")
        self._complained_at = float("-inf")
        self._complained_of: tuple[str, float] = "", float("-inf")

    async def around(self, call: Call, perform: Perform[T]) -> T:
        held_back = await self._turn(call.verb)
        self._recent.append(self._clock.monotonic())
        try:
            answer = await perform()
        except ProviderError as error:
            if error.cause is Cause.THROTTLED and not self._concerns_name(call):
                self._slow_down()
                self._be_silent(error)
            raise
        if held_back and self.rate is not None:
            self.rate += rate_gain_per_s / self.rate
            if self.rate > rate_max:
                self.rate = None
        return answer

    async def _turn(self, verb: str) -> bool:
        """Wait until the rate allows another request. Returns whether it held this one back."""
        now = self._clock.monotonic()
        if self.rate is None:
            if now < self._silent_until:
                await self._wait_silence(verb, now)
            return False
        at = max(now, self._next_at, self._silent_until)
        if at - now > wait_s_max:
            raise overloaded(self.name, verb)
        turn_s = 1.0 / self.rate
        self._next_at = at + turn_s
        if at > now:
            self._held_back_at = now
            try:
                await self._clock.sleep(at - now)
            except asyncio.CancelledError:
                self._next_at -= turn_s  # later calls need not wait for a request that is not sent
                raise
        return at > now

    async def _wait_silence(self, verb: str, now: float) -> None:
        if self._silent_until - now > wait_s_max:
            raise overloaded(self.name, verb)
        await self._clock.sleep(self._silent_until - now)

    def _be_silent(self, error: ProviderError) -> None:
        """Send nothing for as long as the provider asks, up to `silence_s_max`."""
        if isinstance(error, Unavailable) and error.retry_after_s is not None:
            pause_s = min(error.retry_after_s, silence_s_max)
            self._silent_until = max(self._silent_until, self._clock.monotonic() + pause_s)

    def _concerns_name(self, call: Call) -> bool:
        """Whether the complaint may be about one name, which another gateway has just written.

        If it is about all writes, those of other names get the same answer at about the same time.
        """
        if not self._limits_names or not call.writes:
            return False
        now = self._clock.monotonic()
        (before, at), self._complained_of = self._complained_of, (call.key, now)
        return before == call.key or now - at > complaint_pause_s

    def _slow_down(self) -> None:
        now = self._clock.monotonic()
        if now - self._complained_at < complaint_pause_s:
            return
        self._complained_at = now
        before = self.rate or rate_max
        least = rate_min if now - self._held_back_at < recent_s else idle_rate_min
        self.rate = min(before, max(least, min(self._seen(now), before) / 2))

    def _seen(self, now: float) -> float:
        """The recent rate in requests per second."""
        if len(self._recent) == recent_requests and now - self._recent[0] < recent_s:
            return recent_requests / max(now - self._recent[0], 0.001)
        return sum(now - at < recent_s for at in self._recent) / recent_s


def overloaded(provider: str, verb: str) -> Unavailable:
    """The error of a call that would have to wait longer than `wait_s_max`."""
    return Unavailable(provider, verb, "too many requests are waiting", Cause.THROTTLED)
