"""What reads and writes learned about fragments, on its way into the catalog.

A reader that meets a damaged or absent fragment, and a delivery whose fragment arrived after its object was
committed, leave a note. Notes are collected for a moment, so that each finding is recorded once however many
readers meet it, and committed as `FragmentsLost` and `FragmentsRestored` records, at a rate that does not
crowd out clients' writes. The catalog's `missing` bits are hints: readers and repair verify what they read.

Notes are not promises. One that cannot be committed (the log is unavailable, there are too many at once, the
process ends) is dropped: the next reader of the fragment notes it again, and `repair` checks by itself.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable

from outlast.base.clock import Clock
from outlast.base.concurrency import Background
from outlast.base.errors import StoreError
from outlast.base.marks import reached
from outlast.base.points import point
from outlast.catalog.catalog import Catalog
from outlast.catalog.records import Extent, Fragment, FragmentsLost, FragmentsRestored

# Notes wait this long, to be recorded once and to let the object's own commit go first.
gather_s = 1.0
# A provider that lost everything causes a note for every extent that is read: 200 a second are a small
# part of what the log can do, and a backlog of 4,000 is a megabyte.
notes_a_round_max = 200
notes_max = 4000


class Notes:
    """The notes that have not been committed yet, and counts of all."""

    def __init__(self, catalog: Catalog, clock: Clock, background: Background) -> None:
        self.noted_lost = 0
        self.noted_restored = 0
        self._catalog = catalog
        self._clock = clock
        self._background = background
        self._lost: dict[tuple[bytes, int], Fragment] = {}
        self._restored: dict[tuple[bytes, int], Fragment] = {}
        self._at_work = False

    def lost(self, extent: Extent, index: int) -> None:
        """Note that fragment `index` of `extent` is not in its place, or is damaged there."""
        known = extent.missing >> index & 1
        if not known and len(self._lost) < notes_max:
            self.noted_lost += (extent.id, index) not in self._lost
            self._lost[extent.id, index] = extent.fragment(index)
            self._restored.pop((extent.id, index), None)
            self._begin()

    def restored(self, extent: bytes, fragment: Fragment) -> None:
        """Note that this fragment of the extent is now at the place that it names."""
        if len(self._restored) < notes_max:
            self.noted_restored += (extent, fragment.index) not in self._restored
            self._restored[extent, fragment.index] = fragment
            self._lost.pop((extent, fragment.index), None)
            self._begin()

    def _begin(self) -> None:
        if not self._at_work:
            self._at_work = True
            self._background.spawn(self._work())

    async def _work(self) -> None:
        try:
            while self._lost or self._restored:
                await self._clock.sleep(gather_s)
                await point("notes: gathered, not committed")
                await asyncio.gather(*self._round())
        except StoreError:
            # The log is unavailable, or refuses: see the module's docstring on dropped notes.
            reached("notes: dropped")
            self._lost.clear()
            self._restored.clear()
        finally:
            self._at_work = False

    def _round(self) -> list[Awaitable[object]]:
        """Return commits of the next few notes."""
        commits: list[Awaitable[object]] = []
        for extent, index in list(self._restored)[:notes_a_round_max]:
            fragment = self._restored.pop((extent, index))
            commits.append(self._catalog.commit(FragmentsRestored(extent, (fragment,))))
        lost: defaultdict[bytes, list[Fragment]] = defaultdict(list)
        for extent, index in list(self._lost)[:notes_a_round_max]:
            fragment = self._lost.pop((extent, index))
            if self._still_there(extent, fragment):
                lost[extent].append(fragment)
        commits.extend(
            self._catalog.commit(FragmentsLost(extent, tuple(fragments)))
            for extent, fragments in lost.items()
        )
        return commits

    def _still_there(self, extent: bytes, fragment: Fragment) -> bool:
        """Whether the catalog still places the fragment where it was not found."""
        now = self._catalog.state.extent(extent)
        index = fragment.index
        return now is not None and now.places[index] == fragment.place and not now.missing >> index & 1
