"""What was asked of and read from providers this month, as gateways have reported it.

Each report is a gateway's whole month so far, so that hearing one twice, or an older one late, changes
nothing. Only the newest month that anybody has reported is kept.
"""

from typing import NamedTuple

from outlast.catalog.database import Database
from outlast.catalog.records import UsageReported


class Used(NamedTuple):
    """Requests, and bytes read."""

    requests: int
    egress: int


class Usage:
    """The table of reports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def report(self, record: UsageReported) -> None:
        """Take a gateway's figures; the larger ones win."""
        row = self._database.row("SELECT max(month) FROM usage")
        newest: str = "" if row is None or row[0] is None else row[0]
        if record.month < newest:
            return
        if record.month > newest:
            self._database.run("DELETE FROM usage")
        self._database.run(
            "INSERT INTO usage VALUES (?, ?, ?, ?, ?) ON CONFLICT (month, provider, gateway) DO UPDATE SET"
            " requests = max(requests, excluded.requests), egress = max(egress, excluded.egress)",
            record.month,
            record.provider,
            record.gateway,
            record.requests,
            record.egress,
        )

    def of(self, month: str, provider: str, without: bytes) -> Used:
        """The sum of a provider's reports for a month, but for those of the gateway `without`."""
        row = self._database.row(
            "SELECT ifnull(sum(requests), 0), ifnull(sum(egress), 0) FROM usage"
            " WHERE month = ? AND provider = ? AND gateway != ?",
            month,
            provider,
            without,
        )
        assert row is not None
        return Used(*row)
