"""A whole store in memory, one call away: every part is the real one, only the providers are dicts.

    async with memory_store() as world:
        await world.store.create_bucket("photos")
        world.faults["p1"].shape = Shape.HANG
        ...

A `World` has the providers, which survive, and the gateways on them, each with its own guards, log, catalog,
and store. Faults are at the provider, so that all gateways see them alike; those of drills are at each
gateway, as in production (`Gateway.drilled`). Providers other than memory's can be passed
(`World(providers=...)`); with the simulator's clock and entropy everything is repeatable.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from outlast.assembly.providers import apply_drill
from outlast.assembly.wire import wire_store
from outlast.base.clock import Clock, SystemClock, unix_ms
from outlast.base.entropy import Entropy, SeededEntropy
from outlast.catalog.records import DrillSet, Genesis
from outlast.catalog.state import State
from outlast.catalog.wire import encode
from outlast.coding.keys import Keyring, MasterKey
from outlast.coding.seal import Box
from outlast.placement.members import Domains, Member, Policy
from outlast.placement.policy import choose_voters
from outlast.providers.claim import write_marker
from outlast.providers.health import Health
from outlast.providers.marker import Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Provider
from outlast.providers.quota import Quota
from outlast.providers.wrap.fault import FaultProvider
from outlast.providers.wrap.guard import Guard, marker_period_s
from outlast.providers.wrap.meter import Meter
from outlast.quorum.genesis import write_genesis
from outlast.quorum.log import VoterPlace
from outlast.store import Store


class Gateway:
    """One gateway of a world. `errors` collects failures in the background."""

    def __init__(
        self,
        world: "World",
        path: Path | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        reach: Callable[[Provider], Provider] = lambda provider: provider,
        errors: list[BaseException] | None = None,
    ) -> None:
        """`path`: of the local catalog, if it is in a file. `clock`, `entropy`: this computer's, if not the
        world's. `reach`: how it reaches a provider. `errors`: where errors in the background go.
        """
        entropy = entropy or world.entropy
        clock = self._clock = clock or world.clock
        self.errors: list[BaseException] = [] if errors is None else errors
        self.drilled = {name: FaultProvider(reach(one), clock, entropy) for name, one in world.faults.items()}
        self.guards = {name: world.guard(name, one) for name, one in self.drilled.items()}
        self.state = State(":memory:") if path is None else State(path)
        voters = [VoterPlace(self.guards[name], self.drilled[name]) for name in world.voters]
        for name in self.guards:
            self.guards[name].expect(world.incarnation(name))
        self.store = wire_store(
            self.state,
            self.guards,
            voters,
            world.keyring,
            clock,
            entropy,
            self.errors.append,
            self._drill,
            world.quotas,
        )
        self.catalog = self.store.catalog
        self.fleet = self.store.fleet
        assert self.store.log is not None
        self.log = self.store.log

    def _drill(self, drill: DrillSet) -> None:
        if drill.provider in self.drilled:
            apply_drill(self.drilled[drill.provider], drill, self._clock)


class World:
    """Providers named p0, p1, ... with a store on them. `await create()` first."""

    def __init__(
        self,
        providers: Sequence[Provider] | int = 3,
        tolerate: int = 1,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        members: Sequence[Member] = (),
        policy: Policy | None = None,
        quiet_period_s: float = marker_period_s,
        quotas: Mapping[str, Quota] | None = None,
    ) -> None:
        """`members`, with the providers' names, define who votes, who holds data, and what they share.

        `quiet_period_s` is how often an idle gateway checks on a provider.
        """
        self._quiet_period_s = quiet_period_s
        self.quotas = quotas or {}
        self.clock = clock or SystemClock()
        self.entropy = entropy or SeededEntropy(0)
        if isinstance(providers, int):
            providers = [MemoryProvider(f"p{number}", self.clock) for number in range(providers)]
        self.memories = {p.name: p for p in providers if isinstance(p, MemoryProvider)}
        self.faults = {
            p.name: FaultProvider(Meter(p, self.clock), self.clock, self.entropy) for p in providers
        }
        self.id = self.entropy.bytes(16)
        self.keyring = Keyring(MasterKey.create(self.entropy), self.id)
        self.policy = policy or Policy(tolerate)
        self.members = tuple(members) or tuple(
            Member(p.name, Domains(operator=p.name), True, True, self.entropy.bytes(16)) for p in providers
        )
        self.voters = choose_voters(self.policy, self.members)
        self.gateways: list[Gateway] = []

    @property
    def store(self) -> Store:
        """The first gateway's store."""
        return self.gateways[0].store

    @property
    def guards(self) -> dict[str, Guard]:
        """The first gateway's guards."""
        return self.gateways[0].guards

    def incarnation(self, name: str) -> bytes:
        """The incarnation with which the provider was created."""
        return next(member.incarnation for member in self.members if member.name == name)

    def marker(self, name: str) -> Marker:
        """The marker with which the provider was created."""
        return Marker(self.id, name, self.incarnation(name))

    def guard(self, name: str, inner: Provider | None = None) -> Guard:
        """Return a new guard for the provider, or for `inner`, through which it is reached."""
        health = Health(name, self.clock, self.entropy)
        at = inner or self.faults[name]
        return Guard(at, health, self.clock, self.marker(name), self._quiet_period_s)

    async def create(self) -> None:
        """Write markers and slot 0, as `outlast init` does."""
        for name, fault in self.faults.items():
            await write_marker(fault, self.marker(name))
        genesis = Genesis(self.id, unix_ms(self.clock), self.policy, self.members, self.voters)
        voters = [self.faults[name] for name in self.voters]
        seal = Box(self.keyring.log, self.entropy)
        await write_genesis(voters, seal, self.entropy.bytes(16), encode(genesis))

    async def gateway(
        self,
        path: Path | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        reach: Callable[[Provider], Provider] = lambda provider: provider,
        errors: list[BaseException] | None = None,
    ) -> Gateway:
        """Open one more gateway. Parameters as `Gateway`'s."""
        gateway = Gateway(self, path, clock, entropy, reach, errors)
        self.gateways.append(gateway)
        await gateway.store.open()
        return gateway

    async def close(self) -> None:
        """Close all gateways."""
        for gateway in self.gateways:
            await gateway.store.close()


@asynccontextmanager
async def memory_store(
    providers: Sequence[Provider] | int = 3,
    tolerate: int = 1,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    quotas: Mapping[str, Quota] | None = None,
    policy: Policy | None = None,
) -> AsyncIterator[World]:
    """Create a world with one gateway. It is closed at the end; background errors are raised then."""
    world = World(providers, tolerate, clock, entropy, policy=policy, quotas=quotas)
    await world.create()
    await world.gateway()
    try:
        yield world
    finally:
        await world.close()
    for gateway in world.gateways:
        for error in gateway.errors:
            raise error
