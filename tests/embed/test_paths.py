"""The store's errors as a filesystem's caller knows them."""

import errno

import pytest

from outlast.base.errors import (
    InvalidPart,
    LocalStateCorrupt,
    NoSuchKey,
    StoreCorrupt,
    StoreError,
    StoreUnavailable,
    WriteExpired,
    WriteLost,
)
from outlast.embed.paths import os_errors


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (NoSuchKey, errno.ENOENT),
        (StoreUnavailable, errno.EAGAIN),
        (WriteExpired, errno.EAGAIN),
        (WriteLost, errno.EAGAIN),
        (StoreCorrupt, errno.EIO),
        (LocalStateCorrupt, errno.EAGAIN),
        (InvalidPart, errno.EIO),
    ],
)
def test_an_error_has_the_number_of_the_nearest_kind_that_has_one(
    error: type[StoreError], number: int
) -> None:
    with pytest.raises(OSError) as caught, os_errors("bucket/key"):
        raise error
    assert (caught.value.errno, caught.value.filename) == (number, "bucket/key")
