"""Several gateways' logs over shared memory voters, for the quorum's tests."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from outlast.base.errors import Cause, Full, Unavailable
from outlast.providers.marker import MARKER_KEY, Marker
from outlast.providers.wrap.attest import Attest
from outlast.providers.wrap.wrapper import Call, Perform, Wrapper
from outlast.quorum.batch import GENESIS_HASH
from outlast.quorum.genesis import write_genesis
from outlast.quorum.log import Log, VoterPlace
from outlast.testing.checkers import LogCheckers
from outlast.testing.network import FAIR, AccessLine, Link, Weather
from outlast.testing.places import Place
from outlast.testing.plain_seal import PlainSeal
from outlast.testing.simulation import Simulation

T = TypeVar("T")

STORE = b"s" * 16
INCARNATION = b"i" * 16


class Gate(Wrapper):
    """One gateway's way to one voter, which can be shut, full, or lose answers to what it did.

    `shuts_after` is after how many more creations it shuts by itself.
    """

    shut = False
    full = False
    shuts_after: int | None = None
    loses_answers = False
    calls: Counter[str] | None = None
    refused_bytes: int | None = None
    """Creations of more than this are refused for want of space."""
    send: Callable[[int], Awaitable[None]] | None = None
    """How long what is created takes on its way, by its size."""

    def count_calls(self) -> Counter[str]:
        """The calls from now on, by verb."""
        self.calls = Counter()
        return self.calls

    async def around(self, call: Call, perform: Perform[T]) -> T:
        verb = call.verb
        if self.calls is not None:
            self.calls[verb] += 1
        if self.shut:
            raise Unavailable(self.name, verb, "shut", Cause.REFUSED)
        if verb == "create":
            if self.full or (self.refused_bytes is not None and (call.size or 0) > self.refused_bytes):
                raise Full(self.name, verb)
            if self.send is not None:
                await self.send(call.size or 0)
        if self.shuts_after is not None and verb == "create":
            self.shuts_after -= 1
            self.shut = self.shuts_after == 0
        result = await perform()
        if self.loses_answers and verb == "create":
            raise Unavailable(self.name, verb, "answer lost", Cause.RESET)
        return result


class Gateway:
    """One log, what it applied, and its own links to the voters."""

    def __init__(self, cluster: "Cluster", name: str, weather: Weather) -> None:
        sim = cluster.sim
        self.name = name
        self.applied: list[bytes] = []
        self.gates = [Gate(voter) for voter in cluster.voters]
        self.links = [
            Link(gate, sim.clock, sim.entropy_of(f"{name}/{voter.name}"), weather)
            for voter, gate in zip(cluster.voters, self.gates, strict=True)
        ]
        attested = [Attest(link, Marker(STORE, link.name, INCARNATION), sim.clock) for link in self.links]
        self.voters = {one.name: one for one in attested}
        self._sim = sim
        self._errors = cluster.errors
        self.speak_through([VoterPlace(one) for one in attested])

    def speak_through(self, places: Sequence[VoterPlace]) -> None:
        """Begin the log, with its voters there."""
        self.log = Log(
            places,
            PlainSeal(),
            self._sim.entropy_of(f"{self.name}/id").bytes(16),
            self._sim.clock,
            self._sim.entropy_of(self.name),
            self._apply,
            report=self._errors.append,
        )

    def slow_down(self, down_bytes_per_s: float, up_bytes_per_s: float) -> None:
        """From now on all links share a line that carries no more."""
        down, up = AccessLine(self._sim.clock, down_bytes_per_s), AccessLine(self._sim.clock, up_bytes_per_s)
        for link in self.links:
            link.down, link.up = down, up

    def expect(self, name: str, incarnation: bytes) -> None:
        """What the guard does when the log tells of a provider that was taken back."""
        self.voters[name].expect(incarnation)

    def _apply(self, slot: int, digest: bytes, records: Sequence[bytes]) -> list[object]:
        first = len(self.applied)
        self.applied.extend(records)
        return list(range(first, len(self.applied)))


class Cluster:
    """`voters` memory providers with markers and a genesis slot, each of whose writes is checked."""

    def __init__(self, sim: Simulation, voters: int = 3) -> None:
        self.sim = sim
        self.voters = [Place(f"v{i}", sim.clock) for i in range(voters)]
        names = [voter.name for voter in self.voters]
        incarnations = dict.fromkeys(names, INCARNATION)
        self.checkers = LogCheckers(
            names, PlainSeal(), incarnations, sim.fail, taken_back, sim.clock.monotonic
        )
        self.errors: list[BaseException] = []
        self._gateways = 0

    async def create(self) -> None:
        for voter in self.voters:
            await self.mark(voter)
        await write_genesis(self.voters, PlainSeal(), b"g" * 16, b"genesis")
        for voter in self.voters:
            self.checkers.watch(voter)

    async def mark(self, voter: Place, incarnation: bytes = INCARNATION) -> None:
        await voter.put(MARKER_KEY, Marker(STORE, voter.name, incarnation).encode())

    def gateway(self, weather: Weather = FAIR) -> Gateway:
        self._gateways += 1
        return Gateway(self, f"g{self._gateways}", weather)


def taken_back(record: bytes) -> tuple[str, bytes] | None:
    """The voter that a record `reattach <voter> <incarnation>` takes back, and the incarnation."""
    parts = record.split(b" ")
    return (parts[1].decode(), parts[2]) if parts[0] == b"reattach" else None


class Broken(Place):
    """A voter that refuses everything while `broken`."""

    broken = False

    async def _turn(self) -> None:
        if self.broken:
            raise Unavailable(self.name, "any", "broken", Cause.REFUSED)
        await super()._turn()


__all__ = ["GENESIS_HASH", "INCARNATION", "Broken", "Cluster", "Gateway", "PlainSeal"]
