"""The parts of the page, each with its heading."""

from collections.abc import Sequence
from itertools import groupby

from outlast.base.figures import bytes_text, count_text, duration_text
from outlast.outages.answer import Answer, takes_text
from outlast.outages.incidents import Incident
from outlast.outages.incidents.page import ending
from outlast.outages.report.contents import (
    Basket,
    OperatorBaskets,
    PastDrill,
    Ranked,
    Report,
    caveat,
    headline,
    hits,
    tally,
)
from outlast.outages.report.markup import Html, join, tag
from outlast.outages.report.pictures import basket_bar, hatching, hit_dots, tally_bar, verdict_mark
from outlast.outages.report.words import (
    DATA,
    KINDS,
    MEANINGS,
    READS,
    VERDICTS,
    WRITES,
    basis_lines,
    contents_text,
    domains_text,
    drilled_text,
    incidents_text,
    last_drill_text,
    missing_text,
    operator_text,
    restore_text,
    role_text,
    share_text,
    verdict_text,
)
from outlast.outages.what_if import Verdict


def short_answer(report: Report) -> Html:
    """The sentence for those who read only one, and four figures."""
    store, hit = report.store, [answer for _, answer in report.incidents if hits(answer)]
    kinds = count_text(store.policy.tolerate, store.policy.domain)
    total = store.total
    what = f"{total.objects:,} {'object' if total.objects == 1 else 'objects'}, {bytes_text(total.bytes)}"
    return _section(
        "answer",
        "The short answer",
        tag("p", headline(report), class_="headline"),
        tag("p", caveat(report), class_="caveat") if caveat(report) else "",
        tag(
            "ul",
            _tile("Made to tolerate", f"the loss of {kinds}", what),
            _tile("Failure domains", domains_text(report), tally_bar(tally(report.answers))),
            _tile("Real incidents", incidents_text(report), tally_bar(tally(hit)) if hit else ""),
            _tile("Drills", drilled_text(report), _drill_note(report)),
            class_="tiles",
        ),
        _away(report),
    )


def baskets(report: Report) -> Html:
    """What is stored where: a card for each operator, a bar for each provider."""
    every = [basket for operator in report.operators for basket in operator.baskets]
    most = max((basket.bytes + basket.missing_bytes for basket in every), default=0)
    whole = sum(operator.bytes for operator in report.operators)
    return _section(
        "baskets",
        "The eggs and the baskets",
        tag(
            "p",
            "What is stored where. Everything in one card belongs to one operator, and can be lost together.",
            class_="lead",
        ),
        hatching(),
        tag(
            "ul",
            *(
                _key(kind, text)
                for kind, text in (
                    ("fragments", "fragments of large objects"),
                    ("log", "the log, with the small objects"),
                    ("dead", "deleted, awaiting collection"),
                    ("missing", "missing"),
                )
            ),
            class_="keys",
        ),
        tag("div", *(_card(operator, most, whole) for operator in report.operators), class_="cards"),
    )


def bad_days(report: Report) -> Html:
    """Every failure domain, and what its loss does."""
    numbers = _fix_numbers(report)
    bodies = []
    for kind, group in groupby(report.answers, key=lambda answer: answer.verdict.outage.kinds[0]):
        head = tag("th", KINDS.get(kind, kind), " fails", scope="rowgroup", colspan=12, role="rowheader")
        rows = [_day(answer, report, numbers) for answer in group]
        bodies.append(tag("tbody", tag("tr", head, role="row", class_="group"), *rows, role="rowgroup"))
    return _section(
        "days",
        "Every bad day",
        tag(
            "p",
            "One row for each thing that can fail, with what would then happen to reads and writes.",
            class_="lead",
        ),
        _table(
            "Failure domains and what their loss does",
            (
                "If this fails",
                "Takes",
                "Then",
                "Reads",
                "Writes",
                "Data",
                "Left",
                "Unreadable",
                "At risk",
                "To restore",
                "Drilled",
                "Fix",
            ),
            bodies,
        ),
        _legend(report),
    )


def fixes(report: Report) -> Html:
    """What to do, the most helpful fix first, with before and after."""
    if not report.fixes:
        body = tag("p", "Nothing needs to be done: no known single loss would be noticed.", class_="lead")
        return _section("fixes", "What to do about it", body)
    lead = tag(
        "p", "Fixes for the worst verdicts come first, then those that help against the most.", class_="lead"
    )
    items = [_fix(number, ranked) for number, ranked in enumerate(report.fixes, 1)]
    return _section("fixes", "What to do about it", lead, tag("ol", *items, class_="fixes"))


def incidents(report: Report) -> Html:
    """Real outages, as they would hit this store; those that would not are collapsed."""
    numbers = _fix_numbers(report)
    hit = [pair for pair in report.incidents if hits(pair[1])]
    spared = [pair for pair in report.incidents if not hits(pair[1])]
    lead = (
        f"{count_text(len(report.incidents), 'real outage')}, each as it would hit this store if it happened"
        f" again. {f'{len(hit)} would hit it, or may.' if hit else 'None of them would hit it.'}"
    )
    parts = [tag("p", lead, class_="lead")]
    if hit:
        rows = [_incident(incident, answer, report, numbers) for incident, answer in hit]
        parts.append(_incident_table("Incidents that would hit this store, or may", rows))
    if spared:
        rows = [_incident(incident, answer, report, numbers) for incident, answer in spared]
        parts.append(
            tag(
                "details",
                tag("summary", f"{count_text(len(spared), 'incident')} that would not"),
                _incident_table("Incidents that would not hit this store", rows),
            )
        )
    return _section("incidents", "If history repeats itself", *parts)


def drills(report: Report) -> Html:
    """Past drills."""
    if not report.drills:
        text = "This store has never been drilled. Until it is, all of this is only computed: "
        body = tag("p", text, tag("code", "outlast drill"), " puts it to the test.", class_="lead")
        return _section("drills", "Drills", body)
    rows = [_drill(drill) for drill in report.drills]
    table = _table(
        "Drills, the newest first",
        ("What", "When", "How", "For", "Promises", "What was observed"),
        [tag("tbody", *rows, role="rowgroup")],
    )
    return _section("drills", "Drills", table)


def basis(report: Report) -> Html:
    """How and when each figure was obtained."""
    pairs = [tag("div", tag("dt", what), tag("dd", how)) for what, how in basis_lines(report)]
    return _section("basis", "How this was computed", tag("dl", *pairs))


# ---------------------------------------------------------------- pieces


def _section(name: str, title: str, *parts: str) -> Html:
    heading = tag("h2", title, id=f"{name}-title")
    return tag("section", heading, *parts, id=name, aria_labelledby=f"{name}-title")


def _tile(title: str, figure: str, more: str) -> Html:
    return tag(
        "li", tag("span", title, class_="name"), tag("strong", figure), tag("span", more, class_="more")
    )


def _drill_note(report: Report) -> str:
    if not report.drills:
        return "outlast drill puts it to the test"
    return "what was promised was kept" if report.drills[0].kept else "what was promised was not kept"


def _away(report: Report) -> Html:
    """The providers that are unhealthy now, since every figure counts them as away."""
    if not report.now:
        return Html()
    names = ", ".join(f"{name} ({state})" for name, state in sorted(report.now.items()))
    return tag(
        "p", tag("strong", "Unhealthy now: "), f"{names}. Counted as away in every answer.", class_="notice"
    )


def _key(kind: str, text: str) -> Html:
    swatch = tag(
        "svg",
        tag("rect", width="100%", height="100%", class_=f"bar-{kind}"),
        class_="swatch",
        aria_hidden="true",
        focusable="false",
    )
    return tag("li", swatch, text)


def _card(operator: OperatorBaskets, most: int, whole: int) -> Html:
    share = f"{bytes_text(operator.bytes)}, {share_text(operator.bytes, whole)} of what is stored"
    return tag(
        "article",
        tag("h3", operator_text(operator)),
        tag("p", f"{count_text(len(operator.baskets), 'provider')}: {share}", class_="more"),
        tag("ul", *(_basket(basket, most) for basket in operator.baskets)),
        class_="card",
    )


def _basket(basket: Basket, most: int) -> Html:
    chips = [tag("span", role_text(basket), class_="chip")]
    if basket.state not in ("healthy", "not asked"):
        chips.append(tag("span", basket.state, class_="chip bad"))
    domains = basket.member.domains
    known = (domains.region, domains.location, domains.software, domains.account)
    places = " \u00b7 ".join(value for value in known if value)
    return tag(
        "li",
        tag("div", tag("strong", basket.member.name), *chips, class_="line"),
        basket_bar(basket, most),
        tag("p", contents_text(basket), class_="more"),
        tag("p", missing_text(basket), class_="gone") if basket.missing_bytes else "",
        tag("p", places, class_="more") if places else "",
    )


def _table(caption: str, columns: Sequence[str], bodies: Sequence[Html]) -> Html:
    """A table that is a list of cards where the page is narrow; the roles keep it a table there too."""
    heads = [tag("th", column, scope="col", role="columnheader") for column in columns]
    head = tag("thead", tag("tr", *heads, role="row"), role="rowgroup")
    return tag("table", tag("caption", caption), head, *bodies, role="table")


def _cells(pairs: Sequence[tuple[str, str]]) -> Html:
    """Cells, each with the name of its column for narrow pages."""
    return join(
        *(
            tag("td", tag("span", value, class_="value"), data_column=column, role="cell")
            for column, value in pairs
        )
    )


def _effects(answer: Answer) -> list[tuple[str, str]]:
    verdict = answer.verdict
    return [
        ("Reads", READS[verdict.reads]),
        ("Writes", WRITES[verdict.writes]),
        ("Data", DATA[verdict.data]),
        ("Left", str(verdict.most.redundancy)),
    ]


def _takes(answer: Answer, report: Report) -> Html:
    outage = answer.verdict.outage
    names = [member.name for member in report.store.members]
    return join(hit_dots(outage, names), tag("span", takes_text(answer.verdict), class_="takes"))


def _badge(verdict: Verdict | None) -> Html:
    """The verdict in its color; a fix that was not tried has none."""
    if verdict is None:
        return tag("span", "not tried", class_="badge v-untried")
    summary = verdict.summary
    return tag("span", verdict_mark(summary), verdict_text(verdict), class_=f"badge v-{summary}")


def _day(answer: Answer, report: Report, numbers: dict[str, int]) -> Html:
    verdict, most = answer.verdict, answer.verdict.most
    name = verdict.outage.name
    shown = name.partition("=")[2] if verdict.outage.kinds != ("provider",) else name
    head = tag("th", shown, scope="row", role="rowheader")
    cells = [
        ("Takes", _takes(answer, report)),
        ("Then", _badge(answer.verdict)),
        *_effects(answer),
        ("Unreadable", bytes_text(most.unreadable.bytes)),
        ("At risk", bytes_text(most.at_risk.bytes)),
        ("To restore", restore_text(most.restore_bytes, report.view.bytes_per_s)),
        ("Drilled", last_drill_text(answer.drilled)),
        ("Fix", _fix_link(answer, numbers)),
    ]
    return tag(
        "tr", head, _cells(cells), role="row", data_what=verdict.outage.name, data_verdict=verdict.summary
    )


def _fix_numbers(report: Report) -> dict[str, int]:
    return {ranked.text: number for number, ranked in enumerate(report.fixes, 1)}


def _fix_link(answer: Answer, numbers: dict[str, int]) -> str:
    number = numbers.get(answer.fix_text)
    if number is None:
        return "\u2013"
    return tag("a", f"fix {number}", href=f"#fix-{number}")


def _legend(report: Report) -> Html:
    shown = [answer.verdict.summary for answer in [*report.answers, *(a for _, a in report.incidents)]]
    pairs = [
        tag("div", tag("dt", VERDICTS[summary], " ", tag("code", summary)), tag("dd", meaning))
        for summary, meaning in MEANINGS.items()
        if summary in shown
    ]
    return tag("details", tag("summary", "What the words mean"), tag("dl", *pairs))


def _fix(number: int, ranked: Ranked) -> Html:
    """A fix and what it changes: outages with the same before and after share one line."""
    changes: dict[tuple[str, str], list[str]] = {}
    for answer, fix in ranked.helps:
        change = _badge(answer.verdict), _badge(fix.after)
        changes.setdefault(change, []).append(answer.verdict.outage.name)
    arrow = tag("span", "\u2192", class_="arrow", aria_label="becomes", role="img")
    lines = [
        tag("li", tag("div", Html(before), arrow, Html(after), class_="line"), tag("p", ", ".join(names)))
        for (before, after), names in changes.items()
    ]
    helps = tag("p", f"helps against {count_text(len(ranked.helps), 'bad day')}", class_="more")
    return tag("li", tag("h3", ranked.text), helps, tag("ul", *lines, class_="changes"), id=f"fix-{number}")


def _incident_table(caption: str, rows: Sequence[Html]) -> Html:
    columns = (
        "Incident",
        "When",
        "For",
        "Takes",
        "Then",
        "Reads",
        "Writes",
        "Data",
        "Left",
        "Drilled",
        "Fix",
    )
    return _table(caption, columns, [tag("tbody", *rows, role="rowgroup")])


def _incident(incident: Incident, answer: Answer, report: Report, numbers: dict[str, int]) -> Html:
    link = tag("a", incident.title, href=incident.sources[0].url, rel="noreferrer")
    head = tag("th", link, tag("code", incident.id), scope="row", role="rowheader")
    cells = [
        ("When", tag("time", f"{incident.began:%Y-%m-%d}", datetime=f"{incident.began:%Y-%m-%d}")),
        ("For", duration_text(incident.duration_s) + ending(incident)),
        ("Takes", _takes(answer, report)),
        ("Then", _badge(answer.verdict)),
        *_effects(answer),
        ("Drilled", last_drill_text(answer.drilled)),
        ("Fix", _fix_link(answer, numbers)),
    ]
    summary = answer.verdict.summary
    return tag("tr", head, _cells(cells), role="row", data_what=incident.id, data_verdict=summary)


def _drill(drill: PastDrill) -> Html:
    when = f"{drill.began:%Y-%m-%d %H:%M} UTC"
    cells = [
        ("When", tag("time", when, datetime=drill.began.isoformat(timespec="seconds"))),
        ("How", drill.shape),
        ("For", duration_text(drill.duration_s)),
        ("Promises", "kept" if drill.kept else "broken"),
        ("What was observed", drill.observed),
    ]
    return tag("tr", tag("th", drill.what, scope="row", role="rowheader"), _cells(cells), role="row")
