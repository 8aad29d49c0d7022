"""The report as Markdown (with GitHub's tables), for a wiki or a pull request."""

import re
from collections.abc import Sequence

from outlast.base.figures import bytes_text, duration_text
from outlast.outages.answer import Answer, summary_text, takes_text
from outlast.outages.report.contents import Ranked, Report, caveat, headline
from outlast.outages.report.markup import plain
from outlast.outages.report.words import (
    DATA,
    READS,
    WRITES,
    basis_lines,
    domains_text,
    drilled_text,
    incidents_text,
    last_drill_text,
    operator_text,
    restore_text,
    role_text,
)

_special = re.compile(r"([\\`*_{}\[\]<>#|~&@])")


def report_markdown(report: Report) -> str:
    """The page's sections, in the same order and with the same figures."""
    blocks = [
        "# If one provider has a bad day",
        " ".join(escaped(text) for text in (headline(report), caveat(report)) if text),
        _list(
            [
                f"Failure domains: {domains_text(report)}",
                f"Real incidents: {incidents_text(report)}",
                f"Drills: {drilled_text(report)}",
            ]
        ),
        "## What is stored where",
        _baskets(report),
        "## Every bad day",
        _days(report),
        "## What to do about it",
        _fixes(report),
        "## If history repeats itself",
        _incidents(report),
        "## Drills",
        _drills(report),
        "## How this was computed",
        _list([f"{what}: {how}" for what, how in basis_lines(report)]),
    ]
    return "\n\n".join(blocks)


def escaped(text: str) -> str:
    """The text on one line, escaped so that Markdown shows it as it is."""
    return _special.sub(r"\\\1", " ".join(plain(text).split()))


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A column whose name ends with `>` holds numbers, aligned to the right."""
    lines = [
        [column.rstrip(">") for column in columns],
        ["---:" if c.endswith(">") else "---" for c in columns],
    ]
    cells = [[escaped(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [*lines, *cells])


def _baskets(report: Report) -> str:
    return _table(
        ("operator", "provider", "state", "role", "fragments>", "deleted>", "log>", "missing>"),
        [
            (
                operator_text(operator),
                basket.member.name,
                basket.state,
                role_text(basket),
                bytes_text(basket.fragment_bytes),
                bytes_text(basket.dead_bytes),
                bytes_text(basket.log_bytes),
                bytes_text(basket.missing_bytes),
            )
            for operator in report.operators
            for basket in operator.baskets
        ],
    )


def _effects(answer: Answer) -> tuple[str, ...]:
    verdict = answer.verdict
    return (
        takes_text(verdict),
        summary_text(verdict),
        READS[verdict.reads],
        WRITES[verdict.writes],
        DATA[verdict.data],
        str(verdict.most.redundancy),
    )


def _fix_number(answer: Answer, report: Report) -> str:
    numbers = {ranked.text: number for number, ranked in enumerate(report.fixes, 1)}
    return str(numbers.get(answer.fix_text, ""))


def _days(report: Report) -> str:
    return _table(
        (
            "if this fails",
            "takes",
            "then",
            "reads",
            "writes",
            "data",
            "left>",
            "unreadable>",
            "at risk>",
            "to restore>",
            "drilled",
            "fix>",
        ),
        [
            (
                answer.verdict.outage.name,
                *_effects(answer),
                bytes_text(answer.verdict.most.unreadable.bytes),
                bytes_text(answer.verdict.most.at_risk.bytes),
                restore_text(answer.verdict.most.restore_bytes, report.view.bytes_per_s),
                last_drill_text(answer.drilled),
                _fix_number(answer, report),
            )
            for answer in report.answers
        ],
    )


def _fixes(report: Report) -> str:
    lines = [_fix(number, ranked) for number, ranked in enumerate(report.fixes, 1)]
    return "\n".join(lines) or "Nothing needs to be done."


def _fix(number: int, ranked: Ranked) -> str:
    changes = [
        f"   - {escaped(answer.verdict.outage.name)}: {summary_text(answer.verdict)}"
        f" \u2192 {fix.after.summary if fix.after else 'not tried'}"
        for answer, fix in ranked.helps
    ]
    return "\n".join([f"{number}. {escaped(ranked.text)}", *changes])


def _incidents(report: Report) -> str:
    return _table(
        ("if this happens again", "takes", "then", "reads", "writes", "data", "left>", "drilled", "fix>"),
        [
            (incident.id, *_effects(answer), last_drill_text(answer.drilled), _fix_number(answer, report))
            for incident, answer in report.incidents
        ],
    )


def _drills(report: Report) -> str:
    if not report.drills:
        return "This store has never been drilled."
    return _table(
        ("what", "when", "how", "for", "promises", "what was observed"),
        [
            (
                drill.what,
                f"{drill.began:%Y-%m-%d %H:%M} UTC",
                drill.shape,
                duration_text(drill.duration_s),
                "kept" if drill.kept else "broken",
                drill.observed,
            )
            for drill in report.drills
        ],
    )
