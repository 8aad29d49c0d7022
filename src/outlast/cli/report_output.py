"""How a report is printed for people: its sections as tables that fit 80 columns."""

from outlast.base.figures import bytes_text
from outlast.cli.output import print_line, print_table
from outlast.cli.what_if_output import print_answers, print_wrapped, shortened
from outlast.outages.report.contents import Report, caveat, headline, hits
from outlast.outages.report.words import (
    basis_lines,
    domains_text,
    drilled_text,
    incidents_text,
    operator_text,
)

# What the other columns leave for names.
provider_columns_max = 18
operator_columns_max = 14


def print_report(report: Report) -> None:
    """Everything, the short answer first."""
    print_short(report)
    print_wrapped(
        f"Failure domains: {domains_text(report)}. Real incidents: {incidents_text(report)}."
        f" Drills: {drilled_text(report)}."
    )
    _title("Where data is stored")
    _print_baskets(report)
    _title("Every bad day")
    print_answers(report.answers)
    hit = [answer for _, answer in report.incidents if hits(answer)]
    _title("If history repeats itself")
    if hit:
        print_answers(hit, "if this recurs")
    print_wrapped(
        f"{len(report.incidents) - len(hit)} of {len(report.incidents)} incidents would hit no provider."
    )
    _title("How this was computed")
    for what, how in basis_lines(report):
        print_wrapped(f"{what}: {how}", indent=2)


def print_short(report: Report) -> None:
    """The short answer."""
    print_wrapped(headline(report))
    print_wrapped(caveat(report))


def _title(text: str) -> None:
    print_line(f"\n{text}\n{'-' * len(text)}")


def _print_baskets(report: Report) -> None:
    print_table(
        ("operator", "provider", "fragments>", "deleted>", "log>", "missing>"),
        [
            (
                shortened(operator_text(operator), operator_columns_max),
                shortened(basket.member.name, provider_columns_max),
                bytes_text(basket.fragment_bytes),
                bytes_text(basket.dead_bytes),
                bytes_text(basket.log_bytes) if basket.votes else "",
                bytes_text(basket.missing_bytes),
            )
            for operator in report.operators
            for basket in operator.baskets
        ],
    )
