"""One extent: is each fragment where it should be, and correct? Any that is not is rebuilt from the others.

A check is thorough (every fragment is read in full, verified, and compared with what it must be, so that
forgery is found as well as decay) or quick: sizes only, except for fragments that the catalog lists as
missing. A reader or writer has noted these, perhaps as damaged at their full size, and only a full read that
verifies, or a new fragment in its place, clears the note. A rebuild always reads and verifies k fragments:
nothing that was not proved correct is ever written.

A fragment is rebuilt in its own place, or at a spare provider while that one is unavailable. With neither
it stays missing.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from outlast.base.errors import BadShares, NotFound, ProviderError, Tampered
from outlast.base.marks import reached
from outlast.base.points import point
from outlast.catalog.records import Extent, Fragment, FragmentsLost, FragmentsRestored
from outlast.coding.extent import ExtentDecoder, fragment_key
from outlast.placement.plan import spare_place
from outlast.store.context import StoreContext
from outlast.store.proof import prove, prove_content


@dataclass(slots=True)
class Finding:
    """The condition in which an extent was found, and what was done. Sets of fragment indices."""

    missing: set[int] = field(default_factory=set)
    bad: set[int] = field(default_factory=set)
    unreachable: set[int] = field(default_factory=set)
    right: set[int] = field(default_factory=set)
    """Read in full, and verified against the others."""
    restored: set[int] = field(default_factory=set)
    """Rebuilt."""
    cleared: set[int] = field(default_factory=set)
    """Noted as missing in the catalog, and proved to be correct now, rebuilt or not."""
    bytes: int = 0
    """Written."""
    readable: bool = True
    """False if even all providers together do not have k correct fragments."""

    @property
    def wrong(self) -> set[int]:
        """The fragments to rebuild."""
        return (self.missing | self.bad) - self.restored


class Restorer:
    """Checks and restores extents, one at a time. `decoder` opens an extent, or raises `StoreCorrupt`."""

    def __init__(self, context: StoreContext, decoder: Callable[[Extent], ExtentDecoder]) -> None:
        self._context = context
        self._decoder = decoder
        self.restored_at = 0.0
        """When this process last verified or rebuilt a missing fragment (Unix time); 0: never."""

    def can_restore(self, k: int, places: Sequence[str], missing: int) -> bool:
        """Whether k fragments are within reach, and one that is `missing` (bits) has a place now.

        The place is its own or a spare one.
        """
        fleet, state = self._context.fleet, self._context.catalog.state
        there = sum(fleet.available(place) for i, place in enumerate(places) if not missing >> i & 1)
        if there < k:
            return False
        unfit = fleet.down(member.name for member in state.members())
        return any(
            missing >> index & 1
            and (
                fleet.available(place)
                or spare_place(b"", index, places, state.members(), state.policy(), unfit) is not None
            )
            for index, place in enumerate(places)
        )

    async def restore(self, extent: Extent, thorough: bool = False) -> Finding:
        """Check the extent, rebuild what is wrong, and record both in the catalog.

        Raises `StoreCorrupt` if the extent's key does not open, `StoreUnavailable` if the log is not
        available.
        """
        work = _Work(self._context, extent, self._decoder(extent))
        if not thorough:
            await work.measure_all()
        if thorough or work.found.wrong or extent.missing:
            await work.read_all()
            work.judge()
            await work.rebuild()
            await point("restore: fragments rebuilt, not recorded")
        await work.record()
        if work.found.cleared or work.found.restored:
            self.restored_at = self._context.clock.now()
        return work.found


class _Work:
    """One extent. `whole` has the fragments that were read and have not proved wrong."""

    def __init__(self, context: StoreContext, extent: Extent, decoder: ExtentDecoder) -> None:
        self.found = Finding()
        self._context = context
        self._extent = extent
        self._decoder = decoder
        self._indices = range(len(extent.places))
        self._whole: dict[int, bytes] = {}
        self._moved: dict[int, str] = {}
        # Fragments found or written from now on must be under these incarnations, or they do not count.
        self._incarnations = context.catalog.state.incarnations()

    async def measure_all(self) -> None:
        """Compare sizes."""
        await asyncio.gather(*(self._measure(index) for index in self._indices))

    async def read_all(self) -> None:
        """Read every fragment that is not known to be wrong or out of reach."""
        known = self.found.wrong | self.found.unreachable
        await asyncio.gather(*(self._read(index) for index in self._indices if index not in known))

    def judge(self) -> None:
        """Determine which of the fragments that were read are wrong, if k of them are correct."""
        found = self.found
        damaged = {i for i, part in self._whole.items() if not self._decoder.intact(i, part)}
        self._convict(damaged)
        while len(self._whole) >= self._extent.k:
            try:
                self._decoder.verify(self._whole)
                found.right = set(self._whole)
                return
            except BadShares as error:
                reached("restore: a fragment was damaged")
                self._convict(set(error.bad))
            except Tampered:
                break  # no choice of k verifies; more fragments might show which are forged
        self._whole.clear()
        candidates = len(self._indices) - len(found.missing) - len(found.bad)
        reached("restore: too few fragments were right")
        found.readable = bool(found.unreachable) and candidates >= self._extent.k

    async def rebuild(self) -> None:
        """Write what is wrong, or out of reach and missing anyway, from what is correct."""
        if not self._whole:
            return
        absent = {index for index in self.found.unreachable if self._extent.missing >> index & 1}
        for index in sorted(self.found.wrong | absent):
            await self._write(index)

    async def record(self) -> None:
        """Update the catalog with what was proved: restored what is correct, lost what is not."""
        found, catalog, id = self.found, self._context.catalog, self._extent.id
        noted = {index for index in self._indices if self._extent.missing >> index & 1}
        await self._prove(found.right & noted)
        proved = sorted((found.right & noted) | found.restored)
        if proved:
            fragments = tuple(self._fragment(index) for index in proved)
            if not await catalog.commit(FragmentsRestored(id, fragments, self._extent.places)):
                for index in sorted(found.restored):
                    await self._take_back(index)
            self._check_recorded(fragments)
        found.cleared = noted & (found.right | found.restored)
        lost = sorted(found.wrong - noted)
        if lost:
            await catalog.commit(FragmentsLost(id, tuple(map(self._extent.fragment, lost))))

    async def _prove(self, indices: Collection[int]) -> None:
        """Verify that what was read is at our own place. Where it is not, nothing is proved."""
        asked = sorted(indices)
        outcomes = await asyncio.gather(*map(self._prove_one, asked), return_exceptions=True)
        for index, outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, ProviderError):
                reached("restore: a fragment was read at a place that is not ours")
                self.found.right.discard(index)
                self.found.unreachable.add(index)
            elif isinstance(outcome, BaseException):
                raise outcome

    async def _prove_one(self, index: int) -> None:
        """The fragment was noted: what our own place holds may be damaged, at the right size."""
        guard = self._context.fleet[self._extent.places[index]]
        await prove_content(guard, self._key(index), self._whole[index])

    def _check_recorded(self, fragments: Iterable[Fragment]) -> None:
        """Count only what the catalog accepted: another process may have moved fragments meanwhile.

        A fragment written in vain is left to the sweep that finds the extent deleted.
        """
        known = self._context.catalog.state.extent(self._extent.id)
        for one in fragments:
            if known is not None and (known.fragment(one.index) != one or known.missing >> one.index & 1):
                reached("restore: what was restored had moved meanwhile")
                self.found.restored.discard(one.index)
                self.found.right.discard(one.index)

    # ------------------------------------------------------------ one fragment

    async def _measure(self, index: int) -> None:
        try:
            stat = await self._context.fleet[self._extent.places[index]].head(self._key(index))
        except NotFound:
            self.found.missing.add(index)
        except (ProviderError, KeyError):  # KeyError: a provider that the settings do not name
            self.found.unreachable.add(index)
        else:
            if stat.size != self._decoder.fragment_bytes():
                self.found.bad.add(index)

    async def _read(self, index: int) -> None:
        try:
            fragment = await self._context.fleet[self._extent.places[index]].get(self._key(index))
        except NotFound:
            self.found.missing.add(index)
        except (ProviderError, KeyError):
            self.found.unreachable.add(index)
        else:
            self._whole[index] = fragment

    async def _write(self, index: int) -> None:
        place = self._place_for(index)
        if place is None:
            return
        fragment = self._decoder.rebuild_fragment(index, self._whole)
        guard = self._context.fleet[place]
        try:
            await guard.put(self._key(index), fragment)
            if index in self.found.bad:
                await prove_content(guard, self._key(index), b"".join(fragment))
            else:
                await prove(guard, self._key(index), sum(map(len, fragment)))
        except ProviderError:
            reached("restore: a fragment could not be rewritten")
            self.found.unreachable.add(index)
        else:
            reached("restore: a fragment was rebuilt")
            self._moved[index] = place
            self.found.restored.add(index)
            self.found.bytes += sum(map(len, fragment))

    def _place_for(self, index: int) -> str | None:
        """Its own place if that is available, otherwise a spare one."""
        own, fleet, state = self._extent.places[index], self._context.fleet, self._context.catalog.state
        if fleet.available(own):
            return own
        unfit = fleet.down(member.name for member in state.members())
        places = [self._moved.get(i, place) for i, place in enumerate(self._extent.places)]
        return spare_place(self._extent.id, index, places, state.members(), state.policy(), unfit)

    async def _take_back(self, index: int) -> None:
        """Delete it: the extent is not known any more, its object was deleted and collected meanwhile."""
        reached("restore: an extent was collected meanwhile")
        try:
            await self._context.fleet[self._moved[index]].delete(self._key(index))
        except ProviderError:
            pass  # it takes space until a sweep, and does no harm

    def _convict(self, bad: set[int]) -> None:
        self.found.bad |= bad
        for index in bad:
            del self._whole[index]

    def _fragment(self, index: int) -> Fragment:
        place = self._moved.get(index, self._extent.places[index])
        return Fragment(index, place, self._incarnations.get(place, b""))

    def _key(self, index: int) -> str:
        return fragment_key(self._extent.id, index)
