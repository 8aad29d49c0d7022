"""What an exact set of losses does to a store. Pure: the rules are those by which the store reads and writes.

- Every read and every write needs the log, and the log needs a majority of the voters (`quorum`).
- An object is read from the log alone, or needs `k` fragments of each of its extents (`store.gather`).
- A write of more than `limits.inline_bytes_max` also needs `k` data domains with an available provider
  (`place`, `store.delivery`): once a provider is known to be away, another of its domain or a spare takes its
  share. Providers over quota take no new data. `k` follows from the others; if they are too few for the
  policy, no such write is accepted, whichever providers are available (`store.extent_writer`).
- Nothing is acknowledged without a majority's agreement, so no outage makes the store inconsistent.

This is the state in which the store settles a few seconds after the loss. Until the losses are detected,
requests may also fail if more domains than tolerated are lost at once.

One case has no certain outcome: the permanent loss of enough voters that no majority is left, but not of all.
The remaining voters may or may not have everything that was decided. `careful` assumes the worse.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from outlast.outages.holdings import Amount, Holdings
from outlast.placement.domains import domain_of
from outlast.placement.margin import losses_borne
from outlast.quorum.ballot import majority

Effect: TypeAlias = Literal["nothing", "degraded", "lost", "unknown"]
"""What happens to one thing: nothing, some of it is lost, all of it is lost, or unknown."""

Summary: TypeAlias = Literal["nothing", "redundancy-less", "write-loss", "read-loss", "data-loss", "unknown"]
SUMMARIES: tuple[Summary, ...] = (
    "nothing",
    "redundancy-less",
    "write-loss",
    "read-loss",
    "data-loss",
    "unknown",
)
"""The worst last."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left. Effects are never `unknown` here."""

    reads: Effect
    """`lost`: no object can be read during the outage; `degraded`: some cannot."""
    writes: Effect
    """`degraded`: only what fits into the log can be written."""
    consistency: Effect
    """`lost`: the last acknowledged writes may be forgotten."""
    data: Effect
    """`degraded`: some objects are lost permanently."""
    redundancy: int
    """How many more domains of the policy's kind may fail, whichever they are, before a read or write fails.

    A negative number is how many voters, fragments, or domains are missing.
    """
    unreadable: Amount
    lost: Amount
    at_risk: Amount
    """What is unreadable already or may become so with the next such loss."""
    restore_bytes: int
    """Approximate bytes to write when everything lost is restored: fragments in use, and the log."""
    touched: bool
    """Whether a provider is away that votes or holds data."""

    @property
    def summary(self) -> Summary:
        """The worst effect."""
        if self.data != "nothing":
            return "data-loss"
        if self.reads != "nothing" or self.unreadable.extents:
            return "read-loss"
        if self.writes != "nothing":
            return "write-loss"
        return "redundancy-less" if self.touched else "nothing"


def outcome(
    store: Holdings, away: Collection[str], lost: Collection[str] = (), careful: bool = True
) -> Outcome:
    """The effect of losing the providers in `away`, and permanently those that are also in `lost`."""
    log, large = _log(store, away), _large_writes(store, away)
    margins = store.margins(away)
    bad = [entry for entry, margin in enumerate(margins) if margin < 0]
    broken = _broken(store, bad, lost)
    gone = _log_is_gone(store, lost, careful)
    unreadable = store.total if log < 0 else store.amount(bad)
    forgotten = store.total if gone else store.amount(broken)
    at_risk = [entry for entry, margin in enumerate(margins) if margin <= 0]
    return Outcome(
        reads="lost" if log < 0 else _effect(unreadable, store),
        writes="lost" if log < 0 else "degraded" if large.margin < 0 else "nothing",
        consistency="lost" if gone else "nothing",
        data="lost" if gone else _effect(forgotten, store),
        redundancy=min(log, large.margin, large.borne, *margins),
        unreadable=unreadable,
        lost=forgotten,
        at_risk=store.total if log <= 0 else store.amount(at_risk),
        restore_bytes=_restore_bytes(store, away),
        touched=bool(set(away) & _matter(store)),
    )


@dataclass(frozen=True, slots=True)
class _Large:
    margin: int
    """How many more domains may fail before large objects cannot be written."""
    borne: int
    """How many may fail, after such a write, before it cannot be read."""


def _effect(amount: Amount, store: Holdings) -> Effect:
    if not amount.objects and not amount.extents:
        return "nothing"
    total = store.total
    everything = amount.objects == total.objects if total.objects else amount.extents == total.extents
    return "lost" if everything else "degraded"


def _log(store: Holdings, away: Collection[str]) -> int:
    """How many more domains may fail before no majority is left; negative: how many voters are missing."""
    there = Counter(
        domain_of(member, store.policy.domain)
        for member in store.members
        if member.name in store.voters and member.name not in away
    )
    return losses_borne(there, majority(len(store.voters)))


def _log_is_gone(store: Holdings, lost: Collection[str], careful: bool) -> bool:
    left = sum(1 for voter in store.voters if voter not in lost)
    return left < majority(len(store.voters)) if careful else not left


def _broken(store: Holdings, bad: Sequence[int], lost: Collection[str]) -> list[int]:
    """The unreadable entries that will not come back."""
    return [
        entry
        for entry in bad
        if sum(name not in lost for name in store.held[entry].holders) < store.held[entry].k
    ]


def _large_writes(store: Holdings, away: Collection[str]) -> _Large:
    if store.layout is None:
        return _Large(-1, -1)
    k, m = store.layout
    there = sum(1 for names in store.data_domains if any(name not in away for name in names))
    return _Large(there - k, min(there, k + m) - k)


def _restore_bytes(store: Holdings, away: Collection[str]) -> int:
    fragments = sum(
        held.fragment_bytes * sum(1 for name in (*held.holders, *held.gone) if name in away)
        for held in store.held
    )
    return fragments + store.log_bytes * sum(1 for voter in store.voters if voter in away)


def _matter(store: Holdings) -> set[str]:
    return {member.name for member in store.members if member.holds_data or member.name in store.voters}
