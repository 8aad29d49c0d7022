"""An answer as it is given: a verdict, its fix, and the words and figures for both.

Everything that is printed, written as JSON, or drawn on a page comes from here, so that the outputs agree.
"""

from dataclasses import asdict, dataclass
from typing import Any

from outlast.outages.outcome import Effect
from outlast.outages.remedy import Fix
from outlast.outages.what_if import Manner, Verdict

READS: dict[Effect, str] = {"nothing": "go on", "degraded": "some", "lost": "stop", "unknown": "?"}
WRITES: dict[Effect, str] = {"nothing": "go on", "degraded": "small", "lost": "stop", "unknown": "?"}
DATA: dict[Effect, str] = {
    "nothing": "nothing is lost",
    "degraded": "some is lost",
    "lost": "all of it may be lost",
    "unknown": "it is not known whether something is lost",
}
CONSISTENCY: dict[Effect, str] = {
    "nothing": "kept",
    "degraded": "kept",
    "lost": "what was acknowledged last may be forgotten",
    "unknown": "it is not known whether what was acknowledged last is kept",
}
MANNERS: dict[Manner, str] = {
    "unreachable": "What fails is out of reach, and comes back (--lost: it does not).",
    "lost": "What fails is lost permanently, with what is stored there.",
    "lost-perhaps": "What fails is out of reach, and some of what is stored there is lost permanently.",
}


@dataclass(frozen=True, slots=True)
class Drilled:
    """The last drill of this outage: how long ago it was, and whether the promises were kept."""

    ago_s: float
    kept: bool
    ended: int
    """ms since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict with its fix and last drill. `fix` None: nothing to do; `drilled` None: never drilled."""

    verdict: Verdict
    fix: Fix | None = None
    drilled: Drilled | None = None
    restore_usd: float | None = None
    """Upper bound of the cost of restoring, if prices are known."""

    @property
    def fix_text(self) -> str:
        """What to do; "" if nothing."""
        return self.fix.text if self.fix else ""


def as_json(answer: Answer, bytes_per_s: float | None) -> dict[str, Any]:
    """The answer as `--json` prints it. Numbers are those of the worst case."""
    verdict, most = answer.verdict, answer.verdict.most
    return {
        "what": verdict.outage.name,
        "kinds": list(verdict.outage.kinds),
        "manner": verdict.outage.manner,
        "takes": sorted(verdict.outage.providers),
        "may_take": sorted(verdict.outage.maybe),
        "verdict": verdict.summary,
        "at_least": verdict.least.summary,
        "at_most": most.summary,
        "reads": verdict.reads,
        "writes": verdict.writes,
        "consistency": verdict.consistency,
        "data": verdict.data,
        "redundancy_left": most.redundancy,
        "unreadable": asdict(most.unreadable),
        "lost": asdict(most.lost),
        "at_risk": asdict(most.at_risk),
        "restore_bytes": most.restore_bytes,
        "restore_s": None if bytes_per_s is None else round(most.restore_bytes / bytes_per_s, 1),
        "restore_usd": None if answer.restore_usd is None else round(answer.restore_usd, 2),
        "notes": list(verdict.notes),
        "fix": answer.fix_text,
        "fixed": answer.fix.after.summary if answer.fix and answer.fix.after else None,
        "drilled": asdict(answer.drilled) if answer.drilled else None,
    }


def summary_text(verdict: Verdict) -> str:
    """The verdict in words, with the best and the worst case where it is unknown."""
    if verdict.summary != "unknown":
        return verdict.summary
    return f"unknown ({verdict.least.summary} to {verdict.most.summary})"


def takes_text(verdict: Verdict) -> str:
    """The providers that fail, and, with a question mark, those that may."""
    outage = verdict.outage
    maybe = [f"{name}?" for name in sorted(outage.maybe)]
    return ", ".join([*sorted(outage.providers), *maybe]) or "no provider"
