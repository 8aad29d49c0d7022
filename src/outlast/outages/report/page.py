"""The report as one HTML page: it loads nothing, runs nothing, and can be mailed, printed or put on a server.

The content security policy in its head blocks requests, should anything that makes them get into the page.
"""

from importlib.resources import files

from outlast.outages.report import sections
from outlast.outages.report.contents import Report
from outlast.outages.report.markup import Html, tag

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html_page(report: Report) -> str:
    """The page, in UTF-8 once it is encoded."""
    parts = (
        sections.short_answer(report),
        sections.baskets(report),
        sections.bad_days(report),
        sections.fixes(report),
        sections.incidents(report),
        sections.drills(report),
        sections.basis(report),
    )
    body = tag("body", _header(report), tag("main", *parts))
    return f"<!DOCTYPE html>\n{tag('html', _head(), body, lang='en')}\n"


def _head() -> Html:
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", "Outlast: if one provider has a bad day"),
        tag("style", Html(style)),
    )


def _header(report: Report) -> Html:
    at = report.view.at
    when = tag("time", f"{at:%Y-%m-%d %H:%M} UTC", datetime=at.isoformat(timespec="seconds"))
    names = (
        ("answer", "Answer"),
        ("baskets", "Baskets"),
        ("days", "Bad days"),
        ("fixes", "Fixes"),
        ("incidents", "Incidents"),
        ("drills", "Drills"),
        ("basis", "How"),
    )
    links = [tag("li", tag("a", title, href=f"#{name}")) for name, title in names]
    return tag(
        "header",
        tag("p", "Outlast report, ", when, class_="more"),
        tag("h1", "If one provider has a bad day"),
        tag("nav", tag("ul", *links), aria_label="Sections"),
    )
