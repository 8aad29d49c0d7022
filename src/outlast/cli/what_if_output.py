"""How verdicts are shown: a table that fits 80 columns, one verdict at length, Markdown."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from outlast.base.figures import bytes_text, count_text, duration_text
from outlast.cli.output import print_line, print_table
from outlast.outages.answer import (
    CONSISTENCY,
    DATA,
    MANNERS,
    READS,
    WRITES,
    Answer,
    Drilled,
    summary_text,
    takes_text,
)
from outlast.outages.holdings import Amount, Holdings
from outlast.outages.outcome import Effect, Outcome
from outlast.outages.report.words import quotas_text
from outlast.outages.what_if import Manner
from outlast.placement.members import EARLY

columns_max = 80


def print_answers(answers: Sequence[Answer], head: str = "if this fails") -> None:
    """The table, and below it what to do."""
    fixes = list(dict.fromkeys(answer.fix_text for answer in answers if answer.fix))
    columns = ("then", "reads", "writes", "left>", "out>", "drill>", "fix>")
    rows = [
        (
            answer.verdict.summary,
            READS[answer.verdict.reads],
            WRITES[answer.verdict.writes],
            str(answer.verdict.most.redundancy),
            bytes_text(answer.verdict.most.unreadable.bytes),
            _drilled_cell(answer.drilled),
            str(fixes.index(answer.fix_text) + 1) if answer.fix else "",
        )
        for answer in answers
    ]
    cells = zip(*((column.rstrip(">") for column in columns), *rows), strict=True)
    left = columns_max - sum(2 + max(map(len, column)) for column in cells)
    names = [shortened(answer.verdict.outage.name, left) for answer in answers]
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
        *([MANNERS[manner]] if manner else []),
        *([_now_text(now)] if now else []),
        *([f"Quotas are {quotas_text(store.full)}."] if store.full else []),
        *([f"{EARLY}."] if store.policy.acknowledge == "early" else []),
    ):
        print_wrapped(line)


def print_answer(answer: Answer, store: Holdings, bytes_per_s: float | None) -> None:
    """One verdict at length."""
    verdict, most = answer.verdict, answer.verdict.most
    print_wrapped(f"{verdict.outage.name}: {summary_text(verdict)}")
    print_wrapped(MANNERS[verdict.outage.manner])
    for what, value in (
        ("takes", takes_text(verdict)),
        ("reads", READS[verdict.reads]),
        ("writes", _writes_text(verdict.writes)),
        ("consistency", CONSISTENCY[verdict.consistency]),
        ("data", DATA[verdict.data]),
        ("left", _left_text(most, store)),
        ("unreadable", _amount_text(most.unreadable)),
        *([("lost", _amount_text(most.lost))] if most.lost != Amount() else []),
        ("at risk", _amount_text(most.at_risk)),
        ("to restore", _restore_text(most.restore_bytes, bytes_per_s)),
        *([] if answer.restore_usd is None else [("costs", _cost_text(answer.restore_usd))]),
        ("drilled", _drilled_text(answer.drilled)),
        *(("note", note) for note in verdict.notes),
        *([("fix", answer.fix_text)] if answer.fix else []),
    ):
        print_wrapped(f"  {what:12} {value}", indent=15)


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
            takes_text(verdict),
            summary_text(verdict),
            READS[verdict.reads],
            WRITES[verdict.writes],
            str(verdict.most.redundancy),
            bytes_text(verdict.most.unreadable.bytes),
            _drilled_text(answer.drilled),
            answer.fix_text,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _writes_text(effect: Effect) -> str:
    return "only small ones go on, up to 128 KiB" if effect == "degraded" else WRITES[effect]


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


def _cost_text(usd: float) -> str:
    return f"at most ${usd:,.2f} for what is read elsewhere to restore that"


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


def shortened(text: str, width: int) -> str:
    """The text in at most `width` columns."""
    return text if len(text) <= width else text[: width - 1] + "\u2026"


def _print_numbered(fixes: Iterable[str]) -> None:
    for number, fix in enumerate(fixes, 1):
        if number == 1:
            print_line()
        print_wrapped(f"{number}. {fix}", indent=3)


def print_wrapped(text: str, indent: int = 0) -> None:
    """The text in lines of at most `columns_max`, all but the first indented."""
    lines = textwrap.wrap(
        text, columns_max, subsequent_indent=" " * indent, break_long_words=False, drop_whitespace=True
    )
    for line in lines:
        print_line(line)
