"""The objects: for each bucket and key the newest version, what lists show, and the content."""

from typing import NamedTuple

from outlast.catalog.blobs import Blob
from outlast.catalog.content import Found, Stored, content_blob, extent_runs, overlapping
from outlast.catalog.database import Database
from outlast.catalog.extents import Extents
from outlast.catalog.records import Checksum, Version

_version: Blob[Version] = Blob(Version)

CHECKSUMS = (
    ("", ""),
    *((name, kind) for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
      for kind in ("FULL_OBJECT", "COMPOSITE")),
)  # fmt: skip
"""What a list shows of a checksum. The rows hold the index, which is smaller and faster to read."""

_NUMBERS = {pair: number for number, pair in enumerate(CHECKSUMS)}


def checksum_number(checksum: Checksum | None) -> int:
    """The index of the checksum's algorithm and kind in `CHECKSUMS`."""
    return 0 if checksum is None else _NUMBERS[checksum.algorithm, checksum.kind]


class Current(NamedTuple):
    """What a change needs to know about the object that it changes. `content` is a row's id."""

    etag: str
    size: int
    content: int


class ObjectTables:
    """The tables of objects and contents."""

    def __init__(self, database: Database, extents: Extents) -> None:
        self._database = database
        self._extents = extents

    def current(self, bucket: int, key: bytes) -> Current | None:
        """The object at this key now."""
        row = self._database.row(
            "SELECT etag, size, content FROM objects WHERE bucket = ? AND key = ?", bucket, key
        )
        return None if row is None else Current(*row)

    def version(self, bucket: int, key: bytes) -> Version | None:
        """The newest version, without its content."""
        row = self._database.row(
            "SELECT version FROM objects JOIN contents ON contents.id = objects.content"
            " WHERE bucket = ? AND key = ?",
            bucket,
            key,
        )
        return None if row is None else self._database.decoded(_version, row[0])

    def stored(self, bucket: int, key: bytes) -> tuple[Version, Stored] | None:
        """The newest version and its content with references."""
        row = self._database.row(
            "SELECT version, contents.content FROM objects JOIN contents ON contents.id = objects.content"
            " WHERE bucket = ? AND key = ?",
            bucket,
            key,
        )
        return (
            None
            if row is None
            else (self._database.decoded(_version, row[0]), self._database.decoded(content_blob, row[1]))
        )

    def find(self, bucket: int, key: bytes, span: tuple[int, int] | None) -> Found | None:
        """The newest version with its content, or with the parts of it that `span` touches."""
        if (found := self.stored(bucket, key)) is None:
            return None
        version, content = found
        offset, parts = (0, content) if span is None else overlapping(content, *span)
        return Found(version, parts, offset, self._extents.at)

    def put(self, bucket: int, key: bytes, version: Version, content: Stored) -> None:
        """Make `version` the newest. The references of `content` have been counted by the caller."""
        row = self._database.run(
            "INSERT INTO contents (extents, version, content) VALUES (?, ?, ?)",
            sum(run.rows for run in extent_runs(content)),
            _version.encode(version),
            content_blob.encode(content),
        )
        self._database.run(
            "REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)",
            bucket,
            key,
            version.etag,
            version.size,
            version.modified,
            checksum_number(version.checksum),
            row,
        )

    def remove(self, bucket: int, key: bytes) -> None:
        """Delete the key's row. The caller must `drop` its content."""
        self._database.run("DELETE FROM objects WHERE bucket = ? AND key = ?", bucket, key)

    def drop(self, content: int, died: int) -> None:
        """Delete a content and release its extents."""
        row = self._database.row("SELECT extents FROM contents WHERE id = ?", content)
        assert row is not None, "an object without a content"
        if row[0]:
            row = self._database.row("SELECT content FROM contents WHERE id = ?", content)
            assert row is not None
            self._extents.release(extent_runs(self._database.decoded(content_blob, row[0])), died)
        self._database.run("DELETE FROM contents WHERE id = ?", content)

    def any(self, bucket: int) -> bool:
        """Whether the bucket has an object."""
        return self._database.row("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", bucket) is not None
