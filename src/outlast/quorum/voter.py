"""One provider as a passive acceptor, and the proof that it has not forgotten its promises.

Paxos relies on acceptors that remember. A provider that was erased answers "nothing there" about slots that
it has voted in; counting such an answer could decide a slot twice. So every answer is *attested*
(`providers.wrap.attest`): it counts only if the provider's marker, which any erasure also removes, was
present with the incarnation that the catalog expects. An erased, emptied, swapped, or re-mounted provider is
`Estranged` until it is reattached, which gives it a new incarnation through the log
(docs/internals/decisions/0003-amnesia.md).

A `Vote` names the incarnation under which it was given. Nothing that was learned from a voter outlives its
incarnation: `quorum.slot` counts only votes of the present one.

On a disk the marker is part of the operation. Over a network it is read concurrently with the operation, so
an erasure between the two reads goes unnoticed in that operation. `in_doubt` names the slot of such a vote
until a later read of the marker confirms it. A long operation over a slow link is followed by another read of
the marker, so that the time in which an erasure can go unnoticed stays short.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.errors import Cause, Estranged, Exists, NotFound, ProviderError, Tampered, Unavailable
from outlast.base.marks import reached
from outlast.providers.latency import Latency
from outlast.providers.protocol import Provider
from outlast.providers.wrap.attest import Attested
from outlast.quorum.ballot import SlotState
from outlast.quorum.portions import Arrived, StateReader
from outlast.quorum.state import PLACE_MAX, STATE_BYTES_MAX, Placed, StateCodec, state_key

T = TypeVar("T")

# A voter that is slower than the others catches up on their decisions in the background, this many at a time.
OPERATIONS_MAX = 128
# States of one row that are read at once after the first; then twice as many each time, up to the maximum.
ROW_READ_AHEAD = 3
ROW_READ_AHEAD_MAX = 64
# How many announcements, from the latest states of a row, are kept and passed on.
ANNOUNCED_MAX = 64
# The estimate before anything is known about a voter. Short, so that each is tried early.
EXPECTED_S_GUESS = 0.01
# A voter that was late gets another request after this time even if others suffice, so that its guard notices
# if it is silent.
OVERDUE_S = 0.5


class AttestedProvider(Attested, Protocol):
    """A provider that knows its marker, and when the marker was last seen (`Attest`, or a guard)."""

    @property
    def attested_at(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Vote:
    """What a voter holds for a slot, and the incarnation under which it said so."""

    held: Placed
    incarnation: bytes
    announced: tuple[bytes, ...] = ()
    """The announcements in the states read up to this one, including its own."""


@dataclass(slots=True)
class _Reading:
    """How far a slot's row has been read. `held`: the last state so far."""

    held: Placed | None
    announced: "deque[bytes]" = field(default_factory=lambda: deque(maxlen=ANNOUNCED_MAX))


class Voter:
    """The acceptor at one provider. Every method raises `ProviderError` or `Tampered`."""

    def __init__(
        self,
        provider: AttestedProvider,
        codec: StateCodec,
        clock: Clock,
        check: Callable[[int, bytes], object],
        source: Provider | None = None,
    ) -> None:
        """`check(slot, value)` raises `Tampered` for a value that no gateway of this store sealed: such an
        answer counts as the voter's failure.

        `source`: where to read without attestation, bypassing a guard that refuses an estranged provider.
        """
        self.name = provider.name
        self.provider = provider
        self.check = check
        self.refuses = False
        """Whether the last `create` was refused or not answered."""
        self.codec = codec
        self._source = source or provider
        self._clock = clock
        self._in_flight = 0
        self._pace = Latency()
        self._reader = StateReader(self.name, clock, STATE_BYTES_MAX)
        self._late = False
        self._asked_at = float("-inf")
        self._unconfirmed: tuple[int, float] | None = None
        self._interrupted: tuple[int, bytes, _Reading] | None = None

    @property
    def incarnation(self) -> bytes:
        """The incarnation under which its votes count now."""
        return self.provider.incarnation

    # ------------------------------------------------------------ latency

    @property
    def expected_s(self) -> float:
        """The expected duration of an operation; a guess before the first one."""
        return self._pace.expected_s(self._clock.monotonic()) if self._pace.known else EXPECTED_S_GUESS

    @property
    def rank(self) -> tuple[bool, float]:
        """Voters with a lower rank should get requests first."""
        return self._late, self.expected_s

    def was_late(self) -> None:
        """An answer is much later than expected. Until the next answer this voter ranks last."""
        self._late = True

    @property
    def overdue(self) -> bool:
        """Whether it was late and should get an additional request, to learn whether it still is."""
        return self._late and self._clock.monotonic() - self._asked_at >= OVERDUE_S

    # ------------------------------------------------------------ votes

    @property
    def in_doubt(self) -> int | None:
        """The slot of a vote that no later read of the marker has confirmed."""
        if self._unconfirmed is None:
            return None
        slot, voted_at = self._unconfirmed
        return slot if self.provider.attested_at < voted_at else None

    def doubt_resolved(self) -> None:
        """Clear the doubt: the slot is being decided without this voter."""
        self._unconfirmed = None

    async def read(
        self, slot: int, after: Vote | None = None, last: bool = False, contended: bool = False
    ) -> Vote | None:
        """The slot's first state with a value, or its last state; `after`: only those later than this one.

        An accepted value stays accepted, whatever came later. So one request suffices for a slot without
        contention, which nearly all are; finding the `last` state takes one more. For a slot that is known
        to be `contended`, several states are read at once.
        """
        width = ROW_READ_AHEAD if contended else 1
        reading = self._resume(slot, after)
        under = self.incarnation
        try:
            _, incarnation = await self._attested(
                lambda arrived: self._walk(self.provider, slot, reading, last, width, arrived)
            )
        except Unavailable:
            self._interrupted = slot, under, reading
            raise
        if reading.held is None or (after is not None and reading.held.place == after.held.place):
            return after
        return Vote(reading.held, incarnation, tuple(reading.announced))

    async def peek(self, slot: int, last: bool = False) -> SlotState | None:
        """Like `read`, but without attestation: what is missing proves nothing."""
        reading = _Reading(None)
        await self._in_time("get", lambda arrived: self._walk(self._source, slot, reading, last, 1, arrived))
        return None if reading.held is None else reading.held.state

    async def row(self, slot: int) -> list[Placed]:
        """All states of the slot's row, without attestation and without a time limit: for inspection."""
        states: list[Placed] = []
        while True:
            try:
                content = await self._source.get(state_key(slot, len(states)))
            except NotFound:
                return states
            states.append(self.codec.decode(slot, states[-1] if states else None, content))

    async def create(self, slot: int, after: Vote | None, state: SlotState) -> Vote:
        """Create this state of the slot after `after`, the last one it is known to hold. Raises `Exists`."""
        placed, data = self.codec.encode(slot, None if after is None else after.held, state)
        key = state_key(slot, placed.place)
        try:
            _, incarnation = await self._attested(lambda _: self.provider.create(key, data), len(data))
        except ProviderError as error:
            self.refuses = not isinstance(error, Exists)
            raise
        self.refuses = False
        if not self.provider.attests:
            self._unconfirmed = slot, self._clock.monotonic()
        return Vote(placed, incarnation)

    # ------------------------------------------------------------ pieces

    def _resume(self, slot: int, after: Vote | None) -> _Reading:
        """Where to continue reading: after `after`, or where an earlier read of the row was interrupted.

        States never change, so what was read of a row stays valid under the same incarnation. The operation
        that continues the read attests that the voter still remembers it.
        """
        reading = _Reading(None if after is None else after.held)
        if self._interrupted is None or self._interrupted[:2] != (slot, self.incarnation):
            return reading
        earlier = self._interrupted[2]
        if earlier.held is None or (after is not None and earlier.held.place <= after.held.place):
            return reading
        reached("voter: a long row is read on")
        return _Reading(earlier.held, earlier.announced.copy())

    async def _walk(
        self, source: Provider, slot: int, reading: _Reading, last: bool, width: int, arrived: Arrived
    ) -> None:
        """Continue reading, up to the first state with a value or to the last state.

        `width` states are read at once. Most rows have one state; longer rows are read several at a time.
        """
        while (first := 0 if reading.held is None else reading.held.place + 1) <= PLACE_MAX:
            keys = [state_key(slot, first + ahead) for ahead in range(width)]
            contents = await asyncio.gather(*(self._reader.read(source, key, arrived) for key in keys))
            for content in contents:
                if content is None:
                    return
                placed = self._decode(slot, reading, content)
                reading.held = placed
                if placed.state.announced is not None:
                    reading.announced.append(placed.state.announced)
                if placed.state.value is not None and not last:
                    return
            width = min(ROW_READ_AHEAD_MAX, max(ROW_READ_AHEAD, 2 * width))
        raise Unavailable(self.name, "get", f"slot {slot} has no last state", Cause.CORRUPT)

    def _decode(self, slot: int, reading: _Reading, content: bytes) -> Placed:
        try:
            placed = self.codec.decode(slot, reading.held, content)
            if placed.state.value is not None:
                self.check(slot, placed.state.value)
        except Tampered:
            self._reader.forget()
            raise
        return placed

    async def _attested(self, operation: Callable[[Arrived], Awaitable[T]], size: int = 0) -> tuple[T, bytes]:
        """The operation's result, and the incarnation under which it ran. `size`: bytes that it sends."""
        if self._in_flight >= OPERATIONS_MAX:
            raise Unavailable(self.name, "vote", "too many votes in flight", Cause.SATURATED)
        self._in_flight += 1
        self._asked_at = began = self._clock.monotonic()
        incarnation = self.provider.incarnation
        looking = None if self.provider.attests else asyncio.ensure_future(self.provider.attest())

        async def do(arrived: Arrived) -> T:
            result = await operation(arrived)
            if looking is not None:
                await looking
            return result

        try:
            result = await self._in_time("vote", do, size)
            if looking is not None and self._clock.monotonic() - began > limits.log_operation_s_max:
                reached("voter: the marker was seen after a long operation")
                await self._in_time("vote", lambda _: self.provider.attest())
        finally:
            self._in_flight -= 1
            _discard(looking)
        if self.provider.incarnation != incarnation:
            raise Estranged(self.name, "vote", "it was reattached during the operation")
        now = self._clock.monotonic()
        # Time beyond that was spent on transferring bytes, and says nothing about the next answer.
        self._pace.add(min(now - began, limits.log_operation_s_max), now)
        self._late = False
        return result, incarnation

    async def _in_time(self, verb: str, operation: Callable[[Arrived], Awaitable[T]], size: int = 0) -> T:
        """Run the operation, unless no answer has `arrived` for too long. `size`: bytes that it sends."""
        loop = asyncio.get_running_loop()
        last = loop.time() + limits.log_read_s_max
        asked_at = self._clock.monotonic()
        over = False

        def arrived() -> None:
            nonlocal asked_at
            # Once it is over, or out of time and about to end, one of its reads may still go on.
            if not over and not deadline.expired():
                asked_at = self._clock.monotonic()
                deadline.reschedule(min(loop.time() + limits.log_operation_s_max, last))

        sending_s = size / limits.link_bytes_per_s_min
        try:
            async with asyncio.timeout(limits.log_operation_s_max + sending_s) as deadline:
                return await operation(arrived)
        except TimeoutError as error:
            failure = Unavailable(self.name, verb, "no answer in time", Cause.TIMEOUT)
            failure.__cause__ = error
        except Unavailable as error:
            failure = error
        finally:
            over = True
        if failure.cause is Cause.TIMEOUT and not size:
            self._reader.late(asked_at)
        raise failure


def _discard(looking: "asyncio.Task[None] | None") -> None:
    """Discard the marker read: the operation's own error is raised, not the marker's."""
    if looking is None or looking.cancelled():
        return
    if looking.done():
        looking.exception()
    else:
        looking.cancel()
