"""Random stores under virtual time, real but for their providers, and what really happens to them."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from outlast.base import limits
from outlast.base.errors import PreconditionFailed, StoreCorrupt, StoreUnavailable
from outlast.catalog.records import Condition, FragmentsLost
from outlast.coding.extent import fragment_key
from outlast.outages.model import Domain, Site, domains
from outlast.placement.domains import by_domain
from outlast.placement.members import DomainKind, Domains, Member, Policy
from outlast.placement.policy import data_layout, problems
from outlast.providers.wrap.fault import Shape
from outlast.store import Store, extent_writer
from outlast.testing.memory_store import World
from outlast.testing.simulation import Simulation

AWAY = (Shape.REFUSE, Shape.HANG, Shape.ERR, Shape.THROTTLE, Shape.DENIED)
NOWHERE = Site("here", "outlast.key", {})
# Guards find out who is away within this; their breakers' longest pause is part of it.
NOTICED_S = 40.0


@dataclass
class Seen:
    """What really happens: which objects cannot be read, and whether writes go on."""

    unreadable: set[str]
    small: bool
    large: bool


class RandomStore:
    """One store that a seed describes, and a person who does things to it. `objects` are contents by key."""

    def __init__(self, sim: Simulation, seed: int) -> None:
        self.sim = sim
        self.chance = random.Random(seed)
        self.policy, self.members = self._draw_members()
        self.world = World(
            len(self.members), clock=sim.clock, entropy=sim.entropy, members=self.members, policy=self.policy
        )
        self.objects: dict[str, bytes] = {}
        self.gateway = 0
        """Through which of the world's gateways it is looked at."""
        self._written = 0

    def _draw_members(self) -> tuple[Policy, tuple[Member, ...]]:
        while True:
            policy = Policy(
                self.chance.choice([0, 1, 1, 1, 2]), self.chance.choice(["operator", "operator", "location"])
            )
            count = self.chance.randint(1, 8)
            members = tuple(self._draw_member(f"p{number}", count, policy.domain) for number in range(count))
            if not problems(policy, members):
                return policy, members

    def _draw_member(self, name: str, count: int, counted: DomainKind) -> Member:
        def some(kind: DomainKind) -> str:
            if kind != counted and self.chance.random() < 0.3:
                return ""
            return f"{kind}-{self.chance.randint(0, count)}"

        what = Domains(some("operator"), some("region"), some("account"), some("software"), some("location"))
        role = self.chance.choice(["full", "full", "full", "data", "witness"])
        return Member(name, what, role != "data", role != "witness", self.chance.randbytes(16))

    @property
    def domains(self) -> list[Domain]:
        return domains(self.members, NOWHERE)

    # ------------------------------------------------------------ a past

    async def fill(self) -> None:
        """Objects of all sizes; some of an earlier policy, some written while somebody was away."""
        await self.world.create()
        await self.world.gateway()
        await self.world.store.create_bucket("bucket")
        for _ in range(self.chance.randint(0, 3)):
            await self.put(self.chance.randint(0, limits.inline_bytes_max))
        for _ in range(self.chance.randint(0, 4)):
            with self._earlier_layout():
                await self.put(self._large())
            await self.put(self._large())
        if self.objects and self.chance.random() < 0.5:
            await self._copy(self.chance.choice(sorted(self.objects)))
        if self.policy.tolerate:
            name = self.chance.choice(self.members).name
            self.world.faults[name].shape = Shape.REFUSE
            await self.put(self._large())
            self.world.faults[name].shape = None
        await self.sim.clock.sleep(NOTICED_S)

    def _large(self) -> int:
        return self.chance.choice([limits.inline_bytes_max + 1, 20_000, 3 * limits.extent_bytes_max // 2])

    async def put(self, size: int) -> None:
        """Write one more object."""
        key = f"k{self._written}"
        self._written += 1
        content = self.chance.randbytes(size)
        await self.world.store.put("bucket", key, content)
        self.objects[key] = content

    async def _copy(self, key: str) -> None:
        await self.world.store.copy("bucket", key, "bucket", f"copy of {key}")
        self.objects[f"copy of {key}"] = self.objects[key]

    @contextmanager
    def _earlier_layout(self) -> Iterator[None]:
        """What is written meanwhile is cut as another policy would have it."""
        holders = by_domain((m for m in self.members if m.holds_data), self.policy.domain)
        k = self.chance.randint(1, min(4, len(holders)))
        m = min(self.chance.choice([0, 1, 1, 1, 2, 2, 3]), len(holders) - k)
        extent_writer.data_layout = lambda policy, members: (k, m)
        try:
            yield
        finally:
            extent_writer.data_layout = data_layout

    async def lose_fragments(self) -> None:
        """Delete some fragments, and have the catalog know of it."""
        catalog, share = self.world.store.catalog, self.chance.choice([0.03, 0.15])
        for extent in catalog.state.extents():
            lost = []
            for index in range(len(extent.places)):
                if self.chance.random() < share:
                    lost.append(extent.fragment(index))
                    await self.world.memories[extent.places[index]].delete(fragment_key(extent.id, index))
            if lost:
                await catalog.commit(FragmentsLost(extent.id, tuple(lost)))

    # ------------------------------------------------------------ a bad day

    async def take_away(self, names: set[str]) -> None:
        """Make providers fail, each in a way of its own."""
        for name in sorted(names):
            self.world.faults[name].shape = self.chance.choice(AWAY)
        await self.sim.clock.sleep(NOTICED_S)

    async def erase(self, names: set[str]) -> None:
        """Make providers forget everything."""
        for name in sorted(names):
            self.world.memories[name].wipe()
        await self.sim.clock.sleep(NOTICED_S)

    async def start_gateway(self) -> None:
        """Look through a new gateway from now on, which knows nothing yet."""
        await self.world.gateway()
        self.gateway = len(self.world.gateways) - 1
        await self.sim.clock.sleep(NOTICED_S)

    async def bring_back(self, names: set[str]) -> None:
        """End what `take_away` began."""
        for name in sorted(names):
            self.world.faults[name].shape = None
        await self.sim.clock.sleep(NOTICED_S)

    # ------------------------------------------------------------ what really happens

    async def look(self) -> Seen:
        """Read everything; write a small object and a large one, each under a condition too."""
        unreadable = {key for key in self.objects if not await self.reads(key)}
        small = await self._writes("small", 10)
        large = await self._writes("large", limits.inline_bytes_max + 1)
        return Seen(unreadable, small, large)

    @property
    def _store(self) -> Store:
        return self.world.gateways[self.gateway].store

    async def reads(self, key: str) -> bool:
        try:
            reading = await self._store.get("bucket", key)
            content = await reading.read()
        except (StoreUnavailable, StoreCorrupt):
            return False
        assert content == self.objects[key], "a false answer"
        return True

    async def _writes(self, what: str, size: int) -> bool:
        """Whether writes of this size go on. A conditional one must end as an unconditional one does."""
        store, content = self._store, self.chance.randbytes(size)
        self._written += 1
        key = f"{what}{self._written}"
        try:
            await store.put("bucket", key, content, condition=Condition("absent"))
        except StoreUnavailable:
            done = False
        else:
            done = True
        try:
            await store.put("bucket", f"{what}{self._written} again", content)
            assert done, "a conditional write failed, and an unconditional one did not"
        except StoreUnavailable:
            assert not done, "an unconditional write failed, and a conditional one did not"
        if done:
            await self._one_winner(key, content)
        return done

    async def _one_winner(self, key: str, content: bytes) -> None:
        """The condition of a write that is done holds no more."""
        try:
            await self._store.put("bucket", key, content, condition=Condition("absent"))
        except PreconditionFailed:
            return
        raise AssertionError("two conditional writes have won")
