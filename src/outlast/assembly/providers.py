"""The providers of a store, each with its wrappers: faults for drills, and the guard.

From the inside out: the provider itself, the `FaultProvider` that drills make fail, and the `Guard` that
measures it and prevents hanging or erased providers from holding up requests. The store and the log see
guards only.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import ConfigError
from outlast.catalog.records import DrillFault, DrillSet
from outlast.placement.members import Member
from outlast.providers.health import Health
from outlast.providers.marker import Marker
from outlast.providers.memory import MemoryProvider
from outlast.providers.protocol import Provider
from outlast.providers.quota import Quota
from outlast.providers.registry import open_provider, parse_url, quiet_period_s
from outlast.providers.wrap.attest import Attest
from outlast.providers.wrap.fault import Fault, FaultProvider, Shape
from outlast.providers.wrap.guard import Guard
from outlast.quorum.log import VoterPlace

# The incarnation that a guard expects before `expect` is called. No marker contains it.
_no_incarnation = bytes(16)
_shapes = frozenset(Shape)


class Providers:
    """Guards by name, and the drills on their providers. No provider receives a request here."""

    def __init__(
        self,
        opened: Mapping[str, Provider],
        store: bytes,
        clock: Clock,
        entropy: Entropy,
        quotas: Mapping[str, Quota] | None = None,
    ) -> None:
        self._store, self._clock, self._entropy = store, clock, entropy
        self.quotas = quotas or {}
        self._faults = {name: FaultProvider(one, clock, entropy) for name, one in opened.items()}
        self.guards = {
            name: Guard(
                fault,
                Health(name, clock, entropy),
                clock,
                Marker(store, name, _no_incarnation),
                quiet_period_s(fault),
            )
            for name, fault in self._faults.items()
        }

    def unattested(self, name: str) -> Provider:
        """A provider without its marker check, same deadlines: for what proves itself, as slot 0 does."""
        return Guard(self._faults[name], Health(name, self._clock, self._entropy), self._clock)

    def expect(self, name: str, incarnation: bytes) -> None:
        """Set what the provider's marker must contain from now on."""
        if name in self.guards:
            self.guards[name].expect(incarnation)

    def drill(self, drill: DrillSet) -> None:
        """Make a provider fail in a shape until the drill's end, which is a wall-clock time."""
        fault = self._faults.get(drill.provider)
        if fault is not None:
            apply_drill(fault, drill, self._clock)

    def voter(self, member: Member) -> VoterPlace:
        """Return the acceptor at a provider; for one that is not in the settings, one that refuses every
        call.
        """
        name = member.name
        if name in self.guards:
            return VoterPlace(self.guards[name], self._faults[name])
        absent = FaultProvider(MemoryProvider(name, self._clock), self._clock, self._entropy)
        absent.shape = Shape.REFUSE
        return VoterPlace(Attest(absent, Marker(self._store, name, member.incarnation), self._clock))

    def check_known(self, members: Sequence[Member]) -> None:
        """Raise `ConfigError` if the settings name a provider that is not a member."""
        known = [member.name for member in members]
        for name in self.guards:
            if name not in known:
                raise ConfigError(
                    f"provider {name} is not one of this store, whose providers are {', '.join(known)}",
                    "remove it from outlast.toml; providers cannot be added to a store yet",
                )

    async def close(self) -> None:
        """Close all of them."""
        for guard in self.guards.values():
            await guard.close()


def apply_drill(fault: FaultProvider, drill: DrillSet, clock: Clock) -> None:
    """Make a provider fail as the drill says. Shapes of a newer version are left out."""
    left_s = drill.until / 1000 - clock.now()
    wanted = drill.faults or (DrillFault(drill.shape),)
    faults = [
        Fault(Shape(one.shape), one.share, one.reads, one.writes) for one in wanted if one.shape in _shapes
    ]
    in_force = faults if drill.shape and left_s > 0 else ()
    fault.fail_until(in_force, clock.monotonic() + left_s, drill_text(drill))


def drill_text(drill: DrillSet) -> str:
    """What is said of a drill: how it makes the provider fail, until when, and by whose order."""
    end = datetime.fromtimestamp((drill.end or drill.until) / 1000, UTC)
    by = f", ordered by {drill.by}" if drill.by else ""
    return f"{drill.shape} until {end:%Y-%m-%d %H:%M:%S} UTC{by}"


def open_providers(urls: Mapping[str, str], store: bytes, clock: Clock, entropy: Entropy) -> Providers:
    """Open the providers that the settings name. Raises `ConfigError`."""
    return Providers(
        {name: open_provider(name, url, clock, entropy) for name, url in urls.items()},
        store,
        clock,
        entropy,
        {name: parse_url(name, url).quota for name, url in urls.items()},
    )
