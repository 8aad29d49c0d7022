"""The report for CI: SARIF 2.1.0 (OASIS, 2020), which code hosts show next to the lines that it concerns.

A result is a failure domain whose loss would be noticed, or may be. Its rule is the kind of the domain, so
that a team that accepts, say, a single machine can switch that rule off and keep the others. Its location is
the line of `outlast.toml` that names the first provider that fails with it; the others are related locations.
Incidents are left out: the providers that an incident hits share a domain, which has its own result.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from outlast.base.figures import bytes_text
from outlast.outages.answer import Answer, as_json, takes_text
from outlast.outages.model import KINDS
from outlast.outages.outcome import SUMMARIES
from outlast.outages.report import words
from outlast.outages.report.contents import Report
from outlast.outages.report.markup import plain

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
VERSION = "2.1.0"

_levels = dict(zip(SUMMARIES, ("none", "none", "warning", "error", "error", "warning"), strict=True))


def report_sarif(report: Report, uri: str, lines: Mapping[str, int]) -> dict[str, Any]:
    """One run. `uri` is the settings file's, `lines` has the line of each provider in it, from 1."""
    bad = [answer for answer in report.answers if answer.verdict.bad]
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {"driver": _driver(report)},
                "automationDetails": {"id": "outlast/report/"},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {"executionSuccessful": True, "endTimeUtc": f"{report.view.at:%Y-%m-%dT%H:%M:%SZ}"}
                ],
                "results": [_result(answer, report, uri, lines) for answer in bad],
            }
        ],
    }


def rule_id(kind: str) -> str:
    """The name of a rule, which never changes, since suppressions depend on it."""
    return f"loss-of-{kind}"


def _driver(report: Report) -> dict[str, Any]:
    return {"name": "Outlast", "version": report.view.version, "rules": [_rule(kind) for kind in KINDS]}


def _rule(kind: str) -> dict[str, Any]:
    what = words.KINDS[kind]
    text = f"{what} whose loss would be noticed."
    return {
        "id": rule_id(kind),
        "shortDescription": {"text": text},
        "fullDescription": {
            "text": f"{what} fails, and then reads or writes fail or data are lost, or may be:"
            " more depends on it than the store tolerates."
        },
        "help": {
            "text": "outlast what-if shows the details; docs/guide/what-if.md explains how they are computed."
        },
        "defaultConfiguration": {"level": "warning"},
    }


def _result(answer: Answer, report: Report, uri: str, lines: Mapping[str, int]) -> dict[str, Any]:
    outage = answer.verdict.outage
    kind = outage.kinds[0]
    places = [lines[name] for name in sorted(outage.providers | outage.maybe) if name in lines] or [1]
    where = [_place(uri, line) for line in sorted(places)]
    return {
        "ruleId": rule_id(kind),
        "ruleIndex": KINDS.index(kind),
        "level": _levels[answer.verdict.summary],
        "message": {"text": escaped(_message(answer))},
        "locations": where[:1],
        "relatedLocations": [{"id": number, **place} for number, place in enumerate(where[1:], 1)],
        "partialFingerprints": {"failureDomain/v1": hashlib.sha256(outage.name.encode()).hexdigest()},
        "properties": as_json(answer, report.view.bytes_per_s),
    }


def _message(answer: Answer) -> str:
    verdict = answer.verdict
    parts = [
        f"If {verdict.outage.name} fails: {words.verdict_text(verdict)}",
        f"Takes {takes_text(verdict)}",
        f"Reads: {words.READS[verdict.reads]}; writes: {words.WRITES[verdict.writes]};"
        f" data: {words.DATA[verdict.data]}; {bytes_text(verdict.most.unreadable.bytes)} cannot be read",
        *([f"Fix: {answer.fix.text}"] if answer.fix else []),
    ]
    return ". ".join(parts) + "."


def escaped(text: str) -> str:
    """Text without what has a meaning in a message: placeholders and links (SARIF 3.11.5, 3.11.6)."""
    text = plain(text).replace("\\", "\\\\").replace("{", "{{").replace("}", "}}")
    return text.replace("[", "\\[").replace("]", "\\]")


def _place(uri: str, line: int) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}
