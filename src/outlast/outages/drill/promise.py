"""What a verdict promises a client while the outage lasts, as far as a canary can check it.

Whatever happens, what is read is what was written and of conditional writes one wins. Beyond that, what the
verdict at its worst says goes on must go on, without one failed request.

The promise is for the drill's outage together with whoever is away besides (`Expectation`): another provider
that is really down, or that another drill makes fail. It changes when that does. The guards know it; but
before a failure counts as a broken promise everybody is asked, for it may be the first sign of a loss.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from outlast.outages.holdings import holdings
from outlast.outages.unwell import unwell
from outlast.outages.what_if import Outage, Verdict, what_if
from outlast.store import Store

Deed: TypeAlias = Literal["read", "small write", "large write"]
"""Small ones fit into the log; large ones need fragments."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What goes on."""

    verdict: str
    """What-if's summary; with its two ends where that is `unknown`."""
    deeds: tuple[Deed, ...]

    def breaks(self, deed: Deed, wrong: bool) -> bool:
        """Whether a deed's failure breaks it. `wrong`: it did not fail, but gave a false answer."""
        return wrong or deed in self.deeds

    @property
    def log(self) -> bool:
        """Whether the log goes on, and with it the orders of the drill."""
        return "small write" in self.deeds


def promise_of(verdict: Verdict) -> Promise:
    """The promise in a verdict. It holds for the time after it has been noticed who is away, and before."""
    most = verdict.most
    summary: str = verdict.summary
    if summary == "unknown":
        summary = f"unknown ({verdict.least.summary} to {most.summary})"
    deeds: list[Deed] = []
    if most.reads == "nothing" and not most.unreadable.extents:
        deeds.append("read")
    if most.writes in ("nothing", "degraded"):
        deeds.append("small write")
    if most.writes == "nothing":
        deeds.append("large write")
    return Promise(summary, tuple(deeds))


class Expectation:
    """What a drill's outage promises on this store as it is: `promise`, with those `away` besides."""

    def __init__(self, store: Store, outage: Outage) -> None:
        self.promise = Promise("", ("read", "small write", "large write"))  # until something fails
        self.away: dict[str, str] = {}
        """Who is away and not to fail by this drill, and how."""
        self._store = store
        self._outage = outage
        self._drilled = outage.providers | outage.maybe

    def look(self) -> bool:
        """Take over what the guards know; whether who is away has changed."""
        fleet = self._store.fleet
        return self._take_over(
            {name: fleet[name].health.state for name in fleet.names if not fleet[name].health.available}
        )

    async def ask(self) -> bool:
        """Ask everybody; whether who is away has changed."""
        return self._take_over(await unwell(self._store))

    def settle(self) -> None:
        """Work the promise out anew."""
        held = holdings(self._store.catalog.state, self._store.quotas.full())
        self.promise = promise_of(what_if(held, self._outage, self.away))

    def _take_over(self, found: dict[str, str]) -> bool:
        members = [member.name for member in self._store.catalog.state.members()]
        found |= {name: "unconfigured" for name in members if name not in self._store.fleet}
        away = {name: state for name, state in found.items() if name not in self._drilled}
        if away == self.away:
            return False
        self.away = away
        self.settle()
        return True
