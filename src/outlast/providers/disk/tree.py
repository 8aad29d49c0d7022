"""Objects as files under one directory: the blocking half of the disk provider.

How each promise is kept:

* Atomic. A file is written without a name (`O_TMPFILE`), fsynced, and only then linked to its name, which
  fails if the name is taken. An existing file is replaced by renaming a fully written one over it. A file
  that has a name never changes. Killed at any moment, a writer leaves the old object or the new one.
* Conditional. `replace`, and whatever else could come between its look and its rename (`put` over an
  existing object, `delete`), hold a lock (`flock`) that all processes share, for some 30 us. While the old
  file is held open its inode cannot be used anew, so that "the same inode" means "the same content".
* Durable. The file, its folder, and once the folders above are fsynced before a verb returns. A writer
  holds a lock on the file itself until then; a `get` that meets it fsyncs the folder on the writer's
  behalf, so that nobody acts on a value that a power cut could still take back. (A writer killed in
  between leaves no such hint; the system writes the name within seconds.)
* An absent root is an error, never an empty store: no verb creates it. A disk that is not mounted must not
  pass for one that is empty.

It is not safe against others who write into the directory by other means.
"""

import errno
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

from outlast.base.clock import Clock
from outlast.base.errors import Conflict, Exists
from outlast.providers.disk import files
from outlast.providers.disk.draft import Drafts, own_folder
from outlast.providers.disk.walk import walk
from outlast.providers.names import content_etag
from outlast.providers.protocol import Blob, Data, Entry, Stat

# One lock file for each value of a byte: different keys rarely meet, and the folder stays small.
lock_files = 256

LOCKS = ".locks"


class Tree:
    """The verbs of a provider, blocking, over the directory `root`. Errors are raw OSErrors or our own."""

    def __init__(self, name: str, root: str, clock: Clock) -> None:
        self._name = name
        self._root = root
        self._drafts = Drafts(root, clock)

    def prepare(self) -> None:
        """Create the root, durably."""
        os.makedirs(self._root, exist_ok=True)
        files.fsync_folder(os.path.dirname(self._root))
        files.fsync_folder(self._root)

    def get(self, key: str, span: tuple[int, int] | None) -> Blob:
        file, size = files.open_object(self._path(key))
        try:
            if span is not None:
                return Blob(files.read(file, min(span[0], size), min(span[1], size)), None)
            if files.unsettled(file):
                files.fsync_folder(self._folder(key))
            data = files.read(file, 0, size)
        finally:
            os.close(file)
        return Blob(data, content_etag(data))

    def head(self, key: str) -> Stat:
        found = os.stat(self._path(key))
        if not stat.S_ISREG(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, key)
        return Stat(found.st_size)

    def create(self, key: str, data: Data) -> str:
        if self._is_taken(key):
            # Only spares the write: what decides between creators is the link below.
            raise Exists(self._name, "create", key)
        with self._drafts.written(self._folder(key), data) as draft:
            try:
                draft.link(self._path(key))
            except FileExistsError:
                raise Exists(self._name, "create", key) from None
        return content_etag(data)

    def put(self, key: str, data: Data) -> None:
        with self._drafts.written(self._folder(key), data) as draft:
            try:
                draft.link(self._path(key))
            except FileExistsError:
                with self._drafts.named(draft) as temporary, self._locked(key):
                    os.replace(temporary, self._path(key))

    def replace(self, key: str, data: Data, etag: str) -> str:
        old, size = self._open_old(key)
        try:
            if content_etag(files.read(old, 0, size)) != etag:
                raise Conflict(self._name, "replace", key)
            with (
                self._drafts.written(self._folder(key), data) as draft,
                self._drafts.named(draft) as temporary,
                self._locked(key),
            ):
                if not self._is_still(old, key):
                    raise Conflict(self._name, "replace", key)
                os.replace(temporary, self._path(key))
        finally:
            os.close(old)
        return content_etag(data)

    def delete(self, key: str) -> None:
        try:
            with self._locked(key):
                os.unlink(self._path(key))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if not os.path.isdir(self._root):
                raise

    def walk(self, prefix: str, start_after: str) -> Iterator[Entry]:
        """What `list` yields."""
        return walk(self._root, prefix, start_after)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _is_taken(self, key: str) -> bool:
        try:
            found = os.lstat(self._path(key))
        except FileNotFoundError:
            return False
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, key)
        return True

    def _open_old(self, key: str) -> tuple[int, int]:
        """The open file and size of what `replace` is to replace. Raises `Conflict` if there is nothing."""
        try:
            return files.open_object(self._path(key))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if os.path.isdir(self._root):
                raise Conflict(self._name, "replace", f"{key}: no such object") from None
            raise

    def _is_still(self, old: int, key: str) -> bool:
        """Whether the name still belongs to the open file `old`, whose inode is not free while it is open."""
        try:
            return os.path.samestat(os.fstat(old), os.stat(self._path(key)))
        except FileNotFoundError:
            return False

    def _locked(self, key: str) -> AbstractContextManager[None]:
        number = zlib.crc32(key.encode()) % lock_files
        return files.locked(f"{own_folder(self._root, LOCKS)}/{number:02x}")

    def _folder(self, key: str) -> str:
        return self._path(key).rpartition("/")[0]
