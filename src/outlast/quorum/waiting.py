"""Those who wait for the log: writers for their record's outcome, readers for the proof of being current."""

import asyncio
from dataclasses import dataclass, field

from outlast.base import limits
from outlast.base.errors import NoMajority


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller that waits since `since` (monotonic seconds)."""

    since: float
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
            raise NoMajority(f"no agreement within {limits.request_wait_s_max:.0f} s") from error


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
