"""What an exact set of losses does to a store. Pure: the same rules as those by which it reads and writes.

- Every read and every write needs the log, and the log a majority of the voters (`quorum`).
- An object is read from the log alone, or needs `k` fragments of each of its extents (`store.gather`).
- A write of more than `limits.inline_bytes_max` also needs `k` data domains with somebody there (`place`,
  `store.delivery`): once a provider is known to be away, another of its domain or a spare takes its share.
  Those whose quotas are used up hold no new data. `k` follows from the others; if they are too few for the
  policy, no such write is taken, whoever is there (`store.extent_writer`).
- What no majority has agreed on is not acknowledged, so no outage makes the store inconsistent.

This is the state that the store settles in, a few seconds after the loss. In the first moments requests may
also fail where more domains than tolerated go at once, until it is known who is away.

A loss for good of so many voters that no majority is left, and not of all, is the one that has no certain
outcome: those that are left may or may not have all that was decided. `careful` takes the worse.
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
"""What happens to one thing: nothing, some of it is lost, all of it; or it is not known."""

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
    """`lost`: no object can be read meanwhile; `degraded`: some cannot."""
    writes: Effect
    """`degraded`: only what fits into the log can be written."""
    consistency: Effect
    """`lost`: what was acknowledged last may be forgotten."""
    data: Effect
    """`degraded`: some objects are lost for good."""
    redundancy: int
    """How many more domains of the policy's kind may go, whichever, with no read and no write failing.

    Below 0: so many voters, fragments or domains are wanting.
    """
    unreadable: Amount
    lost: Amount
    at_risk: Amount
    """What the next such loss may make unreadable, with what is already."""
    restore_bytes: int
    """To be written, about, when what was lost is given back: fragments of what is in use, and the log."""
    touched: bool
    """Whether anybody is away that votes or holds data."""

    @property
    def summary(self) -> Summary:
        """The worst of it."""
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
    """What happens with the providers in `away` away, those of them in `lost` for good."""
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
    """How many more domains may go before large objects cannot be written."""
    borne: int
    """How many may go, after such a write, before it cannot be read."""


def _effect(amount: Amount, store: Holdings) -> Effect:
    if not amount.objects and not amount.extents:
        return "nothing"
    total = store.total
    everything = amount.objects == total.objects if total.objects else amount.extents == total.extents
    return "lost" if everything else "degraded"


def _log(store: Holdings, away: Collection[str]) -> int:
    """How many more domains may go before no majority is left; below 0 so many voters are wanting."""
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
    """Those of the entries that cannot be read which will not come back."""
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
