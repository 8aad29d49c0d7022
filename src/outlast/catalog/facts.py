"""The store's id, policy, members, and voters; drills and their reports.

These are few and small, and (except for the reports) every write needs them, so they are also kept in memory.
"""

import msgspec

from outlast.base import limits
from outlast.catalog.blobs import Blob
from outlast.catalog.database import Database
from outlast.catalog.records import DrillReported, DrillSet, Genesis
from outlast.placement.members import Member

_genesis: Blob[Genesis] = Blob(Genesis)
_drills: Blob[DrillSet] = Blob(DrillSet)
_reports: Blob[DrillReported] = Blob(DrillReported)


class Facts:
    """`genesis` is the store as it was created, with its members as they are now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reload()

    def reload(self) -> None:
        """Reload memory from the tables, after a batch was rolled back."""
        row = self._database.row("SELECT value FROM facts WHERE name = 'genesis'")
        self.genesis: Genesis | None = None if row is None else self._database.decoded(_genesis, row[0])
        drills = self._database.rows("SELECT value FROM drills ORDER BY provider")
        self.drills: tuple[DrillSet, ...] = tuple(
            self._database.decoded(_drills, drill[0]) for drill in drills
        )

    @property
    def incarnations(self) -> dict[str, bytes]:
        """The incarnation that each provider has now."""
        return {} if self.genesis is None else {one.name: one.incarnation for one in self.genesis.members}

    def set_genesis(self, genesis: Genesis) -> None:
        """Write the genesis record."""
        self.genesis = genesis
        self._database.run("REPLACE INTO facts VALUES ('genesis', ?)", _genesis.encode(genesis))

    def set_incarnation(self, provider: str, incarnation: bytes) -> None:
        """Give a member a new incarnation."""
        if self.genesis is not None:
            members = tuple(
                _reincarnated(member, incarnation) if member.name == provider else member
                for member in self.genesis.members
            )
            self.set_genesis(msgspec.structs.replace(self.genesis, members=members))

    def set_drill(self, drill: DrillSet) -> None:
        """Begin a drill at a provider, replacing an earlier one, or end it if the shape is empty."""
        if drill.shape:
            self._database.run("REPLACE INTO drills VALUES (?, ?)", drill.provider, _drills.encode(drill))
        else:
            self._database.run("DELETE FROM drills WHERE provider = ?", drill.provider)
        others = [other for other in self.drills if other.provider != drill.provider]
        self.drills = tuple(sorted([*others, *([drill] if drill.shape else [])], key=lambda d: d.provider))

    def add_drill_report(self, report: DrillReported) -> None:
        """Keep the report, and delete the oldest one if there are too many."""
        self._database.run("INSERT INTO drill_reports (value) VALUES (?)", _reports.encode(report))
        self._database.run(
            "DELETE FROM drill_reports WHERE id <= (SELECT max(id) FROM drill_reports) - ?",
            limits.drill_reports_max,
        )

    def drill_reports(self) -> tuple[DrillReported, ...]:
        """The reports that are kept, newest first."""
        rows = self._database.rows("SELECT value FROM drill_reports ORDER BY id DESC")
        return tuple(self._database.decoded(_reports, row[0]) for row in rows)


def _reincarnated(member: Member, incarnation: bytes) -> Member:
    return msgspec.structs.replace(member, incarnation=incarnation)
