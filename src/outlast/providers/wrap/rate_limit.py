"""Not asking faster than a provider can bear: a limit on the rate of all requests, which only ever delays.

There is none until the provider says "slow down" (429, 503). Then the rate is set to half of what it was when
it said so, and grows again by a fixed step for each answered request that used it up, until it is far above
what is asked: additive increase, multiplicative decrease, as TCP shares a line. So several gateways at one
provider find their shares without knowing of each other.

The wait is bounded: a call that would wait longer than `wait_s_max` fails at once, as throttled.
"""

from collections import deque
from typing import TypeVar

from outlast.base.clock import Clock
from outlast.base.errors import Cause, ProviderError, Unavailable
from outlast.providers.protocol import Provider
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper

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


class RateLimit(Wrapper):
    """`inner`, asked no faster than it bears.

    `limits_names`: the provider also limits how often one name is written. Then "slow down" to a write may be
    about its name alone, and slows down nothing else unless writes of other names are told the same.
    """

    def __init__(self, inner: Provider, clock: Clock, limits_names: bool = False) -> None:
        super().__init__(inner)
        self.rate: float | None = None
        """Requests a second that are let through; None without a limit."""
        self._clock = clock
        self._limits_names = limits_names
        self._recent: deque[float] = deque(maxlen=recent_requests)
        self._next_at = float("-inf")
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
        now = self._clock.monotonic()
        at = max(now, self._next_at)
        if at - now > wait_s_max:
            raise overloaded(self.name, verb)
        self._next_at = at + 1.0 / self.rate
        if at > now:
            await self._clock.sleep(at - now)
        return at > now

    def _concerns_name(self, call: Call) -> bool:
        """Whether the complaint may be about one name, which another gateway has written just now.

        If all writes are meant, those of other names will be told so in the same moment.
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
        seconds = max(now - self._recent[0], 0.001)
        seen = len(self._recent) / seconds
        self.rate = max(rate_min, min(seen, self.rate or rate_max) / 2)


def overloaded(provider: str, verb: str) -> Unavailable:
    """What a call is told that would have to wait for longer than `wait_s_max`."""
    return Unavailable(provider, verb, "more is waiting than it takes", Cause.THROTTLED)
