"""What a verdict promises a client while the outage lasts, as far as a canary can check it.

In every case, reads return what was written, and of competing conditional writes exactly one wins. Beyond
that, everything that goes on according to the verdict's worst case must go on without one failed request.

The promise is for the drill's outage together with the other providers that are away (`Expectation`): those
that are really down, or that another drill makes fail. It changes when they do. The guards know them; but
before a failure counts as a broken promise every provider is checked, for it may be the first sign of a loss.
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
    """What-if's summary; with the best and the worst case where that is `unknown`."""
    deeds: tuple[Deed, ...]

    def breaks(self, deed: Deed, wrong: bool) -> bool:
        """Whether a failure of `deed` breaks it. `wrong`: it did not fail, but gave a wrong answer."""
        return wrong or deed in self.deeds

    @property
    def log(self) -> bool:
        """Whether the log stays available, and with it the orders of the drill."""
        return "small write" in self.deeds


def promise_of(verdict: Verdict) -> Promise:
    """The promise of a verdict. It holds both before and after the loss has been detected."""
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
    """What a drill's outage promises on this store as it is: `promise`, with the others that are `away`."""

    def __init__(self, store: Store, outage: Outage) -> None:
        self.promise = Promise("", ("read", "small write", "large write"))  # until something fails
        self.away: dict[str, str] = {}
        """The providers that are away, but not by this drill, each with its state."""
        self._store = store
        self._outage = outage
        self._drilled = outage.providers | outage.maybe

    def look(self) -> bool:
        """Update `away` from the guards; return whether it changed."""
        fleet = self._store.fleet
        return self._take_over(
            {name: fleet[name].health.state for name in fleet.names if not fleet[name].health.available}
        )

    async def ask(self) -> bool:
        """Update `away` by checking every provider; return whether it changed."""
        return self._take_over(await unwell(self._store))

    def settle(self) -> None:
        """Compute the promise again."""
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
