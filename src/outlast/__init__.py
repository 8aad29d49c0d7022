"""Outlast: object storage that outlives any one provider.

From Python:

    async with outlast.open("outlast.toml") as store:
        await store.put("bucket", "key", b"content")

    with outlast.open_sync("outlast.toml") as store:
        store.put("bucket", "key", b"content")

and, through fsspec, any path `outlast://bucket/key` in pandas, pyarrow or DuckDB. What these raise is here
(`outlast.NoSuchKey`), or an `OSError` from fsspec; `outlast.base.errors` draws the tree.

The packages follow the data, and imports go one way, downward:

- `cli`, `testing`, `embed`: the command line; what our tests and those of others use; Python programs.
- `assembly`: the one place that knows every part: settings in, an open store out.
- `gateway`: HTTP. S3 requests to calls of the store.
- `outages`: what a failure would do: verdicts, drills, reports, and simulated years.
- `maintenance`: restoring what was lost, deleting what nothing refers to.
- `store`: writing and reading one object.
- `catalog`: which bucket and key is which bytes: the log's records, applied in order.
- `quorum`: agreement over conditional writes.  `placement`: which provider gets what.
- `providers`: bytes at one place.  `coding`: bytes to sealed fragments and back.
- `base`: clock, entropy, errors, limits.
"""

from typing import TYPE_CHECKING

from outlast.base.errors import (
    AccessKeyExists,
    BadBucketName,
    BucketExists,
    BucketNotEmpty,
    ConfigError,
    EntityTooLarge,
    InvalidPart,
    InvalidPartOrder,
    KeyTooLong,
    LocalStateCorrupt,
    NoSuchAccessKey,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    OutlastError,
    PartTooSmall,
    PreconditionFailed,
    ReadExpired,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreUnavailable,
    WriteExpired,
    WriteLost,
)
from outlast.base.version import __version__

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from os import PathLike

    from outlast.embed.sync import SyncStore
    from outlast.store import Store

__all__ = [
    "AccessKeyExists",
    "BadBucketName",
    "BucketExists",
    "BucketNotEmpty",
    "ConfigError",
    "EntityTooLarge",
    "InvalidPart",
    "InvalidPartOrder",
    "KeyTooLong",
    "LocalStateCorrupt",
    "NoSuchAccessKey",
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchUpload",
    "OutlastError",
    "PartTooSmall",
    "PreconditionFailed",
    "ReadExpired",
    "StoreBusy",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreUnavailable",
    "WriteExpired",
    "WriteLost",
    "__version__",
    "open",
    "open_sync",
]

# What these need is imported when they are called: `import outlast` comes before every module of ours.


def open(
    config: "str | PathLike[str]" = "outlast.toml", state_dir: "str | PathLike[str] | None" = None
) -> "AbstractAsyncContextManager[Store]":
    """Open the store of the settings file `config`, for the duration of an `async with`.

    `state_dir` is where this machine keeps its copy of the catalog (None: the platform's place). Raises
    `ConfigError`, and on entering also `StoreUnavailable`.
    """
    from pathlib import Path

    from outlast.assembly.opening import open_store
    from outlast.assembly.settings import load_settings

    return open_store(load_settings(Path(config)), None if state_dir is None else Path(state_dir))


def open_sync(
    config: "str | PathLike[str]" = "outlast.toml", state_dir: "str | PathLike[str] | None" = None
) -> "SyncStore":
    """The same store for programs without an event loop; close it, or use it in a `with`."""
    from outlast.embed import sync

    return sync.open_sync(config, state_dir)
