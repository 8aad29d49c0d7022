"""One extent: is each fragment where it should be, and right? What is not is made anew from the others.

Looking is thorough (every fragment is read whole, checked, and compared with what it must be, so that forgery
is found as well as decay) or quick (sizes only). Making anew always reads and verifies k fragments: nothing
that was not proved right is ever written.

A fragment is made anew in its own place. If that provider cannot be reached it stays missing.
"""

import asyncio
from dataclasses import dataclass, field

from outlast.base.errors import BadShares, NotFound, ProviderError, Tampered
from outlast.catalog.records import Extent, Fragment, FragmentsLost, FragmentsRestored
from outlast.coding.extent import ExtentDecoder, fragment_key
from outlast.store import Store


@dataclass(slots=True)
class Finding:
    """How an extent was found, and what was done. Sets of fragment indices."""

    missing: set[int] = field(default_factory=set)
    bad: set[int] = field(default_factory=set)
    unreachable: set[int] = field(default_factory=set)
    restored: set[int] = field(default_factory=set)
    bytes: int = 0
    """Written."""
    readable: bool = True
    """False when even all providers together do not have k fragments that are right."""

    @property
    def wrong(self) -> set[int]:
        """What is to be made anew."""
        return (self.missing | self.bad) - self.restored


async def mend(store: Store, extent: Extent, verify: bool) -> Finding:
    """Look at one extent, make anew what is not right, and tell the catalog.

    Raises `StoreCorrupt` if the extent's key does not open, `StoreUnavailable` if the log is away.
    """
    work = _Work(store, extent)
    if verify:
        await work.read_all()
    else:
        await work.measure_all()
        if work.found.wrong:
            await work.read_all()
    if verify or work.found.wrong:
        work.judge()
        await work.make_anew()
    await work.tell()
    return work.found


class _Work:
    """`whole` has the fragments that were read and not found wrong yet."""

    def __init__(self, store: Store, extent: Extent) -> None:
        self.found = Finding()
        self._store = store
        self._extent = extent
        self._decoder: ExtentDecoder = store.reader.decoder(extent)
        self._indices = range(len(extent.places))
        self._whole: dict[int, bytes] = {}
        # What is found or written from now on is there under these, or the record of it will not count.
        self._incarnations = store.catalog.state.incarnations()

    async def measure_all(self) -> None:
        """Compare sizes."""
        await asyncio.gather(*(self._measure(index) for index in self._indices))

    async def read_all(self) -> None:
        """Read every fragment that is not known to be wrong or out of reach."""
        known = self.found.wrong | self.found.unreachable
        await asyncio.gather(*(self._read(index) for index in self._indices if index not in known))

    def judge(self) -> None:
        """Find out which of the fragments that were read are wrong, as far as k of them are right."""
        found = self.found
        damaged = {i for i, part in self._whole.items() if not self._decoder.intact(i, part)}
        self._convict(damaged)
        while len(self._whole) >= self._extent.k:
            try:
                self._decoder.verify(self._whole)
                return
            except BadShares as error:
                self._convict(set(error.bad))
            except Tampered:
                break  # no choice of k verifies; more fragments might show which are forged
        self._whole.clear()
        candidates = len(self._indices) - len(found.missing) - len(found.bad)
        found.readable = bool(found.unreachable) and candidates >= self._extent.k

    async def make_anew(self) -> None:
        """Write what is wrong, from what is right."""
        if self._whole:
            for index in sorted(self.found.wrong):
                await self._write(index)

    async def tell(self) -> None:
        """Bring the catalog's `missing` bits in line with what was found."""
        found, catalog, id = self.found, self._store.catalog, self._extent.id
        right = set(self._indices) - found.wrong - found.unreachable
        for index in sorted(right):
            if self._extent.missing >> index & 1 and not await catalog.commit(
                FragmentsRestored(id, (self._fragment(index),))
            ):
                await self._take_back(index)
        lost = [index for index in sorted(found.wrong) if not self._extent.missing >> index & 1]
        if lost:
            await catalog.commit(FragmentsLost(id, tuple(map(self._extent.fragment, lost))))

    # ------------------------------------------------------------ one fragment

    async def _measure(self, index: int) -> None:
        try:
            stat = await self._store.fleet[self._extent.places[index]].head(self._key(index))
        except NotFound:
            self.found.missing.add(index)
        except (ProviderError, KeyError):  # KeyError: a provider that the settings do not name
            self.found.unreachable.add(index)
        else:
            if stat.size != self._decoder.fragment_bytes():
                self.found.bad.add(index)

    async def _read(self, index: int) -> None:
        try:
            fragment = await self._store.fleet[self._extent.places[index]].get(self._key(index))
        except NotFound:
            self.found.missing.add(index)
        except (ProviderError, KeyError):
            self.found.unreachable.add(index)
        else:
            self._whole[index] = fragment

    async def _write(self, index: int) -> None:
        fragment = self._decoder.rebuild_fragment(index, self._whole)
        try:
            await self._store.fleet[self._extent.places[index]].put(self._key(index), fragment)
        except (ProviderError, KeyError):
            self.found.unreachable.add(index)
        else:
            self.found.restored.add(index)
            self.found.bytes += sum(map(len, fragment))

    async def _take_back(self, index: int) -> None:
        """The extent is not known any more: its object was deleted and collected meanwhile."""
        try:
            await self._store.fleet[self._extent.places[index]].delete(self._key(index))
        except ProviderError:
            pass  # space, no harm

    def _convict(self, bad: set[int]) -> None:
        self.found.bad |= bad
        for index in bad:
            del self._whole[index]

    def _fragment(self, index: int) -> Fragment:
        place = self._extent.places[index]
        return Fragment(index, place, self._incarnations.get(place, b""))

    def _key(self, index: int) -> str:
        return fragment_key(self._extent.id, index)
