"""How verdicts are shown: a table that fits 80 columns, one verdict at length, JSON, Markdown."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from outlast.cli.output import bytes_text, count_text, print_line, print_table
from outlast.outages.holdings import Amount, Holdings
from outlast.outages.outcome import Effect, Outcome
from outlast.outages.what_if import Manner, Verdict

columns_max = 80

_reads: dict[Effect, str] = {"nothing": "go on", "degraded": "some", "lost": "stop", "unknown": "?"}
_writes: dict[Effect, str] = {"nothing": "go on", "degraded": "small", "lost": "stop", "unknown": "?"}
_data: dict[Effect, str] = {
    "nothing": "nothing is lost",
    "degraded": "some is lost",
    "lost": "all of it may be lost",
    "unknown": "it is not known whether something is lost",
}
_manners: dict[Manner, str] = {
    "unreachable": "What fails is out of reach, and comes back (--lost: it does not).",
    "lost": "What fails is gone for good, with what is stored there.",
    "lost-perhaps": "What fails is out of reach, and some of what is stored there is gone for good.",
}


@dataclass(frozen=True, slots=True)
class Drilled:
    """The last drill of this outage: how long ago it was, and whether what was promised came true."""

    ago_s: float
    kept: bool
    ended: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict with what is said beside it. `fix` "": nothing to be done. `drilled` None: never."""

    verdict: Verdict
    fix: str = ""
    drilled: Drilled | None = None


def as_json(answer: Answer, bytes_per_s: float | None) -> dict[str, Any]:
    """The verdict as `--json` prints it. Numbers are those of the worst that it may be."""
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
        "notes": list(verdict.notes),
        "fix": answer.fix,
        "drilled": asdict(answer.drilled) if answer.drilled else None,
    }


def print_answers(answers: Sequence[Answer], head: str = "if this fails") -> None:
    """The table, and below it what to do."""
    fixes = list(dict.fromkeys(answer.fix for answer in answers if answer.fix))
    columns = ("then", "reads", "writes", "left>", "out>", "drill>", "fix>")
    rows = [
        (
            answer.verdict.summary,
            _reads[answer.verdict.reads],
            _writes[answer.verdict.writes],
            str(answer.verdict.most.redundancy),
            bytes_text(answer.verdict.most.unreadable.bytes),
            _drilled_cell(answer.drilled),
            str(fixes.index(answer.fix) + 1) if answer.fix else "",
        )
        for answer in answers
    ]
    cells = zip(*((column.rstrip(">") for column in columns), *rows), strict=True)
    left = columns_max - sum(2 + max(map(len, column)) for column in cells)
    names = [_short(answer.verdict.outage.name, left) for answer in answers]
    print_table((head, *columns), [(name, *row) for name, row in zip(names, rows, strict=True)])
    _print_numbered(fixes)


def print_legend(store: Holdings, manner: Manner | None, now: Mapping[str, str]) -> None:
    """What the columns mean, and on what all of it rests. `manner` None: each has its own."""
    kind = store.policy.domain
    print_line()
    for line in (
        f"left: how many more {kind}s may go, whichever; out: bytes of objects that cannot be read;"
        f" some, small: the rest goes on (small: objects up to 128 KiB); drill: how long ago (!: and"
        f" what was promised did not hold).",
        *([_manners[manner]] if manner else []),
        *([_now_text(now)] if now else []),
    ):
        _print_wrapped(line)


def print_answer(answer: Answer, store: Holdings, bytes_per_s: float | None) -> None:
    """One verdict at length."""
    verdict, most = answer.verdict, answer.verdict.most
    _print_wrapped(f"{verdict.outage.name}: {_summary_text(verdict)}")
    _print_wrapped(_manners[verdict.outage.manner])
    for what, value in (
        ("takes", _takes(verdict)),
        ("reads", _reads[verdict.reads]),
        ("writes", _writes_text(verdict.writes)),
        ("consistency", _consistency[verdict.consistency]),
        ("data", _data[verdict.data]),
        ("left", _left_text(most, store)),
        ("unreadable", _amount_text(most.unreadable)),
        *([("lost", _amount_text(most.lost))] if most.lost != Amount() else []),
        ("at risk", _amount_text(most.at_risk)),
        ("to restore", _restore_text(most.restore_bytes, bytes_per_s)),
        ("drilled", _drilled_text(answer.drilled)),
        *(("note", note) for note in verdict.notes),
        *([("fix", answer.fix)] if answer.fix else []),
    ):
        _print_wrapped(f"  {what:12} {value}", indent=15)


def markdown(answers: Sequence[Answer]) -> str:
    """A table for a page, and the fixes."""
    lines = [
        "| if this fails | takes | then | reads | writes | left | unreadable | drilled | fix |",
        "| --- | --- | --- | --- | --- | ---: | ---: | --- | --- |",
    ]
    for answer in answers:
        verdict = answer.verdict
        cells = (
            verdict.outage.name,
            _takes(verdict),
            _summary_text(verdict),
            _reads[verdict.reads],
            _writes[verdict.writes],
            str(verdict.most.redundancy),
            bytes_text(verdict.most.unreadable.bytes),
            _drilled_text(answer.drilled),
            answer.fix,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


# ---------------------------------------------------------------- words

_consistency: dict[Effect, str] = {
    "nothing": "kept",
    "degraded": "kept",
    "lost": "what was acknowledged last may be forgotten",
    "unknown": "it is not known whether what was acknowledged last is kept",
}


def _summary_text(verdict: Verdict) -> str:
    if verdict.summary != "unknown":
        return verdict.summary
    return f"unknown ({verdict.least.summary} to {verdict.most.summary})"


def _takes(verdict: Verdict) -> str:
    outage = verdict.outage
    maybe = [f"{name}?" for name in sorted(outage.maybe)]
    return ", ".join([*sorted(outage.providers), *maybe]) or "no provider"


def _writes_text(effect: Effect) -> str:
    return "only small ones go on, up to 128 KiB" if effect == "degraded" else _writes[effect]


def _left_text(outcome: Outcome, store: Holdings) -> str:
    kind, left = store.policy.domain, outcome.redundancy
    if left < 0:
        return f"{left}: too few are left by {-left}"
    return f"{left}: any {left} more {kind}s may go" if left else f"0: no more {kind} may go"


def _amount_text(amount: Amount) -> str:
    if amount == Amount():
        return "nothing"
    return f"{count_text(amount.objects, 'object')}, {bytes_text(amount.bytes)}"


def _restore_text(count: int, bytes_per_s: float | None) -> str:
    if not count:
        return "nothing, if all comes back empty"
    text = f"about {bytes_text(count)}, if all comes back empty"
    if bytes_per_s is None:
        return f"{text}; how long is not known (--repair-rate, --measure)"
    return f"{text}: {duration_text(count / bytes_per_s)} at {bytes_text(int(bytes_per_s))}/s"


def duration_text(seconds: float) -> str:
    """A time for people: 3 s, 12 min, 5 h, 9 days."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(1.0, seconds):.0f} s"


def _drilled_text(drilled: Drilled | None) -> str:
    if drilled is None:
        return "never"
    kept = "as promised" if drilled.kept else "and what was promised did not hold"
    return f"{duration_text(drilled.ago_s)} ago, {kept}"


def _drilled_cell(drilled: Drilled | None) -> str:
    """As short as a column asks: `12 d`; with `!` where a promise did not hold."""
    if drilled is None:
        return ""
    count, unit = duration_text(drilled.ago_s).split()
    return f"{count} {_short_units[unit]}{'' if drilled.kept else '!'}"


_short_units = {"days": "d", "h": "h", "min": "m", "s": "s"}


def _now_text(now: Mapping[str, str]) -> str:
    away = ", ".join(f"{name} ({state})" for name, state in sorted(now.items()))
    return f"Counted as away, as they are now: {away}."


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "\u2026"


def _print_numbered(fixes: Iterable[str]) -> None:
    for number, fix in enumerate(fixes, 1):
        if number == 1:
            print_line()
        _print_wrapped(f"{number}. {fix}", indent=3)


def _print_wrapped(text: str, indent: int = 0) -> None:
    lines = textwrap.wrap(
        text, columns_max, subsequent_indent=" " * indent, break_long_words=False, drop_whitespace=True
    )
    for line in lines:
        print_line(line)
