"""Asking again, where that helps.

Only what passes by itself is asked again: throttled, server errors, connections that broke off, and two
conditional writes that met (S3's 409). Nothing else: a refused connection, an unknown name, a bad
certificate and a deadline that has passed say that the provider is away, which the breaker must hear about
at once; a rejected credential stays rejected, and asking again may lock the account.

Ambiguity. A `create` whose answer was an error may have happened all the same, and then the second attempt
meets the first: `Exists` against itself. So after a failed attempt the object is read back, and if it is this
very content (callers put a nonce into it), the first attempt was the winner.
A condition is never emulated by looking first, and nothing is ever undone.

A listing goes on after the last name that it gave.
"""

from collections.abc import AsyncIterator
from typing import TypeVar

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import Cause, Exists, NotFound, ProviderError, Unavailable
from outlast.base.marks import reached
from outlast.providers.marker import Marker
from outlast.providers.protocol import Data, Entry, Provider, joined
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper

T = TypeVar("T")

attempts_max = 4
pause_s_min = 0.05
pause_s_max = 2.0
# A provider that throttles wants more of a pause than one that stumbled.
throttled_pause_s_min = 0.25
# All attempts together, pauses included; above it the error goes to the caller. Below the guard's deadline
# of 5 s.
retry_s_max = 4.0

passing = frozenset({Cause.THROTTLED, Cause.SERVER, Cause.RESET, Cause.CONFLICT})


class Retry(Wrapper):
    """`inner`, asked again where that helps."""

    def __init__(self, inner: Provider, clock: Clock, entropy: Entropy) -> None:
        super().__init__(inner)
        self._clock = clock
        self._entropy = entropy

    async def around(self, call: Call, perform: Perform[T]) -> T:
        attempts = _Attempts(self._clock, self._entropy)
        while True:
            try:
                return await perform()
            except ProviderError as error:
                await attempts.pause(error)

    async def create(self, key: str, data: Data, under: Marker | None = None) -> None:
        attempts = _Attempts(self._clock, self._entropy)
        while True:
            try:
                await self.inner.create(key, data, under=under)
            except Exists:
                if attempts.maybe_done and await self._is_there(key, joined(data)):
                    reached("retry: an earlier attempt had created it")
                    return
                raise
            except ProviderError as error:
                await attempts.pause(error)
            else:
                return

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        attempts = _Attempts(self._clock, self._entropy)
        entries = self.inner.list(prefix, start_after)
        while True:
            try:
                entry = await anext(entries, None)
            except ProviderError as error:
                await attempts.pause(error)
                entries = self.inner.list(prefix, start_after)
                continue
            if entry is None:
                return
            start_after = entry.key
            yield entry
            attempts = _Attempts(self._clock, self._entropy)

    async def _is_there(self, key: str, content: bytes) -> bool:
        try:
            return await self.get(key) == content
        except NotFound:
            return False


class _Attempts:
    """The attempts of one call."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self.maybe_done = False
        """Whether an attempt that failed may have happened."""
        self._clock = clock
        self._entropy = entropy
        self._began = clock.monotonic()
        self._failed = 0

    async def pause(self, error: ProviderError) -> None:
        """Return after a pause if it is worth another attempt; raise `error` if not."""
        self._failed += 1
        if not isinstance(error, Unavailable) or error.cause not in passing or self._failed >= attempts_max:
            raise error
        least_s = throttled_pause_s_min if error.cause is Cause.THROTTLED else pause_s_min
        pause_s = min(pause_s_max, least_s * 2.0 ** (self._failed - 1)) * self._entropy.uniform(0.5, 1.5)
        if self._clock.monotonic() + pause_s - self._began > retry_s_max:
            raise error
        # Two writes that met: this one was certainly not done. All others are not so sure.
        reached("retry: asked again")
        self.maybe_done = self.maybe_done or error.cause is not Cause.CONFLICT
        await self._clock.sleep(pause_s)
