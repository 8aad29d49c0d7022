"""The SQLite file under the catalog: opening, checking, transactions.

Errors of SQLite leave here as ours: a damaged or foreign file is `StoreCorrupt` (delete it and build it
anew from the log), a full disk is `StoreUnavailable`.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from outlast.base.errors import StoreCorrupt, StoreUnavailable
from outlast.catalog import schema
from outlast.catalog.boot import CLOSED, boot_id, may_have_lost_writes

Row: TypeAlias = tuple[Any, ...]
Scan: TypeAlias = Callable[..., Iterator[Row]]


# Measured with batches of 1 to 1,000 objects of 4 KiB. Pages of 16 KiB hold three of them where 8 KiB hold
# one, and make a batch of 1,000 a third faster than 4 KiB; larger ones write too much for a small batch.
# A checkpoint every 4 MiB takes 2 ms; rarer ones cost the same in sum and stop everybody for longer.
SETTINGS = (
    "page_size = 16384",
    "journal_mode = WAL",
    "synchronous = OFF",
    "cache_size = -32768",
    "wal_autocheckpoint = 256",
)

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNUSABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}


def _fail(error: sqlite3.Error) -> NoReturn:
    """Raise our error for SQLite's. What is left over (a mistake in a statement) is a bug of ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits tell more than we need
    if code in _DAMAGED:
        raise StoreCorrupt(f"the local catalog is damaged: {error}") from error
    if code in _UNUSABLE:
        raise StoreUnavailable(f"the local catalog cannot be used: {error}") from error
    raise error


class Database:
    """One connection. Not for several threads at once."""

    def __init__(self, path: Path | str, boot: str | None = None) -> None:
        """Open the file, or make a new one, in the run `boot` of the machine (default: the present one).

        Raises `StoreCorrupt`, `StoreUnavailable`.
        """
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            _fail(error)
        self._cursor = self._connection.cursor()
        try:
            self._prepare()
            self._enter(boot_id() if boot is None else boot)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        for setting in SETTINGS:
            self.run(f"PRAGMA {setting}")
        if self.row("SELECT count(*) FROM sqlite_schema") == (0,):
            with self.transaction():
                self._create()
        if self._label() != (schema.APPLICATION, schema.VERSION):
            raise StoreCorrupt("the local catalog is of another version, or not a catalog")

    def _enter(self, boot: str) -> None:
        row = self.row("SELECT mark FROM boot")
        assert row is not None
        if may_have_lost_writes(row[0], boot):
            raise StoreCorrupt("the machine stopped while the local catalog was in use")
        self._mark(boot)

    def _mark(self, mark: str) -> None:
        """Put a mark into the file itself, and all that was written before with it, durably."""
        self.run("PRAGMA synchronous = FULL")
        self.run("UPDATE boot SET mark = ?", mark)
        self.run("PRAGMA wal_checkpoint(TRUNCATE)")
        self.run("PRAGMA synchronous = OFF")

    def _create(self) -> None:
        for statement in schema.TABLES.split(";"):
            self.run(statement)
        self.run(f"PRAGMA application_id = {schema.APPLICATION}")
        self.run(f"PRAGMA user_version = {schema.VERSION}")

    def _label(self) -> tuple[int, int]:
        application, version = self.row("PRAGMA application_id"), self.row("PRAGMA user_version")
        assert application is not None
        assert version is not None
        return application[0], version[0]

    def row(self, sql: str, *values: object) -> Row | None:
        """The first row of the answer, if there is one."""
        try:
            row: Row | None = self._cursor.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            _fail(error)
        return row

    def rows(self, sql: str, *values: object) -> list[Row]:
        """All rows of the answer."""
        try:
            return self._cursor.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            _fail(error)

    @contextmanager
    def scanning(self) -> Iterator[Scan]:
        """A function that gives the rows of an answer as they are asked for.

        Each call of it ends the one before.
        They share a cursor, for otherwise every seek would prepare its statement again and cost double.
        It is closed at the end: a scan left open would keep the write-ahead log from being reset.
        """
        cursor = self._connection.cursor()
        try:
            yield lambda sql, *values: cursor.execute(sql, values)
        except sqlite3.Error as error:
            _fail(error)
        finally:
            cursor.close()

    def run(self, sql: str, *values: object) -> int:
        """Execute one statement; the id of the row that it inserted, if it did."""
        try:
            return self._cursor.execute(sql, values).lastrowid or 0
        except sqlite3.Error as error:
            _fail(error)

    def run_many(self, sql: str, values: Iterable[tuple[object, ...]]) -> None:
        """Execute one statement for each of `values`."""
        try:
            self._cursor.executemany(sql, values)
        except sqlite3.Error as error:
            _fail(error)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is run inside."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def fingerprint(self) -> bytes:
        """32 bytes that are the same for two catalogs exactly when all their rows are."""
        digest = hashlib.blake2b(digest_size=32)
        with self.scanning() as scan:
            for table in schema.NAMES:
                for row in scan(f"SELECT * FROM {table} ORDER BY 1, 2"):
                    digest.update(repr(row).encode())
        return digest.digest()

    def close(self) -> None:
        """Write all of the file to the disk, mark it as closed, and close it."""
        try:
            self._mark(CLOSED)
        finally:
            self._connection.close()


def copy_database(source: Path, target: Path) -> None:
    """Copy a catalog that another process may be using to a new file. Raises as `Database`."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as original,
            closing(sqlite3.connect(target)) as copy,
        ):
            original.backup(copy)
    except sqlite3.Error as error:
        _fail(error)
