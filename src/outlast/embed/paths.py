"""Paths of the filesystem interface, `bucket/key`, and the store's errors as `OSError`."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from outlast.base.errors import (
    BadBucketName,
    BucketExists,
    BucketNotEmpty,
    KeyTooLong,
    LocalStateCorrupt,
    NoSuchBucket,
    NoSuchKey,
    PreconditionFailed,
    StoreCorrupt,
    StoreError,
    StoreUnavailable,
)

_NUMBERS: dict[type[StoreError], int] = {
    NoSuchBucket: errno.ENOENT,
    NoSuchKey: errno.ENOENT,
    BucketExists: errno.EEXIST,
    BucketNotEmpty: errno.ENOTEMPTY,
    BadBucketName: errno.EINVAL,
    KeyTooLong: errno.ENAMETOOLONG,
    PreconditionFailed: errno.EEXIST,
    StoreCorrupt: errno.EIO,
    LocalStateCorrupt: errno.EAGAIN,
    StoreUnavailable: errno.EAGAIN,
}


def split(path: str) -> tuple[str, str]:
    """Return the bucket and the key of a path without protocol; "" for what it does not name."""
    bucket, _, key = path.partition("/")
    return bucket, key


def split_file(path: str) -> tuple[str, str]:
    """Return the bucket and the key of an object's path. Raises `IsADirectoryError`, `FileNotFoundError`."""
    bucket, key = split(path)
    if not bucket:
        raise FileNotFoundError(errno.ENOENT, "no bucket is named", path)
    if not key:
        raise IsADirectoryError(errno.EISDIR, "that is a bucket", path)
    return bucket, key


@contextmanager
def os_errors(path: str) -> Iterator[None]:
    """Raise the store's errors as `OSError` and its kinds (`FileNotFoundError`, ...), with the path."""
    try:
        yield
    except StoreError as error:
        raise OSError(_number(error), str(error) or type(error).__name__, path) from error


def _number(error: StoreError) -> int:
    """Return the number for the error's class, or for the nearest base class that has one."""
    return next((_NUMBERS[kind] for kind in type(error).__mro__ if kind in _NUMBERS), errno.EIO)
