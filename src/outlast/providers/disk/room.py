"""Appending to journals on a disk that is full, without taking up in vain what somebody frees.

A write of which only a part fits leaves that part in the journal for good: it cannot be cut off again,
because another process may have appended behind it, and journals are not compacted. A voter on a full disk is
asked again and again, so each attempt would take up whatever had just been freed, until even a small vote no
longer fits. So once a record did not fit, the room for each next one is reserved before it is written, until
one as large as the largest that did not fit has been written.

Records are not always reserved: that takes a system call each, and splits the journal into many extents.

Reserving keeps the end of the file where it is, so that appends of others and readers are not affected. Where
it fails, ext4 keeps what it could get. So it is tried only if the file system says that there is enough. What
is kept in spite of that (there is a quota, say) is used by the next record of this journal that fits in it.
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
        """The size of the largest record that did not fit; 0 if as large a one has been written since."""

    def append(self, file: int, chunks: Sequence[memoryview]) -> int:
        """Append all of `chunks` in one write; their size. Raises OSErrors, ENOSPC if only a part fits."""
        size = sum(map(len, chunks))
        if self._refused:
            self._reserve(file, size)
        try:
            if self._system.write(file, chunks) < size:
                # What is there means nothing to anybody. The rest cannot follow it: others may have appended.
                raise _no_space()
        except OSError as error:
            if error.errno in full_errors:
                self._refused = max(self._refused, size)
            raise
        if size >= self._refused:
            self._refused = 0
        return size

    def _reserve(self, file: int, size: int) -> None:
        """Raise ENOSPC or EDQUOT unless `size` bytes more fit, as far as the file system can tell."""
        status = self._system.status(file)
        # Compressed files have less than their size allocated, which says nothing of their last block.
        missing = min(size, status.size + size - status.allocated)
        if missing <= 0:
            return
        if self._system.free_bytes(file) < missing:
            raise _no_space()
        self._system.reserve(file, status.size, size)


def _no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
