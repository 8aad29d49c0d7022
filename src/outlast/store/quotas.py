"""What each provider's quota still allows, and what follows from it.

A provider that holds as many bytes as its quota allows, or whose requests or egress of the month are used up,
gets no new fragments; a write is refused (`StoreFull`) only if the others do not suffice for the policy. A
provider over a monthly quota is also read from last. What keeps the store consistent and alive is never
refused: votes, small objects in the log, repair.

Bytes are the catalog's, the same for every gateway, plus what this gateway has in flight. Requests and bytes
read are this gateway's own, from the meter, plus what the others have reported to the catalog: each its whole
month so far, rarely (docs/internals/decisions/0011-quotas.md). So a month's figures are minutes old, and what
a command of a few requests used is not reported at all.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait, run_again
from outlast.base.errors import StoreError
from outlast.catalog.catalog import Catalog
from outlast.catalog.records import Extent, UsageReported
from outlast.catalog.usage import Used
from outlast.coding.geometry import Geometry
from outlast.providers.quota import Quota, unlimited
from outlast.providers.wrap.layers import meter_of
from outlast.store.fleet import Fleet

# How often a gateway reports, if enough was used, and checks whether a month is used up.
report_s = 600.0
look_s = 10.0
# Less than this is reported later, or not at all if the process ends: each report is a slot of the log.
report_requests_min = 100
report_egress_min = 8 * limits.MIB
# A closing process does not wait for the log for longer than this.
close_s_max = 2.0
# An extent that was sent and is neither given up nor in the catalog after this time never will be.
under_way_s_max = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """How much of a provider's quota is used: bytes now, the others in the current month."""

    quota: Quota
    bytes: int
    requests: int
    egress: int

    @property
    def full(self) -> bool:
        """Whether the provider holds as many bytes as it may."""
        return _reached(self.bytes, self.quota.bytes)

    @property
    def spent(self) -> bool:
        """Whether its monthly quota is used up."""
        return _reached(self.requests, self.quota.requests) or _reached(self.egress, self.quota.egress)


class Quotas:
    """The quotas of one store's providers, from this gateway's settings. It reports once `open`."""

    def __init__(
        self, quotas: Mapping[str, Quota], catalog: Catalog, fleet: Fleet, clock: Clock, gateway: bytes
    ) -> None:
        """`gateway`: an id of this process alone, under which it reports."""
        self._quotas = {name: quota for name, quota in quotas.items() if quota != unlimited}
        self._catalog = catalog
        self._fleet = fleet
        self._clock = clock
        self._gateway = gateway
        self._in_flight: dict[bytes, tuple[float, Extent]] = {}
        self._month = self._this_month()
        self._before = {name: self._metered(name) for name in self._quotas}
        """The meters' values when the month began."""
        self._reported: dict[str, Used] = {}
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ lifetime

    def open(self, report: Callable[[BaseException], None]) -> None:
        """Start to check and to report, if there are quotas. `report` is called with errors in that."""
        if any(quota.monthly for quota in self._quotas.values()):
            self._task = asyncio.ensure_future(run_again(self._watch, report, self._clock.sleep))

    async def close(self) -> None:
        """Send the last report, if enough was used."""
        if self._task is None:
            return
        await cancel_and_wait((self._task,))
        try:
            async with asyncio.timeout(close_s_max):
                await self.report(report_requests_min, report_egress_min)
        except (TimeoutError, StoreError):
            pass  # the log is unavailable: what this process used is not counted

    async def _watch(self) -> None:
        due = self._clock.monotonic() + report_s
        while True:
            await self._clock.sleep(look_s)
            self.look()
            if self._clock.monotonic() >= due:
                due += report_s
                try:
                    await self.report(report_requests_min, report_egress_min)
                except StoreError:
                    pass  # the log is unavailable; the next report covers it

    # ------------------------------------------------------------ answers

    def use(self, name: str) -> QuotaUse | None:
        """Return how much of a provider's quota is used; None if it has none."""
        quota = self._quotas.get(name)
        if quota is None:
            return None
        mine = self._mine(name)
        others = self._catalog.state.used(self._month, name, self._gateway)
        stored = self._catalog.state.stored(name) + self._bytes_in_flight(name)
        return QuotaUse(quota, stored, mine.requests + others.requests, mine.egress + others.egress)

    def full(self) -> frozenset[str]:
        """The providers that get no new fragments."""
        self.look()
        uses = {name: self.use(name) for name in self._quotas}
        return frozenset(name for name, use in uses.items() if use is not None and (use.full or use.spent))

    def shipped(self, extent: Extent) -> None:
        """Count this extent's fragments as in flight: they are not in the catalog yet."""
        if self._quotas:
            self._in_flight[extent.id] = self._clock.monotonic(), extent

    def deleted(self, extent: Extent) -> None:
        """The write was given up, and its fragments are deleted."""
        self._in_flight.pop(extent.id, None)

    # ------------------------------------------------------------ work

    def look(self) -> None:
        """Begin a new month when it is time, and update the fleet's list of used-up months."""
        if (month := self._this_month()) != self._month:
            self._month = month
            self._before = {name: self._metered(name) for name in self._quotas}
            self._reported.clear()
        uses = {name: self.use(name) for name, quota in self._quotas.items() if quota.monthly}
        self._fleet.spent = frozenset(name for name, use in uses.items() if use is not None and use.spent)

    async def report(self, requests_min: int = 1, egress_min: int = 1) -> None:
        """Commit what was used since the last report, where that is at least the minimum.

        Raises `StoreUnavailable`.
        """
        self.look()
        for name, quota in self._quotas.items():
            mine, reported = self._mine(name), self._reported.get(name, Used(0, 0))
            more = mine.requests - reported.requests, mine.egress - reported.egress
            if quota.monthly and (more[0] >= requests_min or more[1] >= egress_min):
                await self._catalog.commit(UsageReported(self._month, name, self._gateway, *mine))
                self._reported[name] = mine

    # ------------------------------------------------------------ pieces

    def _this_month(self) -> str:
        return datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m")

    def _metered(self, name: str) -> Used:
        meter = meter_of(self._fleet[name]) if name in self._fleet else None
        if meter is None:
            return Used(0, 0)
        verbs = meter.usage.values()
        # Rather too much than too little: a request that was given up may have been sent, and is charged.
        egress = sum(verb.received_bytes + verb.given_up_bytes for verb in verbs)
        return Used(sum(verb.requests for verb in verbs), egress)

    def _mine(self, name: str) -> Used:
        """What this process has used this month."""
        now, before = self._metered(name), self._before[name]
        return Used(now.requests - before.requests, now.egress - before.egress)

    def _bytes_in_flight(self, name: str) -> int:
        state, old = self._catalog.state, self._clock.monotonic() - under_way_s_max
        for id, (since, _) in list(self._in_flight.items()):
            if since < old or state.extent(id) is not None:
                del self._in_flight[id]
        return sum(
            Geometry(extent.size, extent.k).fragment_bytes * extent.places.count(name)
            for _, extent in self._in_flight.values()
        )


def _reached(used: int, allowed: int | None) -> bool:
    return allowed is not None and used >= allowed
