"""The report as values: the store by operator, the answers, the fixes by how much they help, the drills.

Bytes at a provider are computed from the catalog: its fragments, those that await collection, and, at a
voter, the complete log. An estranged provider may have lost everything, so all that should be there counts as
missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from outlast.outages.answer import Answer
from outlast.outages.holdings import Holdings
from outlast.outages.incidents import Incident
from outlast.outages.outcome import SUMMARIES, Summary, outcome
from outlast.outages.remedy import Fix
from outlast.placement.domains import one_spelling
from outlast.placement.members import EARLY, Member

# More names than this make a sentence hard to read.
named_max = 4

RateFrom: TypeAlias = Literal["given", "measured", "not known"]


@dataclass(frozen=True, slots=True)
class View:
    """How the store was examined."""

    at: datetime
    """UTC."""
    slot: int
    """The slot up to which the log is known."""
    newest: bool
    """Whether a majority of the voters confirmed that there are no later slots."""
    asked: bool
    """Whether the providers were checked; if not, all are assumed to be healthy."""
    host: str
    version: str
    """Of Outlast."""
    bytes_per_s: float | None
    """How fast a repair is."""
    rate_from: RateFrom


@dataclass(frozen=True, slots=True)
class Basket:
    """What is stored at one provider. Bytes are approximate."""

    member: Member
    state: str
    """`healthy`, the state of an unhealthy one, or `not asked`."""
    votes: bool
    fragment_bytes: int
    log_bytes: int
    dead_bytes: int
    """Of fragments that await collection."""
    late_bytes: int
    """Of fragments that count as missing although they are there."""
    missing_bytes: int
    """Of fragments, and of the log of a voter that is estranged."""
    missing_fragments: int

    @property
    def bytes(self) -> int:
        return self.fragment_bytes + self.log_bytes + self.dead_bytes + self.late_bytes


@dataclass(frozen=True, slots=True)
class OperatorBaskets:
    """The baskets of one operator. `name` "": the operator is unknown."""

    name: str
    baskets: tuple[Basket, ...]

    @property
    def bytes(self) -> int:
        return sum(basket.bytes for basket in self.baskets)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A fix with everything that it helps against, the worst first, each with its own before and after."""

    text: str
    helps: tuple[tuple[Answer, Fix], ...]


@dataclass(frozen=True, slots=True)
class PastDrill:
    """A drill that is over."""

    began: datetime
    """UTC."""
    what: str
    shape: str
    duration_s: int
    kept: bool
    """Whether all promises were kept."""
    observed: str
    """What was observed, in one line."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the report shows."""

    view: View
    store: Holdings
    now: Mapping[str, str]
    """The unhealthy providers, each with its state: they count as away in every answer."""
    left: int
    """How many domains of the policy's kind may fail now, whichever they are, before a request fails."""
    operators: tuple[OperatorBaskets, ...]
    answers: tuple[Answer, ...]
    """One for each failure domain."""
    incidents: tuple[tuple[Incident, Answer], ...]
    fixes: tuple[Ranked, ...]
    drills: tuple[PastDrill, ...] = ()
    """The newest first."""

    @property
    def promised(self) -> tuple[Answer, ...]:
        """The answers about a single domain of the kind that the policy counts."""
        return tuple(one for one in self.answers if one.verdict.outage.kinds == (self.store.policy.domain,))


def report_of(
    view: View,
    store: Holdings,
    now: Mapping[str, str],
    answers: Sequence[Answer],
    incidents: Sequence[tuple[Incident, Answer]],
    drills: Sequence[PastDrill] = (),
) -> Report:
    """Put it together."""
    everything = [*answers, *(answer for _, answer in incidents if hits(answer))]
    return Report(
        view,
        store,
        now,
        outcome(store, set(now)).redundancy,
        _operators(store, now, view.asked),
        tuple(answers),
        tuple(sorted(incidents, key=lambda pair: pair[0].began, reverse=True)),
        _ranked(everything),
        tuple(sorted(drills, key=lambda drill: drill.began, reverse=True)),
    )


def tally(answers: Sequence[Answer]) -> dict[Summary, int]:
    """How often each verdict occurs, the best first; verdicts that do not occur are left out."""
    found = [answer.verdict.summary for answer in answers]
    return {summary: found.count(summary) for summary in SUMMARIES if summary in found}


def tolerated(answers: Sequence[Answer]) -> int:
    """How many outages are tolerated: certainly no request fails."""
    return sum(not answer.verdict.bad for answer in answers)


def headline(report: Report) -> str:
    """The short answer, in one sentence. It does not count domains that are unavailable already."""
    kind, tolerate, promised = report.store.policy.domain, report.store.policy.tolerate, report.promised
    if tolerate == 0:
        return f"This store was made to tolerate the loss of no {kind}."
    if not promised:
        return f"What the loss of one {kind} would do is not known: the {kind} of the providers is not given."
    away = [one for one in promised if one.verdict.outage.providers <= report.now.keys()]
    others = [one for one in promised if one not in away]
    good, other, already = tolerated(others), "other " if away else "", _already(away)
    if report.left < 0:
        return f"{already}No {other}{kind} may fail: some reads or writes fail already, or may."
    if good == 0:
        return f"{already}No {other}{kind} may fail: reads or writes would stop, or may."
    if good < len(others):
        rest = f"{good} of {len(others)} {other}{kind}s may fail without a failing request"
        return f"{already}{rest}; the others may not."
    count = max(1, tolerate - len(away))
    if report.left < count:
        so_far = f"Any one {other}{kind} may fail, but not any {count} at once"
        return f"{already}{so_far}, which this store was made to tolerate."
    which = f"one {other}{kind} may fail" if count == 1 else f"{count} {other}{kind}s may fail at once"
    return f"{already}Any {which}: no request fails, and nothing is lost."


def _already(away: Sequence[Answer]) -> str:
    """A sentence about the domains that are away already; "" if there are none."""
    names = [one.verdict.outage.name.partition("=")[2] for one in away]
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} away already. " if names else ""


def caveat(report: Report) -> str:
    """What the short answer leaves out: other causes that would be noticed, by name, and what an early
    acknowledgement costs; "" if there is nothing.
    """
    early = f"{EARLY.capitalize()}." if report.store.policy.acknowledge == "early" else ""
    return " ".join(sentence for sentence in (_other_causes(report), early) if sentence)


def _other_causes(report: Report) -> str:
    other = [answer for answer in report.answers if answer.verdict.bad and answer not in report.promised]
    names = [answer.verdict.outage.name for answer in other]
    if not names:
        return ""
    more = len(names) - named_max
    rest = f", and {more} more" if more > 0 else ""
    return f"What else would be noticed, or may be: {', '.join(names[:named_max])}{rest}."


def hits(answer: Answer) -> bool:
    """Whether any provider fails in it, or may."""
    return bool(answer.verdict.outage.providers or answer.verdict.outage.maybe)


def _operators(store: Holdings, now: Mapping[str, str], asked: bool) -> tuple[OperatorBaskets, ...]:
    groups: dict[str, list[Basket]] = {}
    for member in store.members:
        state = now.get(member.name, "healthy" if asked else "not asked")
        groups.setdefault(one_spelling(member.domains.operator), []).append(_basket(store, member, state))
    found = [
        OperatorBaskets(group[0].member.domains.operator.strip(), tuple(group)) for group in groups.values()
    ]
    return tuple(sorted(found, key=lambda operator: operator.bytes, reverse=True))


def _basket(store: Holdings, member: Member, state: str) -> Basket:
    votes, there = member.name in store.voters, state != "estranged"
    log_bytes = store.log_bytes if votes else 0
    held = [(one, one.holders.count(member.name)) for one in store.held]
    gone = [(one, one.gone.count(member.name)) for one in store.held]
    missing = gone if there else [*held, *gone]
    return Basket(
        member,
        state,
        votes,
        fragment_bytes=sum(one.fragment_bytes * count for one, count in held) if there else 0,
        log_bytes=log_bytes if there else 0,
        dead_bytes=store.dead.get(member.name, 0) if there else 0,
        late_bytes=store.late_bytes(member.name) if there else 0,
        missing_bytes=sum(one.fragment_bytes * count for one, count in missing) + (0 if there else log_bytes),
        missing_fragments=sum(one.extents * count for one, count in missing),
    )


def _ranked(answers: Sequence[Answer]) -> tuple[Ranked, ...]:
    """Fixes, those for the worst verdicts first, then those that help against the most outages."""
    groups: dict[str, list[tuple[Answer, Fix]]] = {}
    for answer in sorted(answers, key=_severity, reverse=True):
        if answer.fix:
            groups.setdefault(answer.fix.text, []).append((answer, answer.fix))
    found = [Ranked(text, tuple(helps)) for text, helps in groups.items()]
    return tuple(sorted(found, key=lambda one: (_severity(one.helps[0][0]), len(one.helps)), reverse=True))


def _severity(answer: Answer) -> int:
    return SUMMARIES.index(answer.verdict.most.summary)
