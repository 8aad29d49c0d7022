"""The SQLite file under the catalog: only trustworthy files are opened, copied, or reported as sound.

Data is verified when it is read (docs/internals/decisions/0017-local-state.md). Each page ends with a
checksum, which SQLite's checksum VFS verifies; `blobs` covers what that does not detect. Opening rules out
the rest: a file without checksums, of another version, or ahead of its own write-ahead log.

From a damaged write-ahead log SQLite recovers the transactions before the damage. That is the state after
some earlier slot, and it records which; but if later transactions were already copied into the file, the two
do not match. So the slot in the file alone is read first, and it may not be ahead of both together.

SQLite's errors are translated into ours: a damaged or foreign file is `LocalStateCorrupt` (delete it and
rebuild it from the log), a full disk is `StoreUnavailable`.
"""

from contextlib import closing
from functools import cache
from pathlib import Path
from typing import NoReturn

import apsw

from outlast.base.errors import ConfigError, LocalStateCorrupt, StoreUnavailable
from outlast.catalog import schema
from outlast.catalog.blobs import sound

MEMORY = ":memory:"
"""Used in place of a path: no file at all."""

CHECKSUM_BYTES = 8
"""Bytes at the end of each page for the checksum VFS, which SQLite calls `cksmvfs`."""

_DAMAGED = {apsw.SQLITE_CORRUPT, apsw.SQLITE_NOTADB, apsw.SQLITE_FORMAT}
_UNREADABLE = {
    apsw.SQLITE_IOERR_DATA,  # a page's checksum is wrong
    apsw.SQLITE_IOERR_READ,
    apsw.SQLITE_IOERR_SHORT_READ,
    apsw.SQLITE_IOERR_CORRUPTFS,
}
_UNUSABLE = {
    apsw.SQLITE_BUSY,
    apsw.SQLITE_CANTOPEN,
    apsw.SQLITE_FULL,
    apsw.SQLITE_IOERR,
    apsw.SQLITE_LOCKED,
    apsw.SQLITE_PERM,
    apsw.SQLITE_READONLY,
}


def fail(error: apsw.Error) -> NoReturn:
    """Raise our error for SQLite's. Anything else (a mistake in a statement) is a bug of ours."""
    result, detail = getattr(error, "result", 0), getattr(error, "extendedresult", 0)
    if result in _DAMAGED or detail in _UNREADABLE:
        raise LocalStateCorrupt(f"the local catalog is damaged: {error}") from error
    if result in _UNUSABLE:
        raise StoreUnavailable(f"the local catalog cannot be used: {error}") from error
    raise error


@cache
def _checksum_vfs() -> str:
    """The name of the VFS. The first call loads it for the entire process."""
    from apsw import sqlite_extra  # takes 20 ms, which a store in memory can avoid

    try:
        with closing(apsw.Connection(MEMORY)) as loader:
            sqlite_extra.load(loader, "cksumvfs")
    except (apsw.Error, LookupError, sqlite_extra.NotAvailable) as error:
        raise ConfigError(
            f"this build of apsw has no checksum VFS: {error}",
            "install apsw from PyPI's wheels, which include it",
        ) from error
    return "cksmvfs"


def _connect(path: Path | str, flags: int, query: str = "") -> apsw.Connection:
    if str(path) == MEMORY:
        return apsw.Connection(MEMORY)
    url = Path(path).absolute().as_uri() + query
    return apsw.Connection(url, flags=flags | apsw.SQLITE_OPEN_URI, vfs=_checksum_vfs())


def is_new(connection: apsw.Connection) -> bool:
    """Whether the file is still empty."""
    pages: int = connection.pragma("page_count")
    return pages == 0


def _is_ours(connection: apsw.Connection) -> bool:
    return bool(connection.pragma("application_id") == schema.APPLICATION)


def _is_of_this_version(connection: apsw.Connection) -> bool:
    return bool(connection.pragma("user_version") == schema.VERSION)


def _check_label(connection: apsw.Connection) -> None:
    """Raise `LocalStateCorrupt` if this is not a catalog, is of another version, or has no checksums."""
    if not _is_ours(connection) or not _is_of_this_version(connection):
        raise LocalStateCorrupt("the local catalog is of another version, or not a catalog")
    if connection.reserve_bytes("main") != CHECKSUM_BYTES:
        raise LocalStateCorrupt("the local catalog is damaged: its pages have no checksums")


def _slot(connection: apsw.Connection) -> int:
    ((slot,),) = connection.execute("SELECT slot FROM position").fetchall()
    assert isinstance(slot, int)
    return slot


def _slot_in_file(path: Path) -> int:
    """The last slot in the file without its write-ahead log; -1 if there is none."""
    with closing(_connect(path, apsw.SQLITE_OPEN_READONLY, "?immutable=1")) as alone:
        if is_new(alone):
            return -1
        _check_label(alone)
        return _slot(alone)


def open_file(path: Path | str, flags: int) -> apsw.Connection:
    """A connection to a new or trustworthy file. Raises `LocalStateCorrupt`, `apsw.Error`."""
    known = str(path) != MEMORY and Path(path).exists()
    slot = _slot_in_file(Path(path)) if known else -1
    connection = _connect(path, flags)
    try:
        if not is_new(connection):
            _check_label(connection)
            if _slot(connection) < slot:
                raise LocalStateCorrupt("the local catalog is damaged: it is ahead of its write-ahead log")
    except BaseException:
        connection.close()
        raise
    return connection


def copy_database(source: Path, target: Path) -> None:
    """Copy a catalog, which another process may be using, to a new file, and verify it.

    Raises like `Database`.
    """
    try:
        with (
            closing(open_file(source, apsw.SQLITE_OPEN_READONLY)) as original,
            closing(_connect(target, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)) as copy,
            copy.backup("main", original, "main") as backup,
        ):
            backup.step()
    except apsw.Error as error:
        fail(error)


def check_database(path: Path) -> None:
    """Read an entire catalog, which another process may be using. Raises like `Database` if it is damaged.

    A catalog of another version does not count as damaged: it is rebuilt when it is opened.
    """
    try:
        with closing(_connect(path, apsw.SQLITE_OPEN_READONLY)) as connection:
            if _is_ours(connection) and not _is_of_this_version(connection):
                return
        with closing(open_file(path, apsw.SQLITE_OPEN_READONLY)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").get
            if found != "ok":
                raise LocalStateCorrupt(f"the local catalog is damaged: {found}")
            for table, column in schema.BLOBS:
                for (blob,) in connection.execute(f"SELECT {column} FROM {table}"):
                    if not sound(blob):
                        raise LocalStateCorrupt(f"the local catalog is damaged: a {column} in {table}")
    except apsw.Error as error:
        fail(error)


def beside(path: Path) -> Path:
    """The path at which the replacement of the file at `path` is built."""
    return path.with_name(path.name + "-new")


def remove_database(path: Path) -> None:
    """Remove a catalog and SQLite's own files next to it; the catalog first: its log may hold part of it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
