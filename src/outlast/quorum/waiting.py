"""Those who wait for the log: writers for their record's outcome, readers for the proof of being current."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.errors import NoMajority

# For how long there must have been no majority before those who wait are told so.
NO_MAJORITY_PATIENCE_S = 2.0


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller that waits since `since` (monotonic seconds)."""

    since: float
    heard: NoMajority | None = field(default=None, kw_only=True)
    """Why the last try had no majority, if that was so."""
    future: "asyncio.Future[object]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def waits(self) -> bool:
        """False once it was answered, or gave up."""
        return not self.future.done()

    def tell(self, outcome: object) -> None:
        """Answer, if it still waits."""
        if not self.future.done():
            self.future.set_result(outcome)

    def fail(self, error: Exception) -> None:
        """Answer with an error, if it still waits."""
        if not self.future.done():
            self.future.set_exception(error)

    async def answer(self) -> object:
        """Wait for the answer. Raises `NoMajority` when that takes longer than a request may."""
        try:
            async with asyncio.timeout(limits.request_wait_s_max):
                return await self.future
        except TimeoutError as error:
            told = f"no agreement within {limits.request_wait_s_max:.0f} s"
            raise NoMajority(told if self.heard is None else f"{told}; {self.heard}") from error


@dataclass(slots=True, eq=False)
class Writer(Waiter):
    """A caller that waits for the outcome of `record`."""

    record: bytes = b""


@dataclass(slots=True)
class Pinned:
    """The value that a gateway proposes for `slot`: who wrote its records, who reads on its decision."""

    slot: int
    value: bytes
    writers: list[Writer]
    riders: list[Waiter]
    shown: bool = False
    """Whether a voter may have seen it, or another value of ours for the slot."""

    @property
    def waits(self) -> bool:
        """Whether anybody still waits for one of its records."""
        return any(writer.waits for writer in self.writers)


class Silence:
    """A time in which no majority answered, time and again, and those who wait for one.

    How long they have waited before it began does not count: behind a large batch, or beside busy gateways,
    a moment in which too few voters are asked is no reason to give up.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    @property
    def lasts(self) -> bool:
        """Whether the last try found no majority."""
        return self._since is not None

    def ends(self) -> None:
        """A majority has answered, or nobody asks any more."""
        self._since = None

    def goes_on(self, waiters: Sequence[Waiter], error: NoMajority, waited_s: float) -> None:
        """No majority has answered, for which the last round waited so long.

        Who has had enough is told; its record may be decided all the same.
        """
        now = self._clock.monotonic()
        since = self._since = now - waited_s if self._since is None else self._since
        for waiter in waiters:
            waiter.heard = error
            if now - max(waiter.since, since) >= NO_MAJORITY_PATIENCE_S:
                waiter.fail(error)
