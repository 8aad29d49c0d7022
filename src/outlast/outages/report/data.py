"""The report as JSON: the figures themselves, in bytes, seconds and UTC."""

from dataclasses import asdict
from typing import Any

from outlast.outages.answer import as_json
from outlast.outages.report.contents import Basket, PastDrill, Ranked, Report, caveat, headline
from outlast.outages.report.words import drilled_text


def report_json(report: Report) -> dict[str, Any]:
    """One JSON value with everything that the page shows."""
    view, store = report.view, report.store
    return {
        "at": view.at.isoformat(timespec="seconds"),
        "slot": view.slot,
        "newest": view.newest,
        "asked": view.asked,
        "host": view.host,
        "version": view.version,
        "repair_bytes_per_s": None if view.bytes_per_s is None else round(view.bytes_per_s),
        "repair_rate": view.rate_from,
        "tolerate": store.policy.tolerate,
        "domain": store.policy.domain,
        "not_well": dict(report.now),
        "quota_used_up": sorted(store.full),
        **asdict(store.total),
        "headline": headline(report),
        "caveat": caveat(report),
        "providers": [_basket(basket) for operator in report.operators for basket in operator.baskets],
        "verdicts": [as_json(answer, view.bytes_per_s) for answer in report.answers],
        "incidents": [
            {"id": incident.id, "title": incident.title, **as_json(answer, view.bytes_per_s)}
            for incident, answer in report.incidents
        ],
        "fixes": [_ranked(one) for one in report.fixes],
        "drilled": drilled_text(report),
        "drills": [_drill(drill) for drill in report.drills],
    }


def _basket(basket: Basket) -> dict[str, Any]:
    domains = basket.member.domains
    return {
        "name": basket.member.name,
        "operator": domains.operator,
        "region": domains.region,
        "account": domains.account,
        "software": domains.software,
        "location": domains.location,
        "state": basket.state,
        "votes": basket.votes,
        "holds_data": basket.member.holds_data,
        "fragment_bytes": basket.fragment_bytes,
        "log_bytes": basket.log_bytes,
        "deleted_bytes": basket.dead_bytes,
        "late_bytes": basket.late_bytes,
        "missing_bytes": basket.missing_bytes,
        "missing_fragments": basket.missing_fragments,
    }


def _ranked(ranked: Ranked) -> dict[str, Any]:
    return {
        "fix": ranked.text,
        "helps": [
            {
                "what": answer.verdict.outage.name,
                "before": answer.verdict.summary,
                "after": fix.after.summary if fix.after else None,
            }
            for answer, fix in ranked.helps
        ],
    }


def _drill(drill: PastDrill) -> dict[str, Any]:
    return {
        "began": drill.began.isoformat(timespec="seconds"),
        "what": drill.what,
        "shape": drill.shape,
        "duration_s": drill.duration_s,
        "kept": drill.kept,
        "told": drill.observed,
    }
