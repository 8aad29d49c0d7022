"""One extent's fragments on their way to their providers.

An extent is complete when every fragment is durable. A delivery waits for a slow provider; the provider's
guard decides whether it is slow or unavailable. A fragment whose provider is found to be unavailable, or
refuses it for good, goes to a spare provider if there is one. If there is none, the fragment stays missing
and the extent is *degraded*: if k fragments are durable it may be acknowledged, the catalog records which are
missing, and the gateways restore them once there is a place for them. With fewer than k, the write retries
for a while and then fails.

A fragment counts as durable when it is known to be at our own place. On a disk the write itself ensures
that; over a network it is checked afterwards (`proof`): concurrently with the commit (`attest`), or, if the
fragment arrives later than that, before it is reported.

Invariant: a delivery leaves no task behind that it has neither seen finish nor cancelled.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

import msgspec

from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait
from outlast.base.errors import Denied, Full, ProviderError, StoreUnavailable, Unsupported
from outlast.base.marks import reached
from outlast.base.trace import event
from outlast.catalog.records import Extent, Fragment
from outlast.coding.extent import fragment_key
from outlast.providers.protocol import Buffer
from outlast.store.fleet import Fleet
from outlast.store.proof import prove_at_once

# How often a delivery checks whether a provider that it waits for has become unavailable.
look_s = 0.1
# After this many failures at an available provider a fragment is not tried there again: k others are
# enough.
attempts_max = 3
# The pause before the second attempt, doubled for each further one.
retry_pause_s = 0.1
# With fewer than k fragments durable and none in flight, a write gives up after this time; a client has a
# timeout, too.
shortage_s_max = 10.0

FindPlace: TypeAlias = Callable[[Extent, int, Collection[str]], Fragment | None]
"""(extent, index, providers to avoid) -> another place for the fragment, or None."""


class Stage(Enum):
    """How far a fragment has come."""

    WAITING = auto()
    """To be sent as soon as its place is available."""
    SENDING = auto()
    DURABLE = auto()
    FAILED = auto()
    """Its place has failed too often."""
    REFUSED = auto()
    """Its place refuses it."""


@dataclass(slots=True, eq=False)
class _Sending:
    """One fragment. `data` is dropped when it is durable."""

    at: Fragment
    data: Sequence[Buffer]
    size: int
    stage: Stage = Stage.WAITING
    attempts: int = 0
    retry_at: float = float("-inf")
    durable_at: float = float("-inf")
    proving: bool = False
    """Whether it was written after the commit and is being verified at its place."""
    refused_by: set[str] = field(default_factory=set)
    failed_by: set[str] = field(default_factory=set)
    """Places that have failed too often; forgotten when fewer than k are durable otherwise."""
    error: ProviderError | None = None
    task: "asyncio.Task[None] | None" = None


class Delivery:
    """See the module's docstring. Nothing is sent before `start`."""

    def __init__(
        self,
        extent: Extent,
        fragments: Sequence[Sequence[Buffer]],
        fleet: Fleet,
        clock: Clock,
        find_place: FindPlace,
        arrived_late: Callable[[bytes, Fragment], None],
    ) -> None:
        """`arrived_late(extent id, fragment)`: it became durable after `settle` had reported it missing."""
        self._extent = extent
        self._fragments = [
            _Sending(extent.fragment(index), data, sum(map(len, data)))
            for index, data in enumerate(fragments)
        ]
        self._fleet = fleet
        self._clock = clock
        self._find_place = find_place
        self._arrived_late = arrived_late
        self._settled = False
        self._enough = asyncio.Event()
        self._run_task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ for the writer

    @property
    def extent(self) -> Extent:
        """The extent with the places of its fragments, and those that are not known to be durable."""
        missing = sum(1 << one.at.index for one in self._fragments if one.stage is not Stage.DURABLE)
        return msgspec.structs.replace(
            self._extent,
            missing=missing,
            places=tuple(one.at.place for one in self._fragments),
            incarnations=tuple(one.at.incarnation for one in self._fragments),
        )

    def start(self) -> None:
        """Send the fragments."""
        assert self._run_task is None, "started once"
        event("store: an extent is sent", extent=self._extent.id, places=",".join(self._extent.places))
        self._run_task = asyncio.ensure_future(self._run())

    async def wait_done(self, early: bool = False) -> None:
        """Return when every fragment is durable or has no place left; with `early`, when k are durable.

        Raises `StoreUnavailable` if fewer than k can be made durable.
        """
        assert self._run_task is not None
        if early:
            enough = asyncio.ensure_future(self._enough.wait())
            try:
                await asyncio.wait((enough, self._run_task), return_when=asyncio.FIRST_COMPLETED)
            finally:
                await cancel_and_wait((enough,))
            if self._enough.is_set():
                return
        await asyncio.shield(self._run_task)

    def settle(self) -> Extent:
        """Return the extent to commit. Fragments that arrive from now on are reported as late."""
        self._settled = True
        return self.extent

    @property
    def ended(self) -> bool:
        """Whether nothing is in flight any more."""
        return self._run_task is None or self._run_task.done()

    async def attest(self) -> list[Fragment]:
        """Verify that each written fragment is at our own place; return those that could not be verified."""
        durable = [one for one in self._in(Stage.DURABLE) if not self._fleet[one.at.place].attests]
        outcomes = await asyncio.gather(*map(self._prove, durable), return_exceptions=True)
        doubtful: list[Fragment] = []
        for one, outcome in zip(durable, outcomes, strict=True):
            if isinstance(outcome, ProviderError):
                reached("delivery: a fragment was not at our place after the put")
                one.stage, one.error = Stage.REFUSED, outcome
                doubtful.append(one.at)
            elif isinstance(outcome, BaseException):
                raise outcome
        return doubtful

    async def _prove(self, one: _Sending) -> None:
        await prove_at_once(self._fleet[one.at.place], self._key(one), one.size, one.durable_at)

    async def cancel(self) -> None:
        """Give up. Fragments already written stay; requests in flight may still complete."""
        if self._run_task is not None:
            await cancel_and_wait((self._run_task,))

    # ------------------------------------------------------------ sending

    async def _run(self) -> None:
        began = self._clock.monotonic()
        try:
            while True:
                self._send_waiting()
                if self._in(Stage.SENDING) or self._retrying():
                    await self._wait()
                elif self._has_enough():
                    return
                else:
                    await self._wait_for_places(began)
        finally:
            await cancel_and_wait([one.task for one in self._fragments if one.task is not None])
            for one in self._fragments:
                one.data, one.task = (), None  # the writer keeps the delivery, which must not keep the bytes

    def _send_waiting(self) -> None:
        """Send what can be sent, some of it to a place other than the intended one."""
        now = self._clock.monotonic()
        for one in self._in(Stage.WAITING, Stage.FAILED, Stage.REFUSED):
            fits = one.stage is Stage.WAITING and self._fleet.available(one.at.place)
            if not fits and not self._move(one):
                continue
            if one.retry_at <= now:
                one.stage = Stage.SENDING
                one.task = asyncio.ensure_future(self._send(one))

    def _move(self, one: _Sending) -> bool:
        """Move the fragment to another place, if there is one. Not after the extent was committed."""
        if self._settled:
            return False
        other = self._find_place(self.extent, one.at.index, one.refused_by | one.failed_by)
        if other is None or not self._fleet.available(other.place):
            return False
        reached("delivery: a fragment went to a spare provider")
        event("store: a fragment moves", extent=self._extent.id, index=one.at.index, to=other.place)
        one.at, one.stage, one.attempts, one.retry_at = other, Stage.WAITING, 0, float("-inf")
        return True

    async def _send(self, one: _Sending) -> None:
        await self._fleet[one.at.place].put(self._key(one), one.data)

    async def _wait(self) -> None:
        """Wait until a fragment has arrived or failed, a place becomes unavailable, or a retry is due."""
        sending = self._in(Stage.SENDING)
        if not sending:
            await self._clock.sleep(retry_pause_s)
            return
        tasks = [one.task for one in sending if one.task is not None]
        await asyncio.wait(tasks, timeout=look_s, return_when=asyncio.FIRST_COMPLETED)
        for one in sending:
            if one.task is not None and one.task.done():
                self._take(one, one.task)
            elif not self._fleet.available(one.at.place):
                reached("delivery: a provider became unavailable while it was sent to")
                await self._give_up(one)

    def _take(self, one: _Sending, task: "asyncio.Task[None]") -> None:
        """Process a put's result. An error that is not a provider's refusal is our own bug, and is raised."""
        one.task = None
        try:
            task.result()
        except ProviderError as error:
            one.error, one.proving = error, False
            event("store: a fragment failed", extent=self._extent.id, index=one.at.index, error=error)
            one.attempts += 1
            if isinstance(error, Denied | Full | Unsupported):
                one.stage = Stage.REFUSED
                one.refused_by.add(one.at.place)
            else:
                one.stage = Stage.FAILED if one.attempts >= attempts_max else Stage.WAITING
                if one.stage is Stage.FAILED:
                    one.failed_by.add(one.at.place)
                one.retry_at = self._clock.monotonic() + retry_pause_s * 2.0 ** (one.attempts - 1)
            return
        if not one.proving:
            one.durable_at = self._clock.monotonic()
            if self._settled:  # `attest` looks for those that were durable before
                one.proving = True
                one.task = asyncio.ensure_future(self._prove(one))
                return
        one.stage, one.data = Stage.DURABLE, ()
        event("store: a fragment is durable", extent=self._extent.id, index=one.at.index, at=one.at.place)
        self._fleet.answered(one.at.place)
        if self._has_enough():
            self._enough.set()
        if self._settled:
            reached("delivery: a fragment arrived after the commit")
            self._arrived_late(self._extent.id, one.at)

    async def _give_up(self, one: _Sending) -> None:
        """Its provider is unavailable: do not wait for the deadline. The put may still complete."""
        assert one.task is not None
        await cancel_and_wait((one.task,))
        one.task, one.stage, one.proving = None, Stage.WAITING, False

    async def _wait_for_places(self, began: float) -> None:
        """Wait until enough places are available again. Raises `StoreUnavailable` after a while."""
        reached("delivery: waits for providers to come back")
        for one in self._in(Stage.FAILED):
            one.stage, one.attempts = Stage.WAITING, 0
            one.failed_by.clear()
        waiting = [one.at.place for one in self._in(Stage.WAITING)]
        needed = self._extent.k - len(self._in(Stage.DURABLE))
        if self._clock.monotonic() - began > shortage_s_max:
            raise self._unavailable()
        if not await self._fleet.wait_available(waiting, needed):
            raise self._unavailable()

    # ------------------------------------------------------------ pieces

    def _key(self, one: _Sending) -> str:
        return fragment_key(self._extent.id, one.at.index)

    def _in(self, *stages: Stage) -> list[_Sending]:
        return [one for one in self._fragments if one.stage in stages]

    def _retrying(self) -> bool:
        """Whether a fragment pauses before its next attempt at an available place."""
        return any(self._fleet.available(one.at.place) for one in self._in(Stage.WAITING))

    def _has_enough(self) -> bool:
        return len(self._in(Stage.DURABLE)) >= self._extent.k

    def _unavailable(self) -> StoreUnavailable:
        lacking = self._in(Stage.WAITING, Stage.FAILED, Stage.REFUSED)
        reasons = "; ".join(str(one.error or f"{one.at.place}: down") for one in lacking)
        return StoreUnavailable(
            f"a write needs {self._extent.k} of {len(self._fragments)} providers: {reasons}"
        )
