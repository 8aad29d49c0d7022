"""Callers that wait for the log: writers for an outcome, readers for the proof that they are current."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.errors import NoMajority
from outlast.quorum.batch import Submission

# How long there must have been no majority before waiting callers get `NoMajority`.
NO_MAJORITY_PATIENCE_S = 2.0


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller that has been waiting since `since` (monotonic seconds)."""

    since: float
    last_error: NoMajority | None = field(default=None, kw_only=True)
    """Why the last attempt had no majority, if it had none."""
    future: "asyncio.Future[object]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def waits(self) -> bool:
        """False once it was answered or gave up."""
        return not self.future.done()

    def resolve(self, outcome: object) -> None:
        """Answer it, if it still waits."""
        if not self.future.done():
            self.future.set_result(outcome)

    def fail(self, error: Exception) -> None:
        """Fail it with an error, if it still waits."""
        if not self.future.done():
            self.future.set_exception(error)

    async def wait_outcome(self) -> object:
        """The answer. Raises `NoMajority` if that takes longer than `limits.request_wait_s_max`."""
        try:
            async with asyncio.timeout(limits.request_wait_s_max):
                return await self.future
        except TimeoutError as error:
            reason = f"no agreement within {limits.request_wait_s_max:.0f} s"
            raise NoMajority(f"{reason}; {self.last_error}" if self.last_error else reason) from error


@dataclass(slots=True, eq=False)
class WaitingWriter(Waiter):
    """A caller that waits for the outcome of `record`."""

    record: bytes = b""


@dataclass(slots=True, eq=False)
class WaitingReader(Waiter):
    """A caller that waits to be current. Earlier readers have lower tickets."""

    ticket: int = 0


class Readers:
    """The waiting readers, in the order of arrival.

    Each gets a ticket, which orders it relative to questions and submissions even if the clock shows the same
    time.
    """

    def __init__(self, clock: Clock) -> None:
        self.ticket = 0
        """The last reader's ticket."""
        self._clock = clock
        self._waiting: deque[WaitingReader] = deque()

    def add(self) -> WaitingReader:
        """Add a caller that waits to be current."""
        self.ticket += 1
        reader = WaitingReader(self._clock.monotonic(), ticket=self.ticket)
        self._waiting.append(reader)
        return reader

    def resolve(self, ticket: int) -> int:
        """Answer the readers up to `ticket`: everything acknowledged before the next one came is applied.

        Returns how many of them were waiting.
        """
        count = 0
        while self._waiting and self._waiting[0].ticket <= ticket:
            reader = self._waiting.popleft()
            count += reader.waits
            reader.resolve(None)
        return count

    @property
    def last(self) -> WaitingReader | None:
        """The last reader that waits."""
        while self._waiting and not self._waiting[-1].waits:
            self._waiting.pop()
        return self._waiting[-1] if self._waiting else None

    def __iter__(self) -> Iterator[WaitingReader]:
        return iter(self._waiting)

    def fail_all(self, error: Exception) -> None:
        """Fail all waiting readers with this error."""
        while self._waiting:
            self._waiting.popleft().fail(error)


@dataclass(slots=True, eq=False)
class Pending:
    """A submission of this gateway that is not known to be decided. `ticket`: the last reader before it."""

    submission: Submission
    writers: Sequence[WaitingWriter]
    ticket: int

    @property
    def waits(self) -> bool:
        """Whether a caller still waits for one of its records."""
        return any(writer.waits for writer in self.writers)


class MajorityOutage:
    """A period in which attempts keep finding no majority, and the callers that wait for one.

    The time that callers had waited before it began does not count: while a large batch is in flight, or
    other gateways are busy, a moment in which too few voters answer is no reason to give up.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    @property
    def active(self) -> bool:
        """Whether the last attempt found no majority."""
        return self._since is not None

    def clear(self) -> None:
        """End it: a majority has answered, or no caller waits any more."""
        self._since = None

    def extend(self, waiters: Iterable[Waiter], error: NoMajority, waited_s: float) -> None:
        """Record that no majority answered; the last round waited for one for `waited_s`.

        Callers out of patience get `NoMajority`; their records may still be decided.
        """
        now = self._clock.monotonic()
        since = self._since = now - waited_s if self._since is None else self._since
        for waiter in waiters:
            waiter.last_error = error
            if now - max(waiter.since, since) >= NO_MAJORITY_PATIENCE_S:
                waiter.fail(error)
