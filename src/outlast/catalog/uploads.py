"""Multipart uploads in progress, and their parts so far."""

from typing import NamedTuple

from outlast.catalog.blobs import Blob
from outlast.catalog.content import Stored, content_blob, extent_runs
from outlast.catalog.database import Database
from outlast.catalog.extents import Extents
from outlast.catalog.records import Attributes, Checksum

_attributes: Blob[Attributes] = Blob(Attributes)
_checksum: Blob[Checksum | None] = Blob(Checksum | None)


class Upload(NamedTuple):
    """An upload in progress. `created` in ms since the Unix epoch."""

    key: str
    id: bytes
    created: int
    algorithm: str
    kind: str
    attributes: Attributes


class Part(NamedTuple):
    """A part of an upload. `modified` in ms since the Unix epoch."""

    number: int
    etag: str
    size: int
    modified: int
    checksum: Checksum | None


class Uploads:
    """The tables of uploads and parts."""

    def __init__(self, database: Database, extents: Extents) -> None:
        self._database = database
        self._extents = extents

    def add(self, bucket: int, key: bytes, upload: Upload) -> None:
        """Insert an upload."""
        self._database.run(
            "INSERT OR IGNORE INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?)",
            bucket,
            key,
            upload.id,
            upload.created,
            upload.algorithm,
            upload.kind,
            _attributes.encode(upload.attributes),
        )

    def find(self, bucket: int, key: bytes, upload: bytes) -> Upload | None:
        """The upload with that key and id."""
        row = self._database.row(
            "SELECT key, upload, created, algorithm, kind, attributes FROM uploads"
            " WHERE bucket = ? AND key = ? AND upload = ?",
            bucket,
            key,
            upload,
        )
        return None if row is None else upload_of(self._database, row)

    def put_part(self, upload: bytes, part: Part, content: Stored, died: int) -> None:
        """Insert a part, replacing an earlier one with its number."""
        self.drop_part(upload, part.number, died)
        self._database.run(
            "INSERT INTO parts (upload, number, etag, size, modified, checksum, content)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            upload,
            part.number,
            part.etag,
            part.size,
            part.modified,
            _checksum.encode(part.checksum),
            content_blob.encode(content),
        )

    def drop_part(self, upload: bytes, number: int, died: int) -> None:
        """Delete a part, if there is one, and release its extents."""
        content = self.content(upload, number)
        if content is not None:
            self._extents.release(extent_runs(content), died)
            self._database.run("DELETE FROM parts WHERE upload = ? AND number = ?", upload, number)

    def content(self, upload: bytes, number: int) -> Stored | None:
        """A part's content."""
        row = self._database.row("SELECT content FROM parts WHERE upload = ? AND number = ?", upload, number)
        return None if row is None else self._database.decoded(content_blob, row[0])

    def parts(self, upload: bytes, after: int, limit: int) -> list[Part]:
        """The upload's parts with numbers above `after`, in order."""
        rows = self._database.rows(
            "SELECT number, etag, size, modified, checksum FROM parts WHERE upload = ? AND number > ?"
            " ORDER BY number LIMIT ?",
            upload,
            after,
            limit,
        )
        return [
            Part(number, etag, size, modified, self._database.decoded(_checksum, checksum))
            for number, etag, size, modified, checksum in rows
        ]

    def remove(self, bucket: int, key: bytes, upload: bytes) -> None:
        """Delete an upload and its parts. The caller handles what they refer to."""
        self._database.run("DELETE FROM parts WHERE upload = ?", upload)
        self._database.run(
            "DELETE FROM uploads WHERE bucket = ? AND key = ? AND upload = ?", bucket, key, upload
        )

    def ids(self, bucket: int) -> list[tuple[bytes, bytes]]:
        """Key and id of each upload in progress in the bucket, sorted."""
        return self._database.rows(
            "SELECT key, upload FROM uploads WHERE bucket = ? ORDER BY key, upload", bucket
        )

    def count(self) -> int:
        """How many uploads are in progress."""
        row = self._database.row("SELECT count(*) FROM uploads")
        assert row is not None
        count: int = row[0]
        return count


def upload_of(database: Database, row: tuple[bytes, bytes, int, str, str, bytes]) -> Upload:
    """An `Upload` from its row."""
    key, upload, created, algorithm, kind, attributes = row
    return Upload(key.decode(), upload, created, algorithm, kind, database.decoded(_attributes, attributes))
