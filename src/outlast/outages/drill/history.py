"""What was drilled before."""

from collections.abc import Sequence

from outlast.catalog.records import DrillReported
from outlast.outages.what_if import INCIDENT, Outage


def last_drill(reports: Sequence[DrillReported], outage: Outage) -> DrillReported | None:
    """The newest drill in which the same providers failed; None if there was none. `reports`: newest first.

    For a real incident only drills of that incident count: another shape of failure is another question.
    """
    providers = outage.providers | outage.maybe
    for report in reports:
        same = set(report.providers) == providers and bool(providers)
        if report.what == outage.name if INCIDENT in outage.kinds else same:
            return report
    return None
