"""The store's condition, as far as this gateway knows without a request to a provider."""

from dataclasses import dataclass
from typing import Literal

from outlast.catalog.state import Counts, State
from outlast.placement.members import Acknowledge, Domains, Member
from outlast.providers.space import Space
from outlast.providers.trouble import Trouble
from outlast.store.fleet import Fleet
from outlast.store.quotas import Quotas, QuotaUse


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """One provider. `unconfigured`: it is in the catalog, but not in this gateway's settings."""

    name: str
    state: Literal["healthy", "down", "estranged", "unconfigured"]
    since_s: float
    """How long it has been in that state."""
    why: str
    """The error that made it leave `healthy` last; "" if none did."""
    votes: bool
    holds_data: bool
    domains: Domains
    calls: int
    failures: dict[str, int]
    """Failed calls by cause."""
    expected_s: dict[str, float]
    """How long a call takes, by verb, for the verbs that were used."""
    troubles: tuple[Trouble, ...] = ()
    """What an administrator should fix, as far as this gateway has seen it."""
    quota: QuotaUse | None = None
    """What is used of its quota, if it has one."""
    takes_writes: bool = False
    """Whether it is healthy and refuses no writes (full, read-only, no right to write)."""
    space: Space | None = None
    """The free space there, where known."""


@dataclass(frozen=True, slots=True)
class Status:
    """The store. `slot` is how far the local catalog has come."""

    providers: tuple[ProviderStatus, ...]
    voters: tuple[str, ...]
    tolerate: int
    domain: str
    acknowledge: Acknowledge
    slot: int
    counts: Counts


def status_of(state: State, fleet: Fleet, quotas: Quotas | None = None) -> Status:
    """Return the status. The catalog must have reached slot 0."""
    policy = state.policy()
    return Status(
        providers=tuple(_provider(member, fleet, quotas) for member in state.members()),
        voters=state.voters(),
        tolerate=policy.tolerate,
        domain=policy.domain,
        acknowledge=policy.acknowledge,
        slot=state.position.slot,
        counts=state.counts(),
    )


def _provider(member: Member, fleet: Fleet, quotas: Quotas | None) -> ProviderStatus:
    if member.name not in fleet:
        return ProviderStatus(
            member.name, "unconfigured", 0.0, "", member.votes, member.holds_data, member.domains, 0, {}, {}
        )
    guard = fleet[member.name]
    found = guard.health.findings()
    return ProviderStatus(
        name=member.name,
        state=found.state,
        since_s=found.since_s,
        why=found.why,
        votes=member.votes,
        holds_data=member.holds_data,
        domains=member.domains,
        calls=found.calls,
        failures=found.failures,
        expected_s=found.expected_s,
        troubles=guard.troubles(),
        quota=None if quotas is None else quotas.use(member.name),
        takes_writes=guard.health.takes_writes,
        space=guard.space_watch.space,
    )
