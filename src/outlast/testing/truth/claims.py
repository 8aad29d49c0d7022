"""What what-if and the report say about a store, compared with what was seen; disagreements as sentences."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from outlast.base.clock import Clock
from outlast.outages.answer import Answer
from outlast.outages.model import Site, domains
from outlast.outages.outcome import Effect
from outlast.outages.present import Present, look_at
from outlast.outages.report.contents import Report, View, headline, report_of
from outlast.outages.what_if import Manner, Outage, Verdict, outage_of, what_if
from outlast.store import Store
from outlast.testing.truth.shop import DaySeen

# A repair also writes a few slots of the log, and a directory has files of its own.
slack_bytes = 32 * 1024
slack_share = 0.1


@dataclass(frozen=True, slots=True)
class Claims:
    """What is said about a store at one moment."""

    present: Present
    verdict: Verdict
    report: Report


async def claims(store: Store, names: Collection[str], manner: Manner, clock: Clock) -> Claims:
    """What is said about the loss of these providers, and about the store."""
    present = await look_at(store)
    held = present.holdings
    every = domains(held.members, Site("here", "outlast.key", {}))
    outage = Outage(" + ".join(sorted(names)), ("provider",) * len(names), frozenset(names), manner=manner)
    answers = [Answer(what_if(held, outage_of([domain], manner), present.now)) for domain in every]
    at = datetime.fromtimestamp(clock.now(), UTC)
    view = View(at, present.slot, not present.stale, True, "here", "", None, "not known")
    report = report_of(view, held, present.now, answers, ())
    return Claims(present, what_if(held, outage, present.now), report)


def wrong(said: Claims, seen: DaySeen, operators_hit: int) -> Iterator[str]:
    """Where the verdict and the report's headline are not what was seen."""
    least, most = said.verdict.least, said.verdict.most
    bad, all_ = len(seen.unreadable), len(seen.unreadable) + len(seen.readable)
    if not least.unreadable.objects <= bad <= most.unreadable.objects:
        yield (
            f"{least.unreadable.objects} to {most.unreadable.objects} objects unreadable were predicted, and"
            f" {bad} of {all_} were"
        )
    small, large = _range(least.writes, most.writes)
    if seen.small not in small:
        yield f"writes were predicted to be {said.verdict.writes}; a small one {_went(seen.small)}"
    if seen.large not in large:
        yield f"writes were predicted to be {said.verdict.writes}; a large one {_went(seen.large)}"
    if all_ and bad == all_ and most.reads != "lost":
        yield f"reads were predicted to be {said.verdict.reads}, and no object can be read"
    tolerate = said.report.store.policy.tolerate
    failed = bool(bad) or not (seen.small and seen.large)
    short = headline(said.report)
    if short.startswith("Any") and "no request fails" in short and operators_hit <= tolerate and failed:
        yield f"the report says {short!r}, and requests failed"


def wrong_bytes(said: Claims, found: Mapping[str, int]) -> Iterator[str]:
    """Where the report has other bytes at a provider than are stored there. `found`: by provider."""
    for operator in said.report.operators:
        for basket in operator.baskets:
            name = basket.member.name
            if name in found and not _about(basket.bytes, found[name]):
                yield f"the report has {basket.bytes:,} bytes at {name}, where {found[name]:,} are stored"


def wrong_restore(said: Claims, written: int) -> Iterator[str]:
    """Where the repair of what was lost wrote another amount than was said."""
    if not _about(said.verdict.most.restore_bytes, written):
        yield f"{said.verdict.most.restore_bytes:,} bytes to restore were predicted, {written:,} were written"


def _about(said: int, found: int) -> bool:
    return abs(said - found) <= slack_bytes + slack_share * max(said, found)


def _range(least: Effect, most: Effect) -> tuple[set[bool], set[bool]]:
    """Whether small and large writes may go on, by the two ends."""
    ends = (least, most)
    return {end != "lost" for end in ends}, {end == "nothing" for end in ends}


def _went(done: bool) -> str:
    return "was done" if done else "failed"
