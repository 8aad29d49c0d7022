"""What the store really holds, and where: the catalog's placements in a form in which losses are tried.

Which fragment is where does not matter to what a loss does, only who holds how many of how many needed; so
extents with the same holders are one entry here. A fragment that the catalog calls missing counts as not
there, and so does one at a place that is no member any more.

What has no extent (small objects, every name, every extent's key) lies in the log, at the voters.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from outlast.base.errors import ConfigError
from outlast.catalog.placements import Placements, Whole
from outlast.catalog.state import State
from outlast.placement.domains import by_domain
from outlast.placement.members import Member, Policy
from outlast.placement.policy import data_layout


@dataclass(frozen=True, slots=True)
class Amount:
    """How much. `bytes` are those of objects; extents of uploads under way belong to no object."""

    objects: int = 0
    bytes: int = 0
    extents: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """Extents that need `k` fragments; `holders` have one for each mention, `gone` lack theirs."""

    k: int
    holders: tuple[str, ...]
    gone: tuple[str, ...]
    extents: int
    bytes: int


@dataclass(frozen=True)
class Holdings:
    """The store, as far as losses are concerned."""

    policy: Policy
    members: tuple[Member, ...]
    voters: tuple[str, ...]
    held: tuple[Held, ...]
    wholes: tuple[Whole, ...]
    """Bit j of `entries` stands for `held[j]`."""
    inline: Amount
    """The objects that lie in the log alone."""
    layout: tuple[int, int] | None = field(init=False)
    """(k, m) of what is written now; None where the policy cannot be kept."""
    data_domains: tuple[tuple[str, ...], ...] = field(init=False)
    """Who can hold data, by domain of the policy's kind. Of each, one gets a fragment of an extent."""

    def __post_init__(self) -> None:
        holders = [member for member in self.members if member.holds_data]
        groups = by_domain(holders, self.policy.domain).values()
        object.__setattr__(self, "data_domains", tuple(tuple(m.name for m in group) for group in groups))
        object.__setattr__(self, "layout", _layout(self.policy, self.members))

    @property
    def total(self) -> Amount:
        """Everything."""
        return Amount(
            self.inline.objects + sum(whole.objects for whole in self.wholes),
            self.inline.bytes + sum(whole.bytes for whole in self.wholes),
            sum(held.extents for held in self.held),
        )

    def amount(self, bits: int) -> Amount:
        """The extents of the entries in `bits`, and the objects that have one of them."""
        if not bits:
            return Amount()
        touched = [whole for whole in self.wholes if whole.entries & bits]
        extents = sum(held.extents for number, held in enumerate(self.held) if bits >> number & 1)
        return Amount(sum(whole.objects for whole in touched), sum(whole.bytes for whole in touched), extents)

    def repaired(self) -> "Holdings":
        """As it would be after a repair with everybody there: what can be read has all its fragments."""
        held = tuple(
            replace(one, holders=tuple(sorted(one.holders + one.gone)), gone=())
            if len(one.holders) >= one.k
            else one
            for one in self.held
        )
        return replace(self, held=held)


def holdings(state: State) -> Holdings:
    """What the catalog says, which must have got as far as slot 0. Takes seconds for a million extents."""
    counts, members = state.counts(), state.members()
    held, wholes = _merged(state.placements(), members)
    return Holdings(
        state.policy(),
        members,
        state.voters(),
        held,
        wholes,
        Amount(
            counts.objects - sum(whole.objects for whole in wholes),
            counts.bytes - sum(whole.bytes for whole in wholes),
        ),
    )


def _merged(found: Placements, members: Sequence[Member]) -> tuple[tuple[Held, ...], tuple[Whole, ...]]:
    """The placements by holders instead of by index."""
    known = {member.name for member in members}
    numbers: dict[tuple[int, tuple[str, ...], tuple[str, ...]], int] = {}
    extents: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    entry_of = []
    for alike in found.alike:
        there = [
            place in known and not alike.missing >> index & 1 for index, place in enumerate(alike.places)
        ]
        key = (
            alike.k,
            tuple(sorted(place for place, is_there in zip(alike.places, there, strict=True) if is_there)),
            tuple(sorted(place for place, is_there in zip(alike.places, there, strict=True) if not is_there)),
        )
        number = numbers.setdefault(key, len(numbers))
        entry_of.append(number)
        extents[number] += alike.extents
        sizes[number] += alike.bytes
    held = tuple(Held(*key, extents[number], sizes[number]) for key, number in numbers.items())
    return held, _renumbered(found.wholes, entry_of)


def _renumbered(wholes: Sequence[Whole], entry_of: Sequence[int]) -> tuple[Whole, ...]:
    objects: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    for whole in wholes:
        entries, rest = 0, whole.entries
        while rest:
            lowest = rest & -rest
            entries |= 1 << entry_of[lowest.bit_length() - 1]
            rest ^= lowest
        objects[entries] += whole.objects
        sizes[entries] += whole.bytes
    return tuple(Whole(entries, count, sizes[entries]) for entries, count in objects.items())


def _layout(policy: Policy, members: Sequence[Member]) -> tuple[int, int] | None:
    try:
        return data_layout(policy, members)
    except ConfigError:
        return None
