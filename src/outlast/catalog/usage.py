"""Requests sent to providers and bytes read from them, by month, as gateways have reported them.

Each report covers a gateway's month so far, so a duplicate, or an older report that comes late, changes
nothing. Every gateway takes the month from its own clock. So that one wrong clock harms no other gateway, a
later month does not displace an earlier one: the months that were reported on last are kept, and the current
month is among them.
"""

from typing import NamedTuple

from outlast.base import limits
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
        """Record a gateway's figures; larger ones replace smaller ones."""
        self._keep(record.month)
        self._database.run(
            "INSERT INTO usage VALUES (?, ?, ?, ?, ?) ON CONFLICT (month, provider, gateway) DO UPDATE SET"
            " requests = max(requests, excluded.requests), egress = max(egress, excluded.egress)",
            record.month,
            record.provider,
            record.gateway,
            record.requests,
            record.egress,
        )

    def _keep(self, month: str) -> None:
        """Make this month the one reported on last, and delete those that were reported on longest ago."""
        self._database.run("DELETE FROM usage_months WHERE month = ?", month)
        self._database.run("INSERT INTO usage_months (month) VALUES (?)", month)
        old = self._database.rows(
            "SELECT id, month FROM usage_months ORDER BY id DESC LIMIT -1 OFFSET ?", limits.usage_months_max
        )
        for id, name in old:
            self._database.run("DELETE FROM usage WHERE month = ?", name)
            self._database.run("DELETE FROM usage_months WHERE id = ?", id)

    def of(self, month: str, provider: str, without: bytes) -> Used:
        """The sum of a provider's reports for a month, except those of the gateway `without`."""
        row = self._database.row(
            "SELECT ifnull(sum(requests), 0), ifnull(sum(egress), 0) FROM usage"
            " WHERE month = ? AND provider = ? AND gateway != ?",
            month,
            provider,
            without,
        )
        assert row is not None
        return Used(*row)
