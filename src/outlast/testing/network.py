"""A network between a gateway and its providers, drawn from a seed: slow, lossy, and sometimes very late.

`Link(inner, clock, entropy, weather)` is a remote provider. Each call travels there, is done, and
travels back; either way it may take its time or be lost. A lost call raises `Unavailable` after
`weather.patience_s`, whether or not it was done, and a stray request is done long after its caller
has given up: exactly what the provider protocol says about lost answers.

Invariant: the network decides what happens once a call has left the gateway. Cancelling the caller, or
crashing its (simulated) host, does not recall a request.

A gateway's own line to the internet may be slow, too: all its links share it (`AccessLine`). Data that no
caller waits for any more is carried no further.

It is not the fault wrapper: `providers.wrap.fault` is how a provider misbehaves, this is how far away it is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import Cause, Unavailable
from outlast.providers.protocol import Entry, Provider
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Weather:
    """How a network behaves. Times in seconds, chances in 0..1, each for one way of one call."""

    delay_s: tuple[float, float] = (0.001, 0.02)
    lost_request: float = 0.0
    lost_answer: float = 0.0
    stray_request: float = 0.0
    """The chance that a request gets no answer and is done anyway, up to `stray_s` later."""
    stray_s: float = 60.0
    patience_s: float = 10.0
    """When the caller of a lost call gets `Unavailable`."""


class AccessLine:
    """One direction of a gateway's line. Its calls get equal shares of it, as connections do."""

    def __init__(self, clock: Clock, bytes_per_s: float) -> None:
        """`bytes_per_s` may be changed at any time."""
        self.bytes_per_s = bytes_per_s
        self._clock = clock
        self._free_at = float("-inf")

    async def carry(self, size: int, needless: Callable[[], bool]) -> None:
        """Return when `size` bytes have been carried, or are `needless`."""
        while size > 0 and not needless():
            now, part = self._clock.monotonic(), min(size, line_quantum_bytes)
            self._free_at = max(now, self._free_at) + part / self.bytes_per_s
            await self._clock.sleep(self._free_at - now)
            size -= part


# Calls that share a line take turns in units of this many bytes.
line_quantum_bytes = 16 * limits.KIB

FAIR = Weather()
STORMY = Weather(delay_s=(0.001, 0.5), lost_request=0.03, lost_answer=0.03, stray_request=0.02)


class _Unheard(Exception):
    """The end of a call whose caller gets no answer."""


class Link(Wrapper):
    """A provider at the other end of a network. `weather` and `cut` may be changed at any time."""

    def __init__(
        self,
        inner: Provider,
        clock: Clock,
        entropy: Entropy,
        weather: Weather = FAIR,
        attests: bool = False,
    ) -> None:
        """`attests`: calls may be attested as at `inner`. No provider on a real network can be."""
        super().__init__(inner)
        self._attests = attests and inner.attests
        self.weather = weather
        self.cut: Literal["", "requests", "answers"] = ""
        """What is cut: requests (nothing is done), or answers (it is done, and the answer is lost)."""
        self.up: AccessLine | None = None
        """The line for requests; None for one that is never full."""
        self.down: AccessLine | None = None
        """The line for answers."""
        self._clock = clock
        self._entropy = entropy
        self._context = copy_context()

    @property
    def attests(self) -> bool:
        return self._attests

    async def around(self, call: Call, perform: Perform[T]) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        patience = _Patience(self.weather.patience_s, answer)
        travel = loop.create_task(self._travel(call, perform, patience), context=self._context.copy())
        # In the network's context: it arrives even when the caller's host has crashed.
        travel.add_done_callback(partial(_arrive, answer), context=self._context)
        try:
            return await answer
        except _Unheard:
            raise Unavailable(self.name, call.verb, "no answer came", Cause.TIMEOUT) from None
        finally:
            patience.end()

    async def list(self, prefix: str, start_after: str = "") -> AsyncIterator[Entry]:
        call = Call("list", prefix, 0)
        for entry in await self.around(call, lambda: self._listed(prefix, start_after)):
            yield entry

    async def _listed(self, prefix: str, start_after: str) -> tuple[Entry, ...]:
        return tuple([entry async for entry in self.inner.list(prefix, start_after)])

    async def _travel(self, call: Call, perform: Perform[T], patience: "_Patience") -> T:
        await self._clock.sleep(self._entropy.uniform(*self.weather.delay_s))
        if call.writes:
            await self._carry(self.up, call.size or 0, patience)
        lost = self.cut == "requests" or self._happens(self.weather.lost_request)
        stray = self._happens(self.weather.stray_request)
        if stray:
            await self._clock.sleep(self._entropy.uniform(0, self.weather.stray_s))
        elif lost:
            await self._wait_unheard()
        try:
            result = await perform()
            if isinstance(result, bytes):
                await self._carry(self.down, len(result), patience)
            return result
        finally:
            if stray or self.cut == "answers" or self._happens(self.weather.lost_answer):
                await self._wait_unheard()
            await self._clock.sleep(self._entropy.uniform(*self.weather.delay_s))

    async def _carry(self, line: AccessLine | None, size: int, patience: "_Patience") -> None:
        """Carry bytes. Only lost ones fail here; the caller decides how long to wait for slow ones."""
        if line is None:
            return
        patience.end()
        await line.carry(size, patience.answer.done)
        if patience.answer.done():
            raise _Unheard
        patience.begin()

    async def _wait_unheard(self) -> None:
        """Stay in flight until the caller has certainly given up."""
        await self._clock.sleep(self.weather.patience_s)
        raise _Unheard

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._entropy.uniform(0, 1) < chance


def _arrive(answer: "asyncio.Future[T]", travel: "asyncio.Task[T]") -> None:
    """The answer is here; the caller may have given up."""
    error = None if travel.cancelled() else travel.exception()
    if answer.done() or travel.cancelled():
        return
    if error is None:
        answer.set_result(travel.result())
    else:
        answer.set_exception(error)


class _Patience:
    """How long the caller of a lost call waits for its `answer`."""

    def __init__(self, seconds: float, answer: "asyncio.Future[Any]") -> None:
        self.answer = answer
        self._seconds = seconds
        self.begin()

    def begin(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._give_up)

    def end(self) -> None:
        self._timer.cancel()

    def _give_up(self) -> None:
        if not self.answer.done():
            self.answer.set_exception(_Unheard())
