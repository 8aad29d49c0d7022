"""What a seed draws: everything about a run except the code. See `Options.draw`.

    options = draw(seed, LOG_PROFILES["erasures"])
    print(options)                          # a value that can be pasted into a directed test
    replace(options, faults=options.faults[:1])

Every part is a plain value, drawn before the run begins. So parts can be removed one by one while a seed
still fails (`shrink`), and what is left is the directed scenario. What depends on the course of the run (an
erased provider is repaired before the next may be harmed) is decided by the scenario.
"""

import importlib
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from outlast.base.entropy import SeededEntropy
from outlast.testing.places import Kind
from outlast.testing.swarm.assume import Assume
from outlast.testing.swarm.chance import Chance

Rhythm: TypeAlias = Literal["no pause", "now and then", "bursts"]
World: TypeAlias = Literal["log", "store"]

# The most faults of a run, and its duration (in virtual seconds), apart from the end.
faults_max = 8
span_s_min, span_s_max = 3.0, 300.0
# The nearest gateway's one-way delay to a provider, and by how much others may be farther away.
delay_s_min, delay_s_max = 0.0005, 0.02
distance_max = 10.0
# Between two operations a client pauses for something between a few round trips and this, on average.
rest_s_max = 5.0
# How long a stopped machine is suspended.
stop_s_min, stop_s_max = 1.0, 120.0
# The most operations of a gateway that is busy all the time.
busy_operations_max = 1_000
# Its clients: while some of them read, others write.
busy_clients = 4
clock_offsets_s = (0.0, 0.0, 0.0, 3_600.0, -3_600.0, 2 * 3_600.0, 20 * 365 * 86_400.0)
SIZES = (4.0, 1.0, 4.0, 3.0, 2.0)


@dataclass(frozen=True, slots=True)
class Mishap:
    """A fault of `target` (the number of a provider or seat) at `at_s`, for `seconds`.

    `detail` in 0..1 decides the rest: who else is affected, in which order files are removed.
    """

    kind: str
    at_s: float
    target: int
    seconds: float
    detail: float = 0.0


@dataclass(frozen=True, slots=True)
class Seat:
    """One gateway: its distance, and its clients."""

    distance: float = 1.0
    stormy: bool = False
    clock_offset_s: float = 0.0
    rhythm: Rhythm = "now and then"
    rest_s: float = 1.0
    """For the rhythm "now and then": a client's mean pause between two operations."""
    clients: int = 1
    operations: int = 12
    """For each client."""
    slow_s: float = 0.0
    """How long a client takes to send a large object, or to read one."""
    command: bool = False
    """Each request is a process of its own, which opens the store, sends it, and ends."""
    on_disk: bool = False
    """The local catalog is a file that survives a crash."""
    line_bytes_per_s: float = 0.0
    """The rate of its own line each way, for all links together; 0: unlimited (in the log's world)."""
    record_bytes: int = 0
    """The smallest size of its clients' records (in the log's world)."""


@dataclass(frozen=True, slots=True)
class ClientMix:
    """For a profile: what the seats and their clients are drawn from."""

    rhythms: tuple[Rhythm, ...] = ("no pause", "now and then", "bursts", "bursts")
    slow_share: float = 0.3
    """The share of seats whose clients are slow to send and to read (in the store's world)."""
    slow_s: tuple[float, float] = (1.0, 40.0)
    """The range of `Seat.slow_s`."""
    operations: tuple[int, int] | None = None
    """How many operations each client does, if not from a few to a few dozen."""
    sizes: tuple[float, ...] = SIZES
    """See `Options`."""
    clock_offsets_s: tuple[float, ...] = clock_offsets_s
    busy_s: float = 0.0
    """About how long the first seat works without a pause; 0: like any other."""
    line_bytes_per_s: tuple[float, float] | None = None
    """The range of the rates of the lines of the seats after the first; None: none is slow."""
    record_bytes: tuple[int, ...] = (0,)
    """The rate of the first seat's line, if any line is slow."""
    distances: tuple[float, ...] = ()
    """The distance of the seats after the first, if not anything from 1 to `distance_max`."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What options are drawn from. `weights`: for each kind of fault; a seed leaves out some of them."""

    name: str
    world: World
    weights: Mapping[str, float]
    assume: Assume = field(default_factory=Assume)
    providers: tuple[int, ...] = (3, 3, 3, 3, 5, 5, 7)
    kinds: tuple[Kind, ...] = ("disk", "bucket")
    faults: int = faults_max
    seats: tuple[int, ...] = (1, 2, 2, 2, 2, 3, 3, 4, 5)
    clients: ClientMix = field(default_factory=ClientMix)
    storms: bool = True
    crash_points: tuple[str, ...] | None = ()
    """The only points at which machines crash, often. (): at all of them, now and then; None: at none."""
    waits_at_points: bool = True
    """Whether a task may be delayed at a crash point. (A delayed gateway lets all others go first.)"""
    span_s: tuple[float, float] = (span_s_min, span_s_max)
    delay_s: tuple[float, float] = (delay_s_min, delay_s_max)
    faults_min: int = 0
    fault_s: tuple[float, float] | None = None
    """How long a fault lasts, if not anything from nothing to a third of the run."""
    knobs: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Values of constants, of which one in three is changed; one with a single value always is."""
    ignores: tuple[str, ...] = ()
    """Kinds of violations that are not reported."""


@dataclass(frozen=True, slots=True)
class Options:
    """See the module's docstring."""

    seed: int
    world: World
    profile: str
    providers: tuple[Kind, ...]
    tolerate: int
    delay_s: float
    span_s: float
    burst_period_s: float
    seats: tuple[Seat, ...]
    faults: tuple[Mishap, ...] = ()
    crash_at_points: float = 0.0
    """The chance that a machine crashes at a crash point."""
    crash_points: tuple[str, ...] = ()
    """The only points at which it crashes; none: all."""
    waits_at_points: bool = True
    knobs: tuple[tuple[str, Any], ...] = ()
    assume: Assume = field(default_factory=Assume)
    ignores: tuple[str, ...] = ()
    sizes: tuple[float, ...] = SIZES
    """How often objects are small, inline at most, a stripe, half an extent, several extents."""


def draw(seed: int, profile: Profile) -> Options:
    """Draw the options of this seed."""
    chance = Chance(SeededEntropy(seed << 32 | zlib.crc32(profile.name.encode())))
    kinds = _present(chance, profile)
    providers = _providers(chance, profile, kinds)
    span_s = chance.scaled(*profile.span_s)
    count = chance.pick(profile.seats)
    delay_s = chance.scaled(*profile.delay_s)
    seats = tuple(_seat(chance, profile, number, delay_s) for number in range(count))
    count = chance.whole(profile.faults_min, profile.faults) if kinds else 0
    faults: list[Mishap] = []
    for _ in range(count):
        beside = chance.pick(faults).at_s if faults and chance.happens(0.5) else None
        lasts = profile.fault_s
        faults.append(_fault(chance, kinds, len(providers), len(seats), span_s, beside, lasts))
    crashes = profile.crash_points is not None and chance.happens(0.3)
    often = (0.1, 0.4) if profile.crash_points else (0.01, 0.1)
    return Options(
        seed=seed,
        world=profile.world,
        profile=profile.name,
        providers=providers,
        tolerate=(len(providers) - 1) // 2 if profile.world == "log" else 1,
        delay_s=delay_s,
        span_s=span_s,
        burst_period_s=chance.scaled(1, max(2.0, span_s / 4)),
        seats=seats,
        faults=tuple(sorted(faults, key=lambda fault: fault.at_s)),
        crash_at_points=chance.between(*often) if crashes or profile.crash_points else 0.0,
        crash_points=profile.crash_points or (),
        waits_at_points=profile.waits_at_points,
        knobs=_knobs(chance, profile),
        assume=profile.assume,
        ignores=profile.ignores,
        sizes=profile.clients.sizes,
    )


def _present(chance: Chance, profile: Profile) -> dict[str, float]:
    """Return the kinds of faults that occur in this seed: a third of them are left out.

    The one with the highest weight, for which the profile exists, is left out less often.
    """
    heaviest = max(profile.weights.values())
    kinds: dict[str, float] = {}
    for kind, weight in profile.weights.items():
        if weight and chance.happens(0.9 if weight == heaviest else 2 / 3):
            kinds[kind] = weight
    return kinds or dict(profile.weights)


def _providers(chance: Chance, profile: Profile, faults: Mapping[str, float]) -> tuple[Kind, ...]:
    kinds: tuple[Kind, ...] = ("disk",) if set(faults) == {"unmount"} else profile.kinds
    alike = chance.happens(0.5)
    first = chance.pick(kinds)
    return tuple(first if alike else chance.pick(kinds) for _ in range(chance.pick(profile.providers)))


def _seat(chance: Chance, profile: Profile, number: int, delay_s: float) -> Seat:
    usual = (4, 60 if profile.world == "log" else 30)
    operations = int(chance.scaled(*(profile.clients.operations or usual)))
    store = profile.world == "store"
    distance = 1.0 if number == 0 or chance.happens(0.5) else chance.scaled(1, distance_max)
    if profile.clients.busy_s and number == 0:
        operations = min(busy_operations_max, int(profile.clients.busy_s / (2 * delay_s)))
    if profile.clients.distances and number > 0:
        distance = chance.pick(profile.clients.distances)
    stormy = profile.storms and chance.happens(0.3)
    clock_offset_s = chance.pick(profile.clients.clock_offsets_s)
    rhythm = chance.pick(profile.clients.rhythms)
    rest_s = chance.scaled(delay_s, rest_s_max)
    clients = chance.pick((1, 1, 1, 2, 3))
    lines = profile.clients.line_bytes_per_s
    return Seat(
        distance=distance,
        stormy=stormy,
        clock_offset_s=clock_offset_s,
        rhythm=rhythm,
        rest_s=rest_s,
        clients=busy_clients if profile.clients.busy_s and number == 0 else clients,
        operations=operations,
        slow_s=chance.scaled(*profile.clients.slow_s)
        if store and chance.happens(profile.clients.slow_share)
        else 0.0,
        command=store and number > 0 and chance.happens(0.2),
        on_disk=store and chance.happens(0.4),
        line_bytes_per_s=chance.scaled(*lines) if lines and number > 0 else 0.0,
        record_bytes=chance.pick(profile.clients.record_bytes) if lines and number == 0 else 0,
    )


def _fault(
    chance: Chance,
    kinds: Mapping[str, float],
    providers: int,
    seats: int,
    span_s: float,
    beside_s: float | None,
    lasts_s: tuple[float, float] | None = None,
) -> Mishap:
    """Draw a fault at any time, or soon after `beside_s`: what is dangerous together must happen together."""
    kind = chance.weighted(kinds)
    shortest, longest = lasts_s or (0.01, max(stop_s_min, min(stop_s_max, span_s / 3)))
    return Mishap(
        kind=kind,
        at_s=chance.between(0, span_s) if beside_s is None else beside_s + chance.scaled(0.01, 5),
        target=chance.whole(0, (seats if kind in seat_kinds else providers) - 1),
        seconds=chance.scaled(shortest, longest) if chance.happens(0.5) else chance.between(0, longest),
        detail=chance.between(0, 1),
    )


seat_kinds = frozenset({"crash", "close", "stop", "collect"})
"""The kinds of faults of a gateway's machine. The others are faults of a provider."""


def _knobs(chance: Chance, profile: Profile) -> tuple[tuple[str, Any], ...]:
    """Return the constants that are changed, with their values."""
    return tuple(
        (name, chance.pick(values))
        for name, values in profile.knobs.items()
        if chance.happens(1 / 3) or len(values) == 1
    )


@contextmanager
def turned(knobs: Mapping[str, Any]) -> Iterator[None]:
    """Set module constants (`outlast.quorum.log.AHEAD_MIN`) to other values, and reset them afterwards."""
    kept: list[tuple[Any, str, Any]] = []
    try:
        for path, value in knobs.items():
            module_name, _, name = path.rpartition(".")
            module = importlib.import_module(module_name)
            kept.append((module, name, getattr(module, name)))
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in reversed(kept):
            setattr(module, name, value)
