"""The tables of the local catalog.

The file is a cache: applying the log's records in order recreates it. Its layout is therefore not a public
format and may change with every version. `VERSION` identifies the layout, and a file with another one is
discarded and rebuilt. (The formats that last are those of the records and the snapshots.)

- Keys are BLOBs of UTF-8, so that SQLite's `memcmp` order is S3's order and NUL is an ordinary character.
- `objects` has what a listing shows, in small rows; `contents` has the rest, so that listing 1,000 objects
  does not read 1,000 inline bodies. In `contents` the version comes before the content, so that a `head` does
  not read the body either.
- An object's row names its newest version. Older versions would be in a second table that also points into
  `contents`.
- `layouts` has what extents with the same placement have in common, and how many there are (`layouts.py`).
- `extents.refs` counts references from contents and parts. When it reaches zero, `died` records the slot, and
  the row stays until its fragments have been deleted. No row number is reused (AUTOINCREMENT): a read keeps
  row numbers for hours, and must never get another object's extent.
"""

import re
import zlib

from outlast.base.wire import Struct
from outlast.catalog import content, records
from outlast.placement import members

APPLICATION = 0x4F55544C
"""SQLite's application_id of our files: OUTL."""

TABLES = """
CREATE TABLE position (
    slot INTEGER NOT NULL, hash BLOB NOT NULL, expired INTEGER, log_bytes INTEGER NOT NULL DEFAULT 0);
INSERT INTO position VALUES (-1, zeroblob(32), NULL, 0);

CREATE TABLE boot (mark TEXT NOT NULL);
INSERT INTO boot VALUES ('');

CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE buckets (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL,
    objects INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0);

CREATE TABLE objects (
    bucket INTEGER NOT NULL, key BLOB NOT NULL, etag TEXT NOT NULL, size INTEGER NOT NULL,
    modified INTEGER NOT NULL, checksum INTEGER NOT NULL, content INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)) WITHOUT ROWID;

CREATE TABLE contents (
    id INTEGER PRIMARY KEY, extents INTEGER NOT NULL, version BLOB NOT NULL, content BLOB NOT NULL);

CREATE TABLE extents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, extent BLOB NOT NULL UNIQUE, refs INTEGER NOT NULL, died INTEGER,
    size INTEGER NOT NULL, layout INTEGER NOT NULL, key BLOB NOT NULL);
CREATE INDEX extents_dead ON extents (died) WHERE died IS NOT NULL;
CREATE INDEX extents_alike ON extents (layout, extent) WHERE died IS NULL;

CREATE TABLE layouts (
    id INTEGER PRIMARY KEY, k INTEGER NOT NULL, m INTEGER NOT NULL, layout BLOB NOT NULL,
    missing INTEGER NOT NULL, alive INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0, fragment_bytes INTEGER NOT NULL DEFAULT 0);

CREATE TABLE usage (
    month TEXT NOT NULL, provider TEXT NOT NULL, gateway BLOB NOT NULL, requests INTEGER NOT NULL,
    egress INTEGER NOT NULL, PRIMARY KEY (month, provider, gateway)) WITHOUT ROWID;

CREATE TABLE usage_months (id INTEGER PRIMARY KEY, month TEXT NOT NULL UNIQUE);

CREATE TABLE graces (seconds INTEGER PRIMARY KEY, slot INTEGER NOT NULL);

CREATE TABLE holds (gateway BLOB PRIMARY KEY, began INTEGER NOT NULL, held INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE uploads (
    bucket INTEGER NOT NULL, key BLOB NOT NULL, upload BLOB NOT NULL, created INTEGER NOT NULL,
    algorithm TEXT NOT NULL, kind TEXT NOT NULL, attributes BLOB NOT NULL,
    PRIMARY KEY (bucket, key, upload)) WITHOUT ROWID;

CREATE TABLE parts (
    id INTEGER PRIMARY KEY, upload BLOB NOT NULL, number INTEGER NOT NULL, etag TEXT NOT NULL,
    size INTEGER NOT NULL, modified INTEGER NOT NULL, checksum BLOB NOT NULL, content BLOB NOT NULL,
    UNIQUE (upload, number));

CREATE TABLE access_keys (
    name TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE drills (
    provider TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE drill_reports (id INTEGER PRIMARY KEY, value BLOB NOT NULL);
"""

BLOBS = (
    ("facts", "value"),
    ("contents", "version"),
    ("contents", "content"),
    ("layouts", "layout"),
    ("uploads", "attributes"),
    ("parts", "checksum"),
    ("parts", "content"),
    ("access_keys", "value"),
    ("drills", "value"),
    ("drill_reports", "value"),
)
"""The columns whose values have their own check (`blobs.py`)."""

MEANING = 2
"""Increase this when this code applies the same records to the same tables with a different result."""

_VALUES = [
    (kind.__name__, kind.__struct_fields__)
    for module in (records, members, content)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Struct)
]

VERSION = (zlib.crc32(f"{TABLES}{_VALUES}".encode()) ^ MEANING) & 0x7FFFFFFF
"""SQLite's user_version: it changes automatically with every change of the tables or the values in them."""

NAMES = tuple(name for name in re.findall(r"CREATE TABLE (\w+)", TABLES) if name != "boot")
"""The tables that are determined by the log alone."""
