"""One provider as a passive acceptor, and the proof that it has not forgotten its promises.

Paxos rests on acceptors that remember. A provider that was erased answers "nothing there" about slots
that it has voted in; counting such an answer could decide a slot twice. So every answer is *attested*: it
counts only if the voter's marker was there, with the incarnation that the catalog expects, once the operation
was done. An erased, emptied, swapped or re-mounted provider has no marker or an old one, and its answers are
errors (`Estranged`) until it is reattached, which gives it a new incarnation through the log
(docs/decisions/0003-amnesia.md). How a provider attests is for `providers.wrap.attest`.

Where the marker has to be read, it is read beside the operation: a provider erased between the two reads,
within that round trip, is not noticed in that operation. The alternative costs every commit a round trip.
Where the provider attests its operations itself, nothing is missed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from outlast.base import limits
from outlast.base.errors import Cause, Exists, NotFound, ProviderError, Unavailable
from outlast.providers.latency import Latency
from outlast.providers.protocol import Provider
from outlast.providers.wrap.attest import Attested
from outlast.quorum.ballot import SlotState, decode_state, encode_state

T = TypeVar("T")

Held = tuple[SlotState, int]
"""A state of a slot, and the how-manieth of its states it is, from 0."""


# A voter that is slower than the others works off their decisions in the background; this many at a time.
OPERATIONS_MAX = 32
# Before anything is known of a voter. Short, so that each is tried early.
EXPECTED_S_GUESS = 0.01
# A voter that was late is asked again after this, whoever else suffices: so its guard hears of a silence.
OVERDUE_S = 0.5


def state_key(slot: int, place: int) -> str:
    """The name of a slot's first state (`place` 0) and of the later ones at every voter."""
    return f"log/main/{slot:016x}.{place}" if place else f"log/main/{slot:016x}"


class Voter:
    """The acceptor at one provider.

    `check(slot, value)` raises `Tampered` for a value that no gateway of this store sealed; such an
    answer is the voter's failure. Every method raises `ProviderError` or `Tampered`.
    """

    def __init__(self, provider: Attested, source: Provider | None = None) -> None:
        """`source`: where to read without attestation, past a guard that refuses an estranged provider."""
        self.name = provider.name
        self.provider = provider
        self._source = source or provider
        self._under_way = 0
        self._pace = Latency()
        self._late = False
        self.refuses = False
        """Whether the last `create` was refused or not answered."""
        self._asked_at = float("-inf")
        self.check: Callable[[int, bytes], object] = lambda slot, value: None

    @property
    def incarnation(self) -> bytes:
        """With which its answers count."""
        return self.provider.incarnation

    @incarnation.setter
    def incarnation(self, incarnation: bytes) -> None:
        self.provider.expect(incarnation)

    @property
    def expected_s(self) -> float:
        """How long an operation will take; a guess before the first."""
        known = self._pace.known
        return self._pace.expected_s(asyncio.get_running_loop().time()) if known else EXPECTED_S_GUESS

    @property
    def rank(self) -> tuple[bool, float]:
        """Lower for those who should be asked before others."""
        return self._late, self.expected_s

    def was_late(self) -> None:
        """An answer is much later than was expected. Until the next one this voter comes last."""
        self._late = True

    @property
    def overdue(self) -> bool:
        """Whether it was late, and should be asked beside others to find out whether it still is."""
        return self._late and asyncio.get_running_loop().time() - self._asked_at >= OVERDUE_S

    async def read(self, slot: int, after: Held | None = None, last: bool = False) -> Held | None:
        """The slot's first state with a value, or its last state; `after`: of those later than this one.

        That a value was accepted stays true, whatever came later. So one request tells enough of a slot for
        which nobody contended, which is nearly all; who needs the `last` one takes a request more.
        """

        async def state_at(place: int) -> Held | None:
            return await self._attested(lambda: self._read(self.provider, slot, place))

        return await _walk(state_at, after, last)

    async def peek(self, slot: int, last: bool = False) -> SlotState | None:
        """As `read`, without attestation: proves nothing by what is missing."""
        try:
            async with asyncio.timeout(limits.log_operation_s_max):
                held = await _walk(lambda place: self._read(self._source, slot, place), None, last)
        except TimeoutError as error:
            raise Unavailable(self.name, "get", "no answer in time", Cause.TIMEOUT) from error
        return None if held is None else held[0]

    async def create(self, slot: int, place: int, state: SlotState) -> Held:
        """Give the slot this state after the one at `place` - 1. Raises `Exists` if somebody else has."""
        data = encode_state(state)
        try:
            await self._attested(lambda: self.provider.create(state_key(slot, place), data))
        except ProviderError as error:
            self.refuses = not isinstance(error, Exists)
            raise
        self.refuses = False
        return state, place

    async def _read(self, source: Provider, slot: int, place: int) -> Held | None:
        try:
            data = await source.get(state_key(slot, place))
        except NotFound:
            return None
        try:
            state = decode_state(data)
        except msgspec.DecodeError as error:
            raise Unavailable(self.name, "get", f"slot {slot} is damaged: {error}", Cause.CORRUPT) from error
        if state.value is not None:
            self.check(slot, state.value)
        return state, place

    async def _attested(self, operation: Callable[[], Awaitable[T]]) -> T:
        if self._under_way >= OPERATIONS_MAX:
            raise Unavailable(self.name, "vote", "too many votes under way", Cause.SATURATED)
        self._under_way += 1
        loop = asyncio.get_running_loop()
        self._asked_at = began = loop.time()
        attest = None if self.provider.attests else asyncio.ensure_future(self.provider.attest())
        try:
            async with asyncio.timeout(limits.log_operation_s_max):
                result = await operation()
                if attest is not None:
                    await attest
        except TimeoutError as error:
            raise Unavailable(self.name, "vote", "no answer in time", Cause.TIMEOUT) from error
        finally:
            self._under_way -= 1
            if attest is not None and not attest.done():
                attest.cancel()
            elif attest is not None and not attest.cancelled():
                attest.exception()  # seen: the operation's own error is the one to raise
        self._pace.add(loop.time() - began, loop.time())
        self._late = False
        return result


async def _walk(
    state_at: Callable[[int], Awaitable[Held | None]], held: Held | None, last: bool
) -> Held | None:
    """Go on from `held` to the first state with a value, or to the last; to `held` if that is the last."""
    while (later := await state_at(0 if held is None else held[1] + 1)) is not None:
        held = later
        if held[0].value is not None and not last:
            break
    return held
