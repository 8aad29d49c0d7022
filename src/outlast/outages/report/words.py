"""The wording of a report, for readers who do not know Outlast's terms."""

from collections.abc import Collection

from outlast.base.figures import bytes_text, count_text, duration_text
from outlast.outages.answer import Drilled
from outlast.outages.outcome import Effect, Summary
from outlast.outages.report.contents import Basket, OperatorBaskets, Report, hits, tolerated
from outlast.outages.what_if import Verdict

VERDICTS: dict[Summary, str] = {
    "nothing": "Nothing happens",
    "redundancy-less": "Goes on with less",
    "write-loss": "Writes fail",
    "read-loss": "Reads fail",
    "data-loss": "Data is lost",
    "unknown": "Not known",
}
MEANINGS: dict[Summary, str] = {
    "nothing": "no provider is away that votes or holds data",
    "redundancy-less": "no request fails; fewer further failures are tolerated",
    "write-loss": "some writes fail during the outage, perhaps only large ones; every object can be read",
    "read-loss": "some objects, or all, cannot be read during the outage; all can be once it is over",
    "data-loss": "some objects, or all, are lost permanently",
    "unknown": "it depends on something that is not known here; shown with the best and the worst case",
}
READS: dict[Effect, str] = {
    "nothing": "go on",
    "degraded": "some fail",
    "lost": "stop",
    "unknown": "not known",
}
WRITES: dict[Effect, str] = {
    "nothing": "go on",
    "degraded": "only small ones",
    "lost": "stop",
    "unknown": "not known",
}
DATA: dict[Effect, str] = {
    "nothing": "kept",
    "degraded": "some lost",
    "lost": "all may be lost",
    "unknown": "not known",
}
KINDS = {
    "provider": "A provider",
    "operator": "An operator",
    "region": "A region",
    "account": "An account",
    "software": "A kind of software",
    "location": "A location",
    "credential": "A credential",
    "dns": "A DNS zone",
    "gateway": "This machine",
    "key": "The key file",
}


def verdict_text(verdict: Verdict) -> str:
    """The verdict in plain words, with the best and the worst case where it is unknown."""
    if verdict.summary != "unknown":
        return VERDICTS[verdict.summary]
    least, most = VERDICTS[verdict.least.summary], VERDICTS[verdict.most.summary]
    return f"{VERDICTS['unknown']}: from \u201c{least.lower()}\u201d to \u201c{most.lower()}\u201d"


def quotas_text(full: Collection[str]) -> str:
    """The providers whose quotas are used up."""
    return f"used up, so no new data is written there: {', '.join(sorted(full))}"


def restore_text(count: int, bytes_per_s: float | None) -> str:
    """How much must be written again, and how long that takes if known."""
    if not count or bytes_per_s is None:
        return bytes_text(count)
    return f"{bytes_text(count)}, {duration_text(count / bytes_per_s)}"


def role_text(basket: Basket) -> str:
    """What the provider does in the store."""
    if basket.votes:
        return "votes, holds data" if basket.member.holds_data else "witness: votes, holds no data"
    return "holds data" if basket.member.holds_data else "spare"


def operator_text(operator: OperatorBaskets) -> str:
    """The operator of the baskets."""
    return operator.name or "operator not known"


def share_text(part: int, whole: int) -> str:
    """A share in percent."""
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


def contents_text(basket: Basket) -> str:
    """What is stored at the provider."""
    parts = [f"{bytes_text(basket.fragment_bytes)} in fragments"]
    if basket.dead_bytes:
        parts.append(f"{bytes_text(basket.dead_bytes)} awaiting collection")
    if basket.votes:
        parts.append(f"{bytes_text(basket.log_bytes)} in the log")
    return ", ".join(parts)


def missing_text(basket: Basket) -> str:
    """What is missing at the provider; "" if nothing."""
    if not basket.missing_bytes:
        return ""
    text = f"{bytes_text(basket.missing_bytes)} missing, {count_text(basket.missing_fragments, 'fragment')}"
    if basket.late_bytes:
        text += f" ({bytes_text(basket.late_bytes)} of it is there, and may be right)"
    return f"{text}: its marker is missing, so all of it counts" if basket.state == "estranged" else text


def domains_text(report: Report) -> str:
    """How many failure domains are tolerated."""
    good, all_ = tolerated(report.answers), len(report.answers)
    unknown = sum(answer.verdict.bad and answer.verdict.summary == "unknown" for answer in report.answers)
    return f"{good} of {all_} would not be noticed" + (f"; {unknown} not known" if unknown else "")


def incidents_text(report: Report) -> str:
    """How many real incidents would hit these providers, and how many of those would fail no request."""
    hit = [answer for _, answer in report.incidents if hits(answer)]
    if not hit:
        return f"none of {len(report.incidents)} would hit these providers"
    return (
        f"{len(hit)} of {len(report.incidents)} would hit, or may;"
        f" {tolerated(hit)} of these would not be noticed"
    )


def drilled_text(report: Report) -> str:
    """When the store was last drilled."""
    if not report.drills:
        return "never drilled"
    last = report.drills[0]
    past_s = (report.view.at - last.began).total_seconds() - last.duration_s
    return f"last drilled {duration_text(max(0.0, past_s))} ago"


def last_drill_text(drilled: Drilled | None) -> str:
    """When this outage was last drilled, and with which result."""
    if drilled is None:
        return "never"
    return f"{duration_text(drilled.ago_s)} ago{'' if drilled.kept else ', broken'}"


def basis_lines(report: Report) -> list[tuple[str, str]]:
    """(what, how it was obtained) of each figure."""
    view, kind = report.view, report.store.policy.domain
    away = ", ".join(f"{name} ({state})" for name, state in sorted(report.now.items()))
    rate = (
        "not known: neither given (--repair-rate) nor measured (--measure), so no times are shown"
        if view.bytes_per_s is None
        else f"{bytes_text(round(view.bytes_per_s))}/s, {view.rate_from}"
    )
    return [
        ("When", f"{view.at:%Y-%m-%d %H:%M} UTC, from {view.host}, with Outlast {view.version}"),
        (
            "What is stored where",
            f"as the catalog records it for each extent, up to slot {view.slot} of the log"
            + ("" if view.newest else "; no majority answered, so there may be later slots"),
        ),
        (
            "Health",
            f"counted as away in every answer: {away}"
            if away
            else "each provider was checked just before, and all were healthy"
            if view.asked
            else "no provider was checked; all were assumed to be healthy (--well)",
        ),
        (
            "Verdicts",
            "computed by the rules by which the store itself reads and writes; nothing was touched",
        ),
        (
            "Left",
            f"how many more {kind}s, whichever, may fail before a request does; negative: how many are"
            " missing",
        ),
        ("At risk", f"bytes of objects that the loss of one more {kind} may make unreadable"),
        (
            "To restore",
            "approximately what must be written if every provider that is away comes back empty: the"
            " fragments in use, and the complete log of each voter",
        ),
        ("Speed of repair", rate),
        (
            "Bytes at a provider",
            "approximate, from the catalog: fragments, those that await collection, and the log; what killed"
            " gateways left there is not known",
        ),
        *([("Quotas", quotas_text(report.store.full))] if report.store.full else []),
        (
            "Fixes",
            "tried on the same figures, except those that need another store or a copy of the key",
        ),
        ("Incidents", "their sources say which providers they hit; figures of the past, not a forecast"),
        (
            "Left out",
            "the first seconds of an outage, undetected decay, whether other providers can take the load,"
            " and money",
        ),
    ]
