"""Callers that wait for the log: writers for an outcome, readers for the proof of being current."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.errors import NoMajority
from outlast.quorum.batch import Submission

# For how long there must have been no majority before the callers that wait are given `NoMajority`.
NO_MAJORITY_PATIENCE_S = 2.0


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller that waits since `since` (monotonic seconds)."""

    since: float
    last_error: NoMajority | None = field(default=None, kw_only=True)
    """Why the last try had no majority, if that was so."""
    future: "asyncio.Future[object]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def waits(self) -> bool:
        """False once it was answered, or gave up."""
        return not self.future.done()

    def resolve(self, outcome: object) -> None:
        """Answer, if it still waits."""
        if not self.future.done():
            self.future.set_result(outcome)

    def fail(self, error: Exception) -> None:
        """Answer with an error, if it still waits."""
        if not self.future.done():
            self.future.set_exception(error)

    async def wait_outcome(self) -> object:
        """The answer. Raises `NoMajority` when that takes longer than a request may."""
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
    """A caller that waits to be current. Those that came before have lower tickets."""

    ticket: int = 0


class Readers:
    """The readers that wait, first come first.

    Each draws a ticket, so that of a reader and a question, or a submission, at the same time on the clock
    it is known which came first.
    """

    def __init__(self, clock: Clock) -> None:
        self.ticket = 0
        """The last reader's."""
        self._clock = clock
        self._waiting: deque[WaitingReader] = deque()

    def add(self) -> WaitingReader:
        """A caller that waits to be current."""
        self.ticket += 1
        reader = WaitingReader(self._clock.monotonic(), ticket=self.ticket)
        self._waiting.append(reader)
        return reader

    def resolve(self, ticket: int) -> int:
        """Everything acknowledged before the reader after `ticket` came is applied; how many waited for
        that.
        """
        count = 0
        while self._waiting and self._waiting[0].ticket <= ticket:
            reader = self._waiting.popleft()
            count += reader.waits
            reader.resolve(None)
        return count

    @property
    def last(self) -> WaitingReader | None:
        """The last that waits."""
        while self._waiting and not self._waiting[-1].waits:
            self._waiting.pop()
        return self._waiting[-1] if self._waiting else None

    def __iter__(self) -> Iterator[WaitingReader]:
        return iter(self._waiting)

    def fail_all(self, error: Exception) -> None:
        """Give all that wait this error."""
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
        """Whether anybody still waits for one of its records."""
        return any(writer.waits for writer in self.writers)


class MajorityOutage:
    """A time in which no majority answered, time and again, and the callers that wait for one.

    How long they had waited before it began does not count: behind a large batch, or beside busy gateways,
    a moment in which too few voters answer is no reason to give up.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    @property
    def active(self) -> bool:
        """Whether the last try found no majority."""
        return self._since is not None

    def clear(self) -> None:
        """A majority has answered, or nobody asks any more."""
        self._since = None

    def extend(self, waiters: Iterable[Waiter], error: NoMajority, waited_s: float) -> None:
        """No majority has answered; the last round waited for one for `waited_s`.

        Callers out of patience get `NoMajority`; their records may still be decided.
        """
        now = self._clock.monotonic()
        since = self._since = now - waited_s if self._since is None else self._since
        for waiter in waiters:
            waiter.last_error = error
            if now - max(waiter.since, since) >= NO_MAJORITY_PATIENCE_S:
                waiter.fail(error)
