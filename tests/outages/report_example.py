"""A store like somebody's: five providers at four operators, and a disk that lacks some."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from tests.outages.invented_stores import held, member, store

from outlast.outages.answer import Answer, Drilled
from outlast.outages.holdings import Holdings
from outlast.outages.incidents import load_incidents
from outlast.outages.model import Site, domains
from outlast.outages.reach import Reach
from outlast.outages.remedy import cheapest_fix
from outlast.outages.report.contents import PastDrill, Report, View, report_of
from outlast.outages.what_if import Outage, outage_from, outage_of, what_if
from outlast.placement.members import Member

GIB = 1 << 30
VIEW = View(
    at=datetime(2026, 11, 24, 13, 5, tzinfo=UTC),
    slot=48_211,
    newest=True,
    asked=True,
    host="office",
    version="0.1.0",
    bytes_per_s=24 * (1 << 20),
    rate_from="measured",
)
MEMBERS = (
    member(
        "frankfurt",
        operator="Amazon",
        region="eu-central-1",
        software="S3",
        location="Frankfurt",
        account="4711",
    ),
    member(
        "ireland", operator="Amazon", region="eu-west-1", software="S3", location="Dublin", account="4711"
    ),
    member("azure", operator="Microsoft", region="westeurope", software="Azure Blob", location="Amsterdam"),
    member("google", operator="Google", region="europe-west3", software="GCS", location="Frankfurt"),
    member("attic", operator="Home", software="disk"),
)
REACHES = {
    "frankfurt": Reach("backup", "amazonaws.com"),
    "ireland": Reach("backup", "amazonaws.com"),
    "azure": Reach("AZURE_KEY", "windows.net"),
    "google": Reach("gcs.json", "googleapis.com"),
    "attic": Reach(here=True),
}


def example_holdings() -> Holdings:
    """What lies where: most as the policy wants it, some as an earlier one did, some not yet repaired."""
    return store(
        list(MEMBERS),
        held(3, "frankfurt azure google attic", extents=3200, size=4 * (1 << 20)),
        held(3, "ireland azure google attic", extents=2900, size=4 * (1 << 20)),
        held(2, "frankfurt azure google", gone="attic", extents=310, size=4 * (1 << 20)),
        held(2, "frankfurt ireland azure", extents=240, size=4 * (1 << 20)),
        inline=180_000,
    )


def reported(
    shop: Holdings,
    members: Sequence[Member],
    reaches: Mapping[str, Reach],
    now: Mapping[str, str] | None = None,
    drills: Sequence[PastDrill] = (),
    view: View = VIEW,
) -> Report:
    """The report on a store, as `outlast report` makes it."""
    away = now or {}

    def answer(outage: Outage) -> Answer:
        verdict = what_if(shop, outage, away)
        drilled = Drilled(12 * 86_400.0, kept=True, ended=0) if outage.name == "azure" else None
        return Answer(verdict, cheapest_fix(shop, verdict, away), drilled)

    site = Site(view.host, "outlast.key", reaches)
    answers = [answer(outage_of([domain])) for domain in domains(members, site)]
    incidents = [(one, answer(outage_from(one, members))) for one in load_incidents()]
    return report_of(view, shop, away, answers, incidents, drills)


def example_report() -> Report:
    """The report on the example."""
    return reported(example_holdings(), MEMBERS, REACHES, drills=DRILLS)


def crowded_report() -> Report:
    """A store of many providers with the longest names, in places with longer ones."""
    names = [f"{'provider-with-the-longest-name'}-{letter}" for letter in "abcdefghijkl"]
    place = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch" * 3
    members = [
        member(name, operator=f"{place}{number // 2}", location=place, software="" if number % 3 else "S3")
        for number, name in enumerate(names)
    ]
    shop = store(members, held(5, " ".join(names[:6]), gone=names[6], extents=10**9), tolerate=2)
    long_drill = PastDrill(VIEW.at, " + ".join(names), "throttle", 86_400, False, f"{place}: {place}")
    return reported(
        shop,
        members,
        {name: Reach(credential=place, zone="example.org") for name in names},
        now={names[0]: "estranged", names[1]: "unconfigured"},
        drills=[long_drill],
    )


DRILLS = (
    PastDrill(
        began=datetime(2026, 11, 12, 9, 30, tzinfo=UTC),
        what="azure",
        shape="hang",
        duration_s=600,
        kept=True,
        observed="0 of 4,812 requests failed; p99 180 ms before, 240 ms during, 176 ms after",
    ),
)
