"""The S3 access keys, with their secrets sealed: the catalog cannot open them and does not need to."""

from outlast.catalog.blobs import Blob
from outlast.catalog.database import Database
from outlast.catalog.records import AccessKeyCreated

_blob: Blob[AccessKeyCreated] = Blob(AccessKeyCreated)


class AccessKeys:
    """The table of access keys; a row holds the record that created it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, id: str) -> AccessKeyCreated | None:
        """The access key with this id."""
        row = self._database.row("SELECT value FROM access_keys WHERE id = ?", id)
        return None if row is None else self._database.decoded(_blob, row[0])

    def all(self) -> list[AccessKeyCreated]:
        """All access keys, sorted by name."""
        rows = self._database.rows("SELECT value FROM access_keys ORDER BY name")
        return [self._database.decoded(_blob, value) for (value,) in rows]

    def taken(self, name: str, id: str) -> bool:
        """Whether an access key with that name or id exists."""
        return self._database.row("SELECT 1 FROM access_keys WHERE name = ? OR id = ?", name, id) is not None

    def add(self, key: AccessKeyCreated) -> None:
        """Insert an access key."""
        self._database.run("INSERT INTO access_keys VALUES (?, ?, ?)", key.name, key.id, _blob.encode(key))

    def remove(self, name: str) -> bool:
        """Remove the access key of that name. Returns whether there was one."""
        found = self._database.row("SELECT 1 FROM access_keys WHERE name = ?", name) is not None
        self._database.run("DELETE FROM access_keys WHERE name = ?", name)
        return found
