"""The directory of a provider, and its marker, which names its store and how its log is kept.

A directory can turn into another one between two calls: a disk is unmounted and leaves its empty mount point,
a folder is renamed, another disk is mounted. So an operation under a marker reads the marker twice, in the
same thread hop: before anything is created, and again after the operation. If the second check fails,
everything that this operation created is removed, so that a mount point stays as empty as it was.

Invariant: a block of `under` ends without `Estranged` only if the marker was there after its operation.
"""

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from outlast.base.errors import Estranged, ProviderError
from outlast.providers import trouble
from outlast.providers.disk import appends
from outlast.providers.disk.files import Traces
from outlast.providers.disk.system import System
from outlast.providers.marker import MARKER_KEY, Damaged, Marker, decode_marker, marker_bytes_max


class Form(Enum):
    """How the states of slots are stored."""

    JOURNALS = "journals"
    OBJECTS = "objects"
    UNKNOWN = "unknown"
    """There is no marker that states it."""


class Sight:
    """An operation's context: the marker that it runs under, and the traces that it leaves."""

    def __init__(self, marker: Marker | None, traces: Traces) -> None:
        self.marker = marker
        """As read from the place; None if the operation does not run under one."""
        self.traces = traces


class DiskPlace:
    """The directory `root` of the provider `name`. Methods raise OSErrors, and `Estranged`."""

    def __init__(self, system: System, name: str, root: str) -> None:
        self._system = system
        self._name = name
        self._root = root
        self._device = 0
        self._local: tuple[int, bool] | None = None

    @contextmanager
    def under(self, verb: str, marker: Marker | None) -> Iterator[Sight]:
        """Let the block count only if the place's marker is `marker` afterwards. None: do not check."""
        traces = Traces(self._system)
        if marker is None:
            yield Sight(None, traces)
            return
        present = self._look(verb, marker)
        try:
            yield Sight(present, traces)
        except (OSError, ProviderError):
            self._look_again(verb, present, traces)
            raise
        self._look_again(verb, present, traces)

    def present(self) -> Marker | Damaged | None:
        """The present marker. Raises FileNotFoundError if the directory is missing."""
        system = self._system
        try:
            file = system.open_read(f"{self._root}/{MARKER_KEY}")
        except FileNotFoundError:
            if not system.is_folder(self._root):
                raise
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                return Damaged("not a file")
            raise
        try:
            status = system.status(file)
            if status.kind != stat.S_IFREG:
                return Damaged("not a file")
            self._device = status.identity[0]
            return decode_marker(system.read(file, 0, marker_bytes_max))
        finally:
            system.close(file)

    def _look(self, verb: str, marker: Marker) -> Marker:
        """The present marker, which must match `marker`."""
        present = self.present()
        stranger = trouble.of_marker(marker, present, self._may_keep(present))
        if stranger is not None:
            raise Estranged(self._name, verb, stranger.what)
        assert isinstance(present, Marker), "others are strangers"
        return present

    def _look_again(self, verb: str, marker: Marker, traces: Traces) -> None:
        present = self.present()
        if present == marker:
            return
        # If our own place was reattached since, others may be writing the same names at this moment.
        if not isinstance(present, Marker) or (present.store, present.provider) != (
            marker.store,
            marker.provider,
        ):
            traces.remove()
        stranger = trouble.of_marker(marker, present)
        what = "its marker was rewritten meanwhile" if stranger is None else stranger.what
        raise Estranged(self._name, verb, what)

    # ------------------------------------------------------------ the form of the log

    def form(self, sight: Sight) -> Form:
        """How the states of slots are stored here."""
        present = sight.marker or self.present()
        if not isinstance(present, Marker):
            return Form.UNKNOWN
        return Form.JOURNALS if self._may_keep(present) else Form.OBJECTS

    def _may_keep(self, present: Marker | Damaged | None) -> bool:
        """Whether the marker, as just read, states that the log is in journals, and this place allows it."""
        if not isinstance(present, Marker) or present.segments is None:
            return False
        if self._local is None or self._local[0] != self._device:  # the first call, or another disk
            self._local = self._device, self.is_local()
        return self._local[1]

    def is_local(self) -> bool:
        """Whether it is on a file system that supports journals."""
        return appends.is_local(self._root)
