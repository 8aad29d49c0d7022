"""What a verdict promises a client while the outage lasts, as far as a canary can check it.

Whatever happens, what is read is what was written and of conditional writes one wins. Beyond that, what the
verdict at its worst says goes on must go on, without one failed request.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from outlast.outages.what_if import Verdict

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
