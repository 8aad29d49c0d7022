"""Retries, where they help.

Only transient failures are retried: throttling, server errors, broken connections, and concurrent conditional
writes (S3's 409). Nothing else: a refused connection, an unknown host name, a bad certificate, or a missed
deadline means that the provider is unavailable, which the breaker must learn at once. A rejected credential
stays rejected, and retries may lock the account.

Ambiguity: a `create` whose answer was an error may have happened anyway, and then the second attempt gets
`Exists` because of the first. So after a failed attempt the object is read back. If it has exactly this
content (callers put a nonce into it), the first attempt succeeded. A condition is never emulated by reading
first, and nothing is ever undone.

A listing continues after the last name that it returned.
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
# A throttling provider needs a longer pause than one with a transient error.
throttled_pause_s_min = 0.25
# The limit for all attempts together, including pauses; after that the caller gets the error. Below the
# guard's deadline of 5 s.
retry_s_max = 4.0

passing = frozenset({Cause.THROTTLED, Cause.SERVER, Cause.RESET, Cause.CONFLICT})


class Retry(Wrapper):
    """`inner`, with retries."""

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
        """Whether a failed attempt may have taken effect."""
        self._clock = clock
        self._entropy = entropy
        self._began = clock.monotonic()
        self._failed = 0

    async def pause(self, error: ProviderError) -> None:
        """Return after a pause if another attempt makes sense; otherwise raise `error`."""
        self._failed += 1
        if not isinstance(error, Unavailable) or error.cause not in passing or self._failed >= attempts_max:
            raise error
        least_s = throttled_pause_s_min if error.cause is Cause.THROTTLED else pause_s_min
        pause_s = min(pause_s_max, least_s * 2.0 ** (self._failed - 1)) * self._entropy.uniform(0.5, 1.5)
        pause_s = max(pause_s, error.retry_after_s or 0.0)
        if self._clock.monotonic() + pause_s - self._began > retry_s_max:
            raise error
        # After a conflict of two writes, this one was certainly not performed. Other errors are ambiguous.
        reached("retry: asked again")
        self.maybe_done = self.maybe_done or error.cause is not Cause.CONFLICT
        await self._clock.sleep(pause_s)
