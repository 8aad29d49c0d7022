"""Objects as files under one directory: the blocking half of the disk provider.

How each promise is kept:

* Atomic. A file is written without a name (`O_TMPFILE`), fsynced, and only then linked to its name, which
  fails if the name is taken. An existing file is replaced by renaming a fully written one over it. A file
  that has a name never changes. Killed at any moment, a writer leaves the old object or the new one.
* Conditional. Of all who link a file to one name the system lets exactly one succeed; no lock decides.
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
from collections.abc import Iterator

from outlast.base.clock import Clock
from outlast.base.errors import Exists
from outlast.providers.disk import files
from outlast.providers.disk.draft import Drafts
from outlast.providers.disk.place import Place
from outlast.providers.disk.walk import walk
from outlast.providers.marker import Marker
from outlast.providers.protocol import Data, Entry, Stat


class Tree:
    """The verbs of a provider, blocking, over the directory `root`. Errors are raw OSErrors or our own."""

    def __init__(self, name: str, root: str, clock: Clock) -> None:
        self._name = name
        self._root = root
        self._place = Place(name, root)
        self._drafts = Drafts(root, clock)

    def prepare(self) -> None:
        """Create the root, durably."""
        os.makedirs(self._root, exist_ok=True)
        files.fsync_folder(os.path.dirname(self._root))
        files.fsync_folder(self._root)

    def get(self, key: str, span: tuple[int, int] | None, under: Marker | None) -> bytes:
        with self._place.under("get", under):
            return self._read(key, span)

    def _read(self, key: str, span: tuple[int, int] | None) -> bytes:
        file, size = files.open_object(self._path(key))
        try:
            if span is not None:
                return files.read(file, min(span[0], size), min(span[1], size))
            if files.unsettled(file):
                files.fsync_folder(self._folder(key))
            return files.read(file, 0, size)
        finally:
            os.close(file)

    def head(self, key: str) -> Stat:
        found = os.stat(self._path(key))
        if not stat.S_ISREG(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, key)
        return Stat(found.st_size)

    def create(self, key: str, data: Data, under: Marker | None) -> None:
        with self._place.under("create", under) as traces:
            if self._is_taken(key):
                # Only spares the write: what decides between creators is the link below.
                raise Exists(self._name, "create", key)
            with self._drafts.written(self._folder(key), data, traces) as draft:
                try:
                    draft.link(self._path(key))
                except FileExistsError:
                    raise Exists(self._name, "create", key) from None

    def put(self, key: str, data: Data, under: Marker | None) -> None:
        with (
            self._place.under("put", under) as traces,
            self._drafts.written(self._folder(key), data, traces) as draft,
        ):
            try:
                draft.link(self._path(key))
            except FileExistsError:
                with self._drafts.named(draft) as temporary:
                    os.replace(temporary, self._path(key))

    def delete(self, key: str) -> None:
        try:
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

    def _folder(self, key: str) -> str:
        return self._path(key).rpartition("/")[0]
