"""Lists in key order, with common prefixes rolled up.

A list is a sequence of names: keys, and one prefix in place of all keys that share it up to a delimiter.
`start_after` cuts this sequence: the names on a page sort after it, so a prefix that came last on one page is
not repeated, and `next` of one page is the `start_after` of the following one.

The scan does not walk through a rolled-up prefix. After a few rows under it, it seeks to the end of the
prefix, so the cost depends on the names on the page and not on how many keys are below them.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from outlast.catalog.database import Database, Row
from outlast.catalog.objects import CHECKSUMS
from outlast.catalog.uploads import Upload, upload_of

LAST = b"\xff"
"""No UTF-8 has this byte: `prefix + LAST` sorts after every key that begins with `prefix`."""

STEPS_BEFORE_SEEK = 4
"""Rows to step through before a seek, which costs as much as five steps; many folders are small."""


class Listed(NamedTuple):
    """An object in a list. `modified` in ms since the Unix epoch.

    `algorithm` and `kind` are those of its checksum, "" if it has none.
    """

    key: str
    etag: str
    size: int
    modified: int
    algorithm: str
    kind: str


class Listing(NamedTuple):
    """A page of objects. `next` is None on the last page."""

    entries: list[Listed]
    prefixes: list[str]
    next: str | None


class UploadListing(NamedTuple):
    """A page of uploads. `next` is the (key, id) to continue after, with an empty id after a prefix."""

    entries: list[Upload]
    prefixes: list[str]
    next: tuple[str, bytes] | None


class _Rolled(NamedTuple):
    rows: list[Row]
    prefixes: list[bytes]
    more: bool


def _common(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return None if at < 0 else key[: at + len(delimiter)]


def _resume(start_after: bytes, prefix: bytes, delimiter: bytes) -> bytes:
    """What keys must sort after: the end of the common prefix that contains `start_after`, if any."""
    common = _common(start_after, prefix, delimiter) if start_after.startswith(prefix) else None
    return start_after if common is None else common + LAST


def _first(after: bytes, prefix: bytes) -> bytes:
    """The smallest bytes that sort after `after` and are not below `prefix`."""
    return max(after + b"\0", prefix) if after else prefix


def _roll_up(
    rows: Iterator[Row], seek: Callable[[bytes], Iterator[Row]], prefix: bytes, delimiter: bytes, limit: int
) -> _Rolled:
    """Up to `limit` names from rows whose first column is the key; `seek` returns the rows after a key."""
    shown: list[Row] = []
    prefixes: list[bytes] = []
    row = next(rows, None)
    while row is not None:
        if len(shown) + len(prefixes) >= limit:
            return _Rolled(shown, prefixes, True)
        common = _common(row[0], prefix, delimiter)
        if common is None:
            shown.append(row)
            row = next(rows, None)
        else:
            prefixes.append(common)
            rows, row = _leave(rows, seek, common)
    return _Rolled(shown, prefixes, False)


def _leave(
    rows: Iterator[Row], seek: Callable[[bytes], Iterator[Row]], common: bytes
) -> tuple[Iterator[Row], Row | None]:
    """The first row that is not under `common`, and those after it."""
    for _ in range(STEPS_BEFORE_SEEK):
        row = next(rows, None)
        if row is None or not row[0].startswith(common):
            return rows, row
    rows = seek(common + LAST)
    return rows, next(rows, None)


class Lists:
    """Lists of a bucket's objects and uploads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def objects(self, bucket: int, prefix: str, delimiter: str, start_after: str, limit: int) -> Listing:
        """A page of at most `limit` objects and common prefixes."""
        if limit <= 0:
            return Listing([], [], None)
        low, cut = prefix.encode(), delimiter.encode()
        after = _resume(start_after.encode(), low, cut)
        if not cut:
            return self._plain(bucket, low, after, limit)

        with self._database.scanning() as scan:

            def seek(after: bytes) -> Iterator[Row]:
                return scan(_OBJECTS, bucket, _first(after, low), low + LAST, -1)

            rolled = _roll_up(seek(after), seek, low, cut, limit)
        names = [row[0] for row in rolled.rows[-1:]] + rolled.prefixes[-1:]
        return Listing(
            _listed(rolled.rows),
            [name.decode() for name in rolled.prefixes],
            max(names).decode() if rolled.more else None,
        )

    def _plain(self, bucket: int, low: bytes, after: bytes, limit: int) -> Listing:
        rows = self._database.rows(_OBJECTS, bucket, _first(after, low), low + LAST, limit + 1)
        more = len(rows) > limit
        entries = _listed(rows[:limit])
        return Listing(entries, [], entries[-1].key if more else None)

    def uploads(
        self, bucket: int, prefix: str, delimiter: str, key_marker: str, upload_marker: bytes, limit: int
    ) -> UploadListing:
        """A page of at most `limit` uploads and common prefixes, sorted by key and then by id."""
        if limit <= 0:
            return UploadListing([], [], None)
        low, cut = prefix.encode(), delimiter.encode()

        after = _resume(key_marker.encode(), low, cut)
        with self._database.scanning() as scan:

            def seek(after: bytes, upload: bytes = LAST * 17) -> Iterator[Row]:
                start = (after, upload) if after >= low else (low, b"")
                return scan(_UPLOADS, bucket, *start, low + LAST)

            rows = seek(after, upload_marker) if upload_marker else seek(after)
            rolled = _roll_up(rows, seek, low, cut, limit)
        names = [(row[0], row[1]) for row in rolled.rows[-1:]] + [
            (name, b"") for name in rolled.prefixes[-1:]
        ]
        key, upload = max(names, default=(b"", b""))
        return UploadListing(
            [upload_of(self._database, row) for row in rolled.rows],
            [name.decode() for name in rolled.prefixes],
            (key.decode(), upload) if rolled.more else None,
        )


_OBJECTS = (
    "SELECT key, etag, size, modified, checksum FROM objects"
    " WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"
)
_UPLOADS = (
    "SELECT key, upload, created, algorithm, kind, attributes FROM uploads"
    " WHERE bucket = ? AND (key, upload) > (?, ?) AND key < ? ORDER BY key, upload"
)


def _listed(rows: list[Row]) -> list[Listed]:
    return [
        Listed(key.decode(), etag, size, modified, *CHECKSUMS[checksum])
        for key, etag, size, modified, checksum in rows
    ]
