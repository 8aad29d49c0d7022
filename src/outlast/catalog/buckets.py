"""The buckets: name, time of creation, and how much each holds.

Names and ids are also kept in memory because every request needs one. The counts are summed over a batch and
written once at its end.
"""

from collections import defaultdict
from typing import NamedTuple

from outlast.catalog.database import Database


class Bucket(NamedTuple):
    """A bucket. `created` in ms since the Unix epoch; `objects` and `bytes` are how much it holds."""

    name: str
    created: int
    objects: int
    bytes: int


class Buckets:
    """The table of buckets."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._grown: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
        self.reload()

    def reload(self) -> None:
        """Reload memory from the tables, after a batch was rolled back."""
        self._grown.clear()
        self._ids: dict[str, int] = dict(self._database.rows("SELECT name, id FROM buckets"))

    def id_of(self, name: str) -> int | None:
        """The bucket's number in this file."""
        return self._ids.get(name)

    def find(self, name: str) -> Bucket | None:
        """The bucket of that name."""
        row = self._database.row("SELECT name, created, objects, bytes FROM buckets WHERE name = ?", name)
        return None if row is None else Bucket(*row)

    def all(self) -> list[Bucket]:
        """All buckets, sorted by name."""
        rows = self._database.rows("SELECT name, created, objects, bytes FROM buckets ORDER BY name")
        return [Bucket(*row) for row in rows]

    def add(self, name: str, created: int) -> None:
        """Insert a bucket."""
        self._ids[name] = self._database.run(
            "INSERT INTO buckets (name, created) VALUES (?, ?)", name, created
        )

    def remove(self, name: str) -> None:
        """Remove an empty bucket."""
        bucket = self._ids.pop(name)
        self._grown.pop(bucket, None)
        self._database.run("DELETE FROM buckets WHERE id = ?", bucket)

    def grow(self, bucket: int, objects: int, size: int) -> None:
        """Count objects and bytes that were added or, if negative, removed."""
        grown = self._grown[bucket]
        grown[0] += objects
        grown[1] += size

    def flush(self) -> None:
        """Write the counts. To be called at the end of each batch."""
        for bucket, (objects, size) in self._grown.items():
            self._database.run(
                "UPDATE buckets SET objects = objects + ?, bytes = bytes + ? WHERE id = ?",
                objects,
                size,
                bucket,
            )
        self._grown.clear()
