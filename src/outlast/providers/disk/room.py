"""Appending to journals on a full disk without wasting space that becomes free.

If only a part of a write fits, that part stays in the journal for good: it cannot be truncated, because
another process may have appended after it, and journals are not compacted. A voter on a full disk gets
request after request, and each attempt would use up whatever had just been freed, until even a small vote no
longer fits. So after a record did not fit, the space for each further one is reserved before it is written,
until one as large as the largest that did not fit has been written.

Space is not always reserved: that takes a system call each time, and splits the journal into many extents.

Reserving keeps the end of the file where it is, so that readers and other appenders are not affected. When it
fails, ext4 keeps what it could get. So it is tried only if the file system reports enough free space. What is
kept despite that (because of a quota, say) is used by the next record of this journal that fits.
"""

import errno
import os
from collections.abc import Sequence

from outlast.providers.disk.system import System, full_errors


class Room:
    """Appends to the journals of one disk."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._refused = 0
        """The size of the largest record that did not fit; 0 once one of that size has been written."""

    def append(self, file: int, chunks: Sequence[memoryview]) -> int:
        """Append `chunks` in one write; return their size. Raises OSErrors, ENOSPC if only a part fits."""
        size = sum(map(len, chunks))
        if self._refused:
            self._reserve(file, size)
        try:
            if self._system.write(file, chunks) < size:
                # Readers ignore the incomplete record. The rest cannot follow: others may have appended.
                raise _no_space()
        except OSError as error:
            if error.errno in full_errors:
                self._refused = max(self._refused, size)
            raise
        if size >= self._refused:
            self._refused = 0
        return size

    def _reserve(self, file: int, size: int) -> None:
        """Raise ENOSPC or EDQUOT unless `size` more bytes fit, as far as the file system knows."""
        status = self._system.status(file)
        # Compressed files have less than their size allocated, which says nothing about their last block.
        missing = min(size, status.size + size - status.allocated)
        if missing <= 0:
            return
        if self._system.free_bytes(file) < missing:
            raise _no_space()
        self._system.reserve(file, status.size, size)


def _no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
