"""A store over directories, and a person who does things to it.

This is the oracle, so it knows nothing of what it judges. It uses the settings file, the verbs of an open
store, and the file system: a directory that is moved is a provider that is away, one that is emptied has lost
everything, and a quota is a line in the settings.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from outlast.assembly.create import Files, create_store, plan_store, write_settings
from outlast.assembly.opening import open_store
from outlast.assembly.settings import load_settings
from outlast.assembly.survey import close_all, survey
from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import StoreError
from outlast.placement.members import Policy
from outlast.store import Store
from outlast.testing.siege.dice import Dice
from outlast.testing.truth.blueprint import Blueprint, large_sizes, small_bytes_max

BUCKET = "truth"
USED_UP = "1kB"
"""A quota that anything uses up."""
# What fails is tried once more after this: by then it is known who is away.
settle_s = 3.0
tries = 2
# What readers meet is in the catalog after this.
notes_s = 2.0
at_once = 8


@dataclass(slots=True)
class DaySeen:
    """What happened."""

    readable: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    small: bool = False
    large: bool = False
    reasons: list[str] = field(default_factory=list)
    """Why something failed, for a person who investigates."""


class Shop:
    """See the module's docstring. `contents` are the objects that were acknowledged, by key."""

    def __init__(
        self, folder: Path, blueprint: Blueprint, dice: Dice, clock: Clock, entropy: Entropy
    ) -> None:
        self.blueprint = blueprint
        self.contents: dict[str, bytes] = {}
        self._folder = folder
        self._config = folder / "outlast.toml"
        self._dice = dice
        self._clock = clock
        self._entropy = entropy
        self._full: frozenset[str] = frozenset()
        self._uncertain: dict[str, bytes] = {}
        self._written = 0
        self._states = 0

    # ------------------------------------------------------------ making it

    async def create(self) -> None:
        """Make the store, empty."""
        self._folder.mkdir(parents=True)
        surveyed = await survey(self._urls(), self._clock, self._entropy)
        try:
            plan = plan_store(surveyed, Policy(self.blueprint.tolerate), self._entropy)
            await create_store(plan, surveyed, self._files(), self._clock, self._entropy)
        finally:
            await close_all([one.provider for one in surveyed])
        self._id = plan.store
        self._settle_settings()

    def _urls(self) -> dict[str, str]:
        urls = {}
        for place in self.blueprint.places:
            role = f"&role={place.role}" if place.role else ""
            quota = f"&quota_bytes={USED_UP}" if place.name in self._full else ""
            where = self.directory(place.name).absolute()
            urls[place.name] = f"file://{where}?operator={place.operator}{role}{quota}"
        return urls

    def _files(self) -> Files:
        return Files(self._config, self._folder / "outlast.key")

    def _settle_settings(self) -> None:
        self._config.unlink()
        write_settings(self._id, self._urls(), self._files())

    async def fill(self) -> None:
        """Give it the objects and the past of its blueprint."""
        plan, dice = self.blueprint, self._dice
        async with self.open() as store:
            await store.create_bucket(BUCKET)
            small = [
                await self._put(store, dice.integer(0, small_bytes_max), "small") for _ in range(plan.small)
            ]
            for _ in range(plan.overwrites if small else 0):
                await self._put(store, dice.integer(0, small_bytes_max), dice.pick(small))
            large = [await self._put(store, dice.pick(large_sizes), "large") for _ in range(plan.large)]
            for key in large[: plan.deleted]:
                await store.delete(BUCKET, key)
                del self.contents[key]
        if plan.while_away and plan.tolerate:
            await self._write_while_away()
        if plan.mistaken and plan.tolerate:
            await self._have_fragments_called_missing()

    async def _write_while_away(self) -> None:
        away = {self._dice.pick(self.blueprint.places).name}
        self.take_away(away)
        async with self.open() as store:
            for _ in range(self.blueprint.while_away):
                await self._put(store, self._dice.pick(large_sizes), "away")
        self.bring_back(away)

    async def _have_fragments_called_missing(self) -> None:
        """Hide one provider's fragments from readers until the catalog says that they are missing."""
        name = self._dice.pick(self.blueprint.places).name
        fragments = self.directory(name) / "x"
        if not fragments.exists():
            return
        hidden = fragments.rename(self._folder / "hidden")
        async with self.open() as store:
            for key in sorted(self.contents):
                with suppress(StoreError):  # it may have lacked another fragment before
                    await (await store.get(BUCKET, key)).read()
            await self._clock.sleep(notes_s)
        shutil.rmtree(fragments, ignore_errors=True)
        hidden.rename(fragments)

    async def _put(self, store: Store, size: int, key: str) -> str:
        """Write an object; `key` may be that of one that is there, or says what kind it is."""
        if key not in self.contents:
            self._written += 1
            key = f"{key}-{self._written}"
        content = self._dice.entropy.bytes(size)
        await store.put(BUCKET, key, content)
        self.contents[key] = content
        return key

    @asynccontextmanager
    async def open(self, fresh: bool = False) -> AsyncIterator[Store]:
        """The store, opened again; `fresh`: from a computer that knows nothing of it yet."""
        if fresh:
            self._states += 1
        state = self._folder / f"state-{self._states}"
        settings = load_settings(self._config)
        ignore: list[BaseException] = []
        async with open_store(settings, state, self._clock, self._entropy, ignore.append) as store:
            yield store

    # ------------------------------------------------------------ a bad day

    def directory(self, name: str) -> Path:
        """Where a provider is."""
        return self._folder / name

    def bytes_at(self, name: str) -> int:
        """How many bytes are stored at a provider."""
        return sum(path.stat().st_size for path in self.directory(name).rglob("*") if path.is_file())

    def take_away(self, names: Collection[str]) -> None:
        """Make providers unreachable."""
        for name in sorted(names):
            self.directory(name).rename(self._elsewhere(name))

    def bring_back(self, names: Collection[str]) -> None:
        """End what `take_away` began."""
        for name in sorted(names):
            self._elsewhere(name).rename(self.directory(name))

    def _elsewhere(self, name: str) -> Path:
        return self._folder / f"{name}.away"

    def empty(self, names: Collection[str]) -> None:
        """Delete everything at providers."""
        for name in sorted(names):
            for path in self.directory(name).iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def use_up(self, names: Collection[str]) -> set[str]:
        """Set quotas that those of these providers have used up that hold something, and no others; which."""
        full = {name for name in names if any((self.directory(name) / "x").rglob("*.[0-9]*"))}
        self._full = frozenset(full)
        self._settle_settings()
        return full

    # ------------------------------------------------------------ what happens

    async def look(self, fresh: bool) -> DaySeen:
        """Read everything, and write a small object and a large one."""
        seen = DaySeen()
        try:
            async with self.open(fresh) as store:
                slots = asyncio.Semaphore(at_once)
                await asyncio.gather(*(self._read(store, key, seen, slots) for key in sorted(self.contents)))
                seen.small = await self._write(store, "small-try", 10, seen)
                seen.large = await self._write(store, "large-try", large_sizes[0], seen)
        except StoreError as error:  # a computer that knows nothing cannot even open it
            seen.reasons.append(f"open: {error}")
            seen.unreadable |= self.contents.keys() - seen.readable
        return seen

    async def _read(self, store: Store, key: str, seen: DaySeen, slots: asyncio.Semaphore) -> None:
        async with slots:
            for last in range(tries):
                try:
                    content = await (await store.get(BUCKET, key)).read()
                except StoreError as error:
                    if last == tries - 1:
                        seen.unreadable.add(key)
                        seen.reasons.append(f"read {key}: {error}")
                    else:
                        await self._clock.sleep(settle_s)
                else:
                    assert content == self.contents[key], f"{key} is not what was written"
                    seen.readable.add(key)
                    return

    async def _write(self, store: Store, kind: str, size: int, seen: DaySeen) -> bool:
        for _ in range(tries):
            self._written += 1
            key, content = f"{kind}-{self._written}", self._dice.entropy.bytes(size)
            try:
                await store.put(BUCKET, key, content)
            except StoreError as error:
                self._uncertain[key] = content
                reason = f"write {key}: {error}"
                await self._clock.sleep(settle_s)
            else:
                self.contents[key] = content
                return True
        seen.reasons.append(reason)
        return False

    async def settle(self) -> None:
        """With every provider back: record which of the writes that failed were done anyway."""
        async with self.open() as store:
            for key, content in self._uncertain.items():
                try:
                    await store.head(BUCKET, key)
                except StoreError:
                    continue
                self.contents[key] = content
        self._uncertain.clear()
