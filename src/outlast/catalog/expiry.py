"""Grace periods that have passed, and writes that have expired.

No machine's clock decides what may be deleted: a wrong one would delete too early, or never. A process
measures by its own elapsed time how long it has had a slot applied, and writes the conclusions into the log:
`GracePassed`: a number of seconds has passed since a slot; `WritesExpired`: no write that began at or before
a slot will be accepted any more. Both only ever grow.

A read that lasts longer than a grace period announces itself with `ReadingHeld`, which its process commits
repeatedly. The grace period also ends a hold: if it was not renewed within that time, its process died or the
read is over.
"""

from outlast.base import limits
from outlast.catalog.database import Database


class Expiry:
    """The tables of grace periods and holds, and `expired_by`: bodies begun by this slot are refused."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reload()

    def reload(self) -> None:
        """Reload memory from the tables, after a batch was rolled back."""
        row = self._database.row("SELECT expired FROM position")
        self.expired_by: int | None = None if row is None else row[0]

    def expire(self, slot: int) -> None:
        """From now on, refuse bodies that were begun at `slot` or before."""
        if self.expired_by is None or slot > self.expired_by:
            self._database.run("UPDATE position SET expired = ?", slot)
            self.expired_by = slot

    def has_expired(self, begun: int) -> bool:
        """Whether a write that began at slot `begun` is refused."""
        return self.expired_by is not None and begun <= self.expired_by

    def passed(self, slot: int, seconds: int) -> None:
        """Record that `seconds` have passed since `slot` was applied somewhere. Drops redundant entries."""
        if slot <= self.grace(seconds):
            return
        self._database.run("DELETE FROM graces WHERE seconds <= ? AND slot <= ?", seconds, slot)
        self._database.run("INSERT INTO graces VALUES (?, ?)", seconds, slot)
        self._database.run(
            "DELETE FROM graces WHERE seconds NOT IN"
            " (SELECT seconds FROM graces ORDER BY seconds DESC LIMIT ?)",
            limits.grace_marks_max,
        )

    def grace(self, seconds: float) -> int:
        """The newest slot since which at least `seconds` have passed; -1 if none is known."""
        row = self._database.row("SELECT max(slot) FROM graces WHERE seconds >= ?", seconds)
        return -1 if row is None or row[0] is None else row[0]

    def hold(self, gateway: bytes, began: int, slot: int) -> None:
        """Record that at `slot`, `gateway` still reads what it found at the slot `began`."""
        self._database.run("REPLACE INTO holds VALUES (?, ?, ?)", gateway, began, slot)
        self._database.run(
            "DELETE FROM holds WHERE gateway NOT IN"
            " (SELECT gateway FROM holds ORDER BY held DESC, gateway LIMIT ?)",
            limits.holds_max,
        )

    def collectable_by(self, passed: int) -> int:
        """The slot up to which dead extents may be deleted, given a grace period since the slot `passed`."""
        row = self._database.row("SELECT min(began) FROM holds WHERE held > ?", passed)
        return passed if row is None or row[0] is None else min(passed, row[0])
