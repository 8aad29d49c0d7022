"""What options are drawn from: the kinds of faults by weight, and which constants may be changed."""

from typing import Any, NamedTuple

from outlast.base.limits import KIB, MIB
from outlast.testing.swarm.assume import Assume
from outlast.testing.swarm.options import ClientMix, Profile, World

LOG_KNOBS: dict[str, tuple[Any, ...]] = {
    "outlast.quorum.announcement.AHEAD_MIN": (1, 4),
    "outlast.quorum.announcement.MARGIN": (0.5, 3.0),
    "outlast.quorum.commit.LOST_MAX": (0, 1, 8),
    "outlast.quorum.commit.PENDING_MAX": (1, 2),
    "outlast.quorum.commit.ANNOUNCED_BYTES_MAX": (1, 30),
    "outlast.quorum.laggards.PAUSE_S": (0.1, 60.0),
    "outlast.quorum.learn.ASKED_AT_ONCE": (1, 2),
    "outlast.quorum.learn.GRACE_ROUNDS": (0, 1, 5),
    "outlast.quorum.learn.PROBES": (2, 3),
    "outlast.quorum.proposer.WATCHED_SLOTS": (1, 4),
    "outlast.quorum.proposer.SHARED_SLOTS_AHEAD": (1, 8),
    "outlast.quorum.refill.FILLED_AT_ONCE": (1, 3),
    "outlast.quorum.replay.WINDOW_SLOTS_MAX": (2, 4),
    "outlast.quorum.slot.RAISES_MAX": (4, 32),
    "outlast.quorum.voter.ROW_READ_AHEAD": (1, 2),
    "outlast.base.limits.batch_bytes_max": (40, 100),
}

MACHINES = {"crash": 2.0, "close": 1.0, "stop": 2.0}
LINKS = {"cut": 3.0, "slow": 1.0, "away": 2.0, "full": 1.0}

# Everything 256 times smaller, so that many stripes and extents cost little.
SMALL_SIZES: dict[str, tuple[Any, ...]] = {
    f"outlast.base.limits.{name}": (size,)
    for name, size in (
        ("stripe_bytes", 4 * KIB),
        ("extent_bytes_max", 64 * KIB),
        ("inline_bytes_max", 512),
        ("write_buffer_bytes_max", 192 * KIB),
        ("read_window_bytes", 16 * KIB),
        ("read_ahead_bytes_max", 256 * KIB),
    )
}
STORE_KNOBS: dict[str, tuple[Any, ...]] = {
    **SMALL_SIZES,
    **LOG_KNOBS,
    "outlast.base.limits.batch_bytes_max": (4 * KIB,),  # no record is larger, as in production
    "outlast.store.notes.gather_s": (0.01, 5.0),
    "outlast.store.hedge.hedge_burst_max": (0, 1),
    "outlast.maintenance.follow.period_s": (1.0, 15.0),
    "outlast.maintenance.collect.batch_extents": (1, 2),
    "outlast.maintenance.repair.page_extents": (1, 3),
    "outlast.maintenance.mender.batch_extents": (1, 2),
    "outlast.maintenance.mender.claim_s": (1.0, 10.0),
    "outlast.store.redundancy.ensure_s_max": (0.01, 1.0),
}

STORE_LINKS = {"cut": 1.0, "away": 4.0, "full": 1.0}


def _log(name: str, weights: dict[str, float], **changes: Any) -> Profile:
    return _profile(name, "log", weights, {"knobs": LOG_KNOBS} | changes)


def _store(name: str, weights: dict[str, float], **changes: Any) -> Profile:
    usual = {"knobs": STORE_KNOBS, "providers": (3, 3, 4, 5)}
    return _profile(name, "store", weights, usual | changes)


def _profile(name: str, world: World, weights: dict[str, float], changes: dict[str, Any]) -> Profile:
    """Put the changes that concern clients where they belong."""
    clients = {key: changes.pop(key) for key in ClientMix.__dataclass_fields__ if key in changes}
    return Profile(name, world, weights, clients=ClientMix(**clients), **changes)


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        _log("log erasures", {"erase": 6.0, **LINKS, **MACHINES}),
        _log("log disks", {"erase": 3.0, "unmount": 3.0, "marker": 1.0, **LINKS}, kinds=("disk",)),
        _log(
            "log emptied disks",
            {"erase": 3.0, "cut": 1.0},
            kinds=("disk",),
            providers=(3,),
            seats=(2, 3),
            rhythms=("no pause", "now and then"),
            crash_points=None,
        ),
        _log(
            "log rests",
            {"erase": 1.0, "away": 1.0},
            providers=(3,),
            seats=(2, 2, 3),
            rhythms=("bursts",),
            storms=False,
            crash_points=None,
        ),
        _log(
            "log reservations",
            {"erase": 1.0, "away": 1.0},
            providers=(3,),
            seats=(2,),
            rhythms=("bursts",),
            storms=False,
            crash_points=None,
            span_s=(150.0, 300.0),
            faults=12,
            faults_min=8,
            fault_s=(5.0, 40.0),
            knobs={"outlast.quorum.announcement.AHEAD_MIN": (16,)},
        ),
        _log(
            "log stale voters",
            {"stale": 1.0},
            seats=(2,),
            rhythms=("bursts",),
            storms=False,
            crash_points=None,
            delay_s=(0.01, 0.02),
            knobs={},
            faults=1,
            assume=Assume(reads_see_writes=False),
            ignores=("freshness",),
        ),
        _log("log machines", {**LINKS, **MACHINES}),
        _log("log nonsense", {"nonsense": 6.0, **LINKS, **MACHINES}),
        _log(
            "log stale",
            {"stale": 6.0, **LINKS},
            assume=Assume(reads_see_writes=False),
            ignores=("freshness",),
        ),
        _log(
            "log distances",
            {"away": 1.0},
            providers=(3,),
            seats=(2,),
            rhythms=("no pause",),
            storms=False,
            crash_points=None,
            waits_at_points=False,
            faults=0,
            knobs={},
            distances=(2.0, 4.0, 8.0, 10.0),
            delay_s=(0.01, 0.02),
            busy_s=20.0,
        ),
        _log(
            "log slow lines",
            {"crash": 1.0, "cut": 1.0},
            providers=(3,),
            seats=(2,),
            rhythms=("no pause", "bursts"),
            storms=False,
            waits_at_points=False,
            operations=(3, 6),
            faults=2,
            span_s=(3.0, 30.0),
            knobs={},
            line_bytes_per_s=(3 * 32 * KIB, 3 * MIB),
            record_bytes=(3 * MIB, MIB, 200 * KIB),
        ),
        _store("store losses", {"erase": 4.0, "rot": 1.0, "collect": 1.0, **STORE_LINKS}),
        _store("store disks", {"erase": 2.0, "unmount": 3.0, "marker": 1.0, "rot": 1.0}, kinds=("disk",)),
        _store(
            "store uploads",
            {"erase": 1.0},
            seats=(1, 2),
            rhythms=("no pause", "now and then"),
            storms=False,
            crash_points=None,
            slow_share=1.0,
            slow_s=(60.0, 240.0),
            sizes=(0.0, 0.0, 0.0, 1.0, 4.0),
            span_s=(20.0, 200.0),
            faults=2,
            faults_min=1,
            fault_s=(0.01, 5.0),
        ),
        _store(
            "store mounts",
            {"unmount": 1.0},
            kinds=("disk",),
            seats=(1, 2),
            rhythms=("no pause", "now and then"),
            storms=False,
            crash_points=None,
            slow_share=0.0,
            sizes=(1.0, 0.0, 2.0, 2.0, 2.0),
            span_s=(3.0, 20.0),
            faults=4,
            faults_min=1,
            fault_s=(0.1, 3.0),
        ),
        _store(
            "store decay",
            {"rot": 1.0},
            seats=(1, 2),
            rhythms=("now and then",),
            storms=False,
            crash_points=None,
            sizes=(0.0, 0.0, 2.0, 2.0, 1.0),
            operations=(30, 60),
            span_s=(10.0, 30.0),
            faults=3,
            faults_min=2,
            fault_s=(20.0, 60.0),
        ),
        _store(
            "store markers",
            {"marker": 1.0},
            seats=(1, 2),
            storms=False,
            crash_points=None,
            span_s=(3.0, 60.0),
            faults=2,
            faults_min=1,
        ),
        _store(
            "store writers",
            {"erase": 2.0, "away": 2.0, "unmount": 1.0},
            seats=(1, 2),
            storms=False,
            slow_share=0.0,
            sizes=(0.0, 0.0, 2.0, 2.0, 1.0),
            crash_points=("write: committed, not attested",),
            span_s=(10.0, 60.0),
            faults=6,
            faults_min=3,
            fault_s=(0.1, 5.0),
        ),
        _store("store machines", {**STORE_LINKS, **MACHINES, "collect": 1.0}),
        _store(
            "store readers",
            {"collect": 1.0},
            storms=False,
            crash_points=None,
            slow_share=0.6,
            sizes=(1.0, 0.0, 2.0, 2.0, 2.0),
            faults=4,
            faults_min=2,
            fault_s=(20.0, 120.0),
            clock_offsets_s=(2 * 3_600.0, 20 * 365 * 86_400.0),
            slow_s=(5.0, 20.0),
            operations=(8, 16),
            span_s=(60.0, 150.0),
            seats=(2, 3),
            rhythms=("no pause", "now and then"),
            knobs={**STORE_KNOBS, "outlast.base.limits.read_ahead_bytes_max": (32 * KIB,)},
        ),
        _store(
            "store everything",
            {"erase": 3.0, "unmount": 1.0, "marker": 1.0, "rot": 1.0, "collect": 1.0}
            | STORE_LINKS
            | MACHINES,
        ),
    )
}

SOAKED = tuple(
    name
    for name, profile in PROFILES.items()
    if profile.assume == Assume() or name in ("log stale", "log stale voters")
)
"""The profiles in which nothing may go wrong."""


class WithoutAssumption(NamedTuple):
    """A profile without an assumption, the resulting violations, and a `seed` that shows one."""

    profile: Profile
    kinds: frozenset[str]
    seed: int


_forked = frozenset(
    {"amnesia", "agreement", "promise", "no gap", "chain", "fork", "lost", "freshness", "twice"}
)
_buckets: dict[str, Any] = {"kinds": ("bucket",), "providers": (3,), "seats": (2, 3), "storms": False}

WITHOUT: dict[str, WithoutAssumption] = {
    "no_more_are_harmed_than_tolerated": WithoutAssumption(
        _log(
            "two erased at once",
            {"erase": 1.0},
            assume=Assume(no_more_are_harmed_than_tolerated=False),
            providers=(3,),
            seats=(1,),
            rhythms=("now and then",),
            storms=False,
            crash_points=None,
            operations=(4, 8),
            span_s=(3.0, 10.0),
            faults=4,
            faults_min=2,
            fault_s=(1.0, 10.0),
            knobs={"outlast.testing.swarm.log_world.repair_attempts_max": (4,)},
        ),
        _forked | {"held", "liveness"},
        0,
    ),
    "erasure_takes_the_marker_first_over_networks": WithoutAssumption(
        _log(
            "buckets emptied in any order",
            {"erase": 1.0},
            assume=Assume(erasure_takes_the_marker_first_over_networks=False),
            **_buckets,
        ),
        _forked,
        0,
    ),
    "erasure_over_networks_outlasts_a_vote": WithoutAssumption(
        _log(
            "buckets emptied at once",
            {"erase": 1.0},
            assume=Assume(erasure_over_networks_outlasts_a_vote=False),
            kinds=("bucket",),
            providers=(3,),
            seats=(3,),
            rhythms=("no pause",),
            storms=False,
            crash_points=None,
            waits_at_points=False,
            delay_s=(0.01, 0.02),
            distances=(5.0, 10.0),
            operations=(20, 60),
            span_s=(3.0, 20.0),
            faults=8,
            faults_min=4,
            fault_s=(0.01, 0.1),
            knobs={"outlast.testing.swarm.scenario.erase_pause_s_max": (0.001,)},
        ),
        _forked,
        6,
    ),
    "no_provider_is_rolled_back": WithoutAssumption(
        _log("rollbacks", {"rollback": 1.0}, assume=Assume(no_provider_is_rolled_back=False)),
        _forked | {"error", "liveness"},
        0,
    ),
    "reads_see_writes": WithoutAssumption(
        _log(
            "reads of the past",
            {"stale": 2.0, "cut": 2.0},
            assume=Assume(reads_see_writes=False),
            providers=(3,),
            seats=(2,),
            rhythms=("now and then",),
            storms=False,
            crash_points=None,
            delay_s=(0.01, 0.02),
            span_s=(20.0, 60.0),
            faults=8,
            faults_min=4,
            fault_s=(5.0, 30.0),
            operations=(20, 40),
            knobs={},
        ),
        frozenset({"freshness"}),
        6,
    ),
}
"""By the name of the switch in `Assume`."""
