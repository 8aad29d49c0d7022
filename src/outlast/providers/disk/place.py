"""The directory of a provider, and what its marker says about whose it is.

A directory can turn into another one between two calls: a disk is unmounted and its empty mount point is
left, a folder is renamed, another disk is mounted. So what is done under a marker looks at the marker twice,
in the same thread hop: before anything is created, and again after the deed. Where the second look fails,
what this operation created is removed, so that a mount point is left as empty as it was.

Invariant: a block of `under` ends without `Estranged` only if the marker was there once its deed was done.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from outlast.base.errors import Estranged, ProviderError
from outlast.providers import trouble
from outlast.providers.marker import MARKER_KEY, Damaged, Marker, decode_marker, marker_bytes_max


class Traces:
    """What one operation has created so far."""

    def __init__(self) -> None:
        self.folders: list[str] = []
        """Paths, parents first."""
        self.files: list[tuple[str, int]] = []
        """(path, inode)."""

    def remove(self) -> None:
        """Take away what is still there as it was created. A folder that others use by now stays."""
        for path, inode in self.files:
            try:
                if os.lstat(path).st_ino == inode:
                    os.unlink(path)
            except OSError:
                continue  # it has gone with its folder, or with its disk
        for path in reversed(self.folders):
            try:
                os.rmdir(path)
            except OSError:
                continue


class Place:
    """The directory `root` of the provider `name`. Methods raise OSErrors, and `Estranged`."""

    def __init__(self, name: str, root: str) -> None:
        self._name = name
        self.root = root

    @contextmanager
    def under(self, verb: str, marker: Marker | None) -> Iterator[Traces]:
        """Have what the block does count only if the place's marker is `marker` then. None: do not look."""
        traces = Traces()
        if marker is None:
            yield traces
            return
        self._look(verb, marker)
        try:
            yield traces
        except (OSError, ProviderError):
            self._look(verb, marker, traces)
            raise
        self._look(verb, marker, traces)

    def _look(self, verb: str, marker: Marker, traces: Traces | None = None) -> None:
        present = self.present()
        stranger = trouble.of_marker(marker, present)
        if stranger is None:
            return
        # In our own place, taken back since, the same names may be written by others at this moment.
        if traces is not None and not _is_ours(marker, present):
            traces.remove()
        raise Estranged(self._name, verb, stranger.what)

    def present(self) -> Marker | Damaged | None:
        """The marker that is there now. Raises FileNotFoundError if there is no directory."""
        try:
            file = os.open(f"{self.root}/{MARKER_KEY}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            if not os.path.isdir(self.root):
                raise
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                return Damaged("not a file")
            raise
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return Damaged("not a file")
            return decode_marker(os.read(file, marker_bytes_max))
        finally:
            os.close(file)


def _is_ours(marker: Marker, present: Marker | Damaged | None) -> bool:
    """Whether the place is still the same provider's of the same store, whatever its incarnation."""
    return isinstance(present, Marker) and (present.store, present.provider) == (
        marker.store,
        marker.provider,
    )
