"""The store as it is now, for questions about what would happen to it: its data, its providers' health."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from outlast.assembly.settings import Settings, load_settings
from outlast.base.limits import MIB
from outlast.catalog.records import DrillReported
from outlast.cli.output import print_note
from outlast.cli.session import store_at
from outlast.outages.answer import Answer, Drilled
from outlast.outages.cost import Egress, load_egress
from outlast.outages.drill.history import last_drill
from outlast.outages.holdings import Holdings
from outlast.outages.model import Domain, Site, domains
from outlast.outages.present import look_at
from outlast.outages.rate import measure_rate
from outlast.outages.reach import reach_of
from outlast.outages.remedy import cheapest_fix
from outlast.outages.what_if import Outage, what_if


@dataclass(frozen=True, slots=True)
class Scene:
    """The store, and from where it is looked at."""

    settings: Settings
    store: Holdings
    site: Site
    now: Mapping[str, str]
    """The providers that are not healthy, and why."""
    bytes_per_s: float | None
    """How fast a repair is, if that is known."""
    slot: int
    """How far the log was known."""
    newest: bool
    """Whether a majority said that there is nothing after it."""
    looked_at: datetime
    """UTC."""
    drills: tuple[DrillReported, ...]
    """Those that were, the newest first."""
    egress: Egress | None = None
    """What is paid for reading, if that is known."""

    def domains(self) -> list[Domain]:
        """Every failure domain that is known."""
        return domains(self.store.members, self.site)

    def answer(self, outage: Outage) -> Answer:
        """What the outage does, and what to do about it."""
        verdict = what_if(self.store, outage, self.now)
        away = outage.providers | outage.maybe | set(self.now)
        usd = self.egress.restoring(self.store, away) if self.egress else None
        return Answer(verdict, cheapest_fix(self.store, verdict, self.now), self._drilled(outage), usd)

    def _drilled(self, outage: Outage) -> Drilled | None:
        last = last_drill(self.drills, outage)
        if last is None:
            return None
        ago_s = self.looked_at.timestamp() - last.ended / 1000
        return Drilled(max(0.0, ago_s), last.kept, last.ended)


async def look(
    config: Path,
    state_dir: Path | None,
    well: bool,
    repair_rate: float | None,
    measure: bool,
    prices: Path | None = None,
) -> Scene:
    """Look at the store, and ask every provider how it is (`well`: assume that all are healthy).

    `repair_rate` is in MiB a second; `measure`: measure it. `prices`: a file of them.
    Raises `ConfigError`, and `StoreUnavailable` if nothing is known of the store here.
    """
    settings = load_settings(config)
    egress = load_egress(prices) if prices else None
    async with store_at(config, state_dir) as store:
        present = await look_at(store, well)
        if present.stale:
            print_note(f"outlast: as of slot {present.slot}, which may not be the newest: {present.stale}")
        bytes_per_s = repair_rate * MIB if repair_rate else await measure_rate(store) if measure else None
        looked_at = datetime.fromtimestamp(store.clock.now(), UTC)
        return Scene(
            settings,
            present.holdings,
            site(settings),
            present.now,
            bytes_per_s,
            present.slot,
            not present.stale,
            looked_at,
            store.catalog.state.drill_reports(),
            egress,
        )


def site(settings: Settings) -> Site:
    """This machine, and how it reaches the providers."""
    reaches = {name: reach_of(name, url) for name, url in settings.providers.items()}
    return Site(socket.gethostname(), settings.key_file.name, reaches)
