"""The database under the catalog: statements and transactions on one connection to its file.

The file is written without fsync; `boot` explains why that is safe. Errors are those of `database_file`.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, TypeVar

import apsw

from outlast.base.errors import LocalStateCorrupt, StoreUnavailable
from outlast.catalog import schema
from outlast.catalog.blobs import Blob
from outlast.catalog.boot import CLOSED, boot_id, may_have_lost_writes
from outlast.catalog.database_file import CHECKSUM_BYTES, MEMORY, fail, is_new, open_file, remove_database

Row: TypeAlias = tuple[Any, ...]
T = TypeVar("T")

Scan: TypeAlias = Callable[..., Iterator[Row]]

# Measured with batches of 1 to 1,000 objects of 4 KiB. A page of 16 KiB holds three of them, one of 8 KiB
# only one. It makes a batch of 1,000 a third faster than 4 KiB; larger pages write too much for a small
# batch.
page_bytes = 16384
# How long to wait for another process that is copying the file.
copying_ms_max = 2000

# A checkpoint every 4 MiB takes 2 ms; rarer ones cost the same in total and block for longer.
SETTINGS = ("synchronous = OFF", "cache_size = -32768", "wal_autocheckpoint = 256")


class Database:
    """One connection. Not thread-safe."""

    def __init__(self, path: Path | str, boot: str | None = None) -> None:
        """Open the file or create it, in the machine's boot `boot` (default: the present one).

        Raises `LocalStateCorrupt`, `StoreUnavailable`.
        """
        try:
            self._connection = open_file(path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        except apsw.Error as error:
            fail(error)
        self._path = path
        self._damaged = False
        self._abandoned = False
        self.on_damage: Callable[[LocalStateCorrupt], None] = lambda error: None
        """Called when damage to the file is detected."""
        self._cursor = self._connection.cursor()
        try:
            self._prepare()
            self._enter(boot_id() if boot is None else boot)
        except BaseException:
            self.abandon()
            raise

    def _prepare(self) -> None:
        # Without this guarantee of one plan for all values, each statement is reparsed for new values.
        self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        if is_new(self._connection):
            self._create()
        for setting in SETTINGS:  # only now: the cache size is in pages, whose size must be set first
            self.run(f"PRAGMA {setting}")

    def _create(self) -> None:
        self.run("PRAGMA synchronous = OFF")
        self.run(f"PRAGMA page_size = {page_bytes}")
        self._connection.reserve_bytes("main", CHECKSUM_BYTES)
        self.run("PRAGMA journal_mode = WAL")
        with self.transaction():
            for statement in schema.TABLES.split(";"):
                self.run(statement)
            self.run(f"PRAGMA application_id = {schema.APPLICATION}")
            self.run(f"PRAGMA user_version = {schema.VERSION}")

    def _enter(self, boot: str) -> None:
        row = self.row("SELECT mark FROM boot")
        assert row is not None
        if may_have_lost_writes(row[0], boot):
            raise LocalStateCorrupt("the machine stopped while the local catalog was in use")
        if not self._mark(boot):
            raise StoreUnavailable("the local catalog cannot be used: another process is reading it")

    def _mark(self, mark: str) -> bool:
        """Write a mark, and everything before it, durably into the file. False: a long read blocks that."""
        self.run("PRAGMA synchronous = FULL")
        self.run("UPDATE boot SET mark = ?", mark)
        self._connection.set_busy_timeout(copying_ms_max)
        busy, *_ = self.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]
        self._connection.set_busy_timeout(0)
        self.run("PRAGMA synchronous = OFF")
        return not busy

    def _fail(self, error: apsw.Error) -> NoReturn:
        if self._abandoned:
            raise StoreUnavailable("the local catalog was closed or rebuilt") from error
        try:
            fail(error)
        except LocalStateCorrupt as damage:
            self._note_damage(damage)
            raise

    def decoded(self, blob: Blob[T], value: bytes) -> T:
        """The value in a BLOB column. Raises `LocalStateCorrupt`."""
        try:
            return blob.decode(value)
        except LocalStateCorrupt as damage:
            self._note_damage(damage)
            raise

    def row(self, sql: str, *values: object) -> Row | None:
        """The first row of the result, if there is one."""
        rows = self.rows(sql, *values)
        return rows[0] if rows else None

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """All rows of the result."""
        try:
            return self._cursor.execute(sql, values).fetchall()
        except apsw.Error as error:
            self._fail(error)

    @contextmanager
    def scanning(self) -> Iterator[Scan]:
        """A function that runs a query and yields its rows lazily.

        Each call ends the one before: calls share a cursor, because otherwise every seek would prepare its
        statement again and cost twice as much. The cursor is closed at the end: an open scan would prevent
        the write-ahead log from being truncated.
        """
        cursor = self._connection.cursor()
        try:
            yield lambda sql, *values: cursor.execute(sql, values)
        except apsw.Error as error:
            self._fail(error)
        finally:
            cursor.close()

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement. Returns the id of the row that it inserted, if any."""
        try:
            self._cursor.execute(sql, values).fetchall()
        except apsw.Error as error:
            self._fail(error)
        return self._connection.last_insert_rowid()

    def change(self, sql: str, *values: Any) -> int:
        """Execute one statement. Returns how many rows it changed."""
        self.run(sql, *values)
        return self._connection.changes()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the statements inside as one transaction."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self.run("ROLLBACK")
            raise

    def fingerprint(self) -> bytes:
        """32 bytes that are equal for two catalogs exactly if all their rows are."""
        digest = hashlib.blake2b(digest_size=32)
        with self.scanning() as scan:
            for table in schema.NAMES:
                for row in scan(f"SELECT * FROM {table} ORDER BY 1, 2"):
                    digest.update(repr(row).encode())
        return digest.digest()

    def close(self) -> None:
        """Write the file durably, mark it as closed, and close it; remove it if it is damaged."""
        try:
            if not self._damaged:
                self._mark(CLOSED)  # without the mark it stays valid until the machine stops
        finally:
            self.abandon()
            if self._damaged and self._path != MEMORY:
                remove_database(Path(self._path))

    def _note_damage(self, error: LocalStateCorrupt) -> None:
        self._damaged = True
        self.on_damage(error)

    def abandon(self) -> None:
        """Close the file as it is, as if the process had died."""
        self._abandoned = True
        try:
            self._connection.close(force=True)
        except apsw.Error as error:
            fail(error)
