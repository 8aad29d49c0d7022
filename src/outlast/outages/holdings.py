"""What the store really holds, and where: the catalog's placements in a form in which losses are tried.

A fragment that the catalog calls missing counts as not there, and so does one at a place that is no member
any more.

What has no extent (small objects, every name, every extent's key) lies in the log, at the voters.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from outlast.base.errors import ConfigError
from outlast.catalog.placements import Alike, Whole
from outlast.catalog.state import State
from outlast.outages.late import Late
from outlast.placement.domains import by_domain
from outlast.placement.margin import margin
from outlast.placement.members import Member, Policy
from outlast.placement.policy import data_layout


@dataclass(frozen=True, slots=True)
class Amount:
    """How much. `bytes` are those of objects; extents of uploads under way belong to no object."""

    objects: int = 0
    bytes: int = 0
    extents: int = 0


@dataclass(frozen=True)
class Holdings:
    """The store, as far as losses are concerned."""

    policy: Policy
    members: tuple[Member, ...]
    voters: tuple[str, ...]
    held: tuple[Alike, ...]
    wholes: tuple[Whole, ...]
    """Bit j of `entries` stands for `held[j]`."""
    inline: Amount
    """The objects that lie in the log alone."""
    log_bytes: int = 0
    """Of the whole log, at each voter: what was overwritten and deleted too."""
    dead: Mapping[str, int] = field(default_factory=dict)
    """Bytes of fragments that await collection, by provider. No repair gives them back."""
    full: frozenset[str] = frozenset()
    """Providers whose quotas are used up: they get no new fragments."""
    late: tuple[Late, ...] = ()
    """Fragments that count as missing, and may be there."""

    @cached_property
    def layout(self) -> tuple[int, int] | None:
        """(k, m) of what is written now; None where the policy cannot be kept, so that nothing is."""
        try:
            return data_layout(self.policy, self._with_room)
        except ConfigError:
            return None

    @cached_property
    def data_domains(self) -> tuple[tuple[str, ...], ...]:
        """The providers that can take data, by domain of the policy's kind; an extent uses one of each."""
        holders = (member for member in self._with_room if member.holds_data)
        groups = by_domain(holders, self.policy.domain).values()
        return tuple(tuple(member.name for member in group) for group in groups)

    @property
    def _with_room(self) -> list[Member]:
        return [member for member in self.members if member.name not in self.full]

    @cached_property
    def total(self) -> Amount:
        """Everything."""
        return Amount(
            self.inline.objects + sum(whole.objects for whole in self.wholes),
            self.inline.bytes + sum(whole.bytes for whole in self.wholes),
            sum(held.extents for held in self.held),
        )

    @cached_property
    def _borne(self) -> dict[tuple[int, tuple[str, ...]], int]:
        """Margins that have been worked out: there are many entries and many losses, and few outcomes."""
        return {}

    def margins(self, away: Collection[str]) -> list[int]:
        """How many more domains each entry of `held` bears with these away; below 0 so many are wanting."""
        there = [tuple(name for name in held.holders if name not in away) for held in self.held]
        return [self._margin(held.k, names) for held, names in zip(self.held, there, strict=True)]

    def _margin(self, k: int, holders: tuple[str, ...]) -> int:
        known = self._borne.get((k, holders))
        if known is None:
            known = self._borne[k, holders] = margin(holders, 0, k, self.members, self.policy)
        return known

    def amount(self, entries: Collection[int]) -> Amount:
        """The extents of these entries of `held`, and the objects that have one of them."""
        if not entries:
            return Amount()
        bits = sum(1 << entry for entry in entries)
        touched = [whole for whole in self.wholes if whole.entries & bits]
        extents = sum(self.held[entry].extents for entry in entries)
        return Amount(sum(whole.objects for whole in touched), sum(whole.bytes for whole in touched), extents)

    @cached_property
    def hopeful(self) -> "Holdings":
        """As it is if every fragment is right that may be there: of extents that lie alike, all that are."""
        there: dict[tuple[int, tuple[str, ...], tuple[str, ...]], set[str]] = {}
        for one in self.late:
            there.setdefault((one.k, one.holders, one.gone), set()).add(one.place)
        if not there:
            return self
        return replace(
            self, late=(), held=tuple(_with(held, there.get(held[:1] + held[2:4])) for held in self.held)
        )

    def late_bytes(self, name: str) -> int:
        """Bytes of fragments at a provider that count as missing, and may be there."""
        return sum(one.bytes for one in self.late if one.place == name)

    def without(self, lost: Collection[str]) -> "Holdings":
        """As it would be if these had lost everything."""
        held = tuple(
            one._replace(
                holders=tuple(name for name in one.holders if name not in lost),
                gone=tuple(sorted([*one.gone, *(name for name in one.holders if name in lost)])),
            )
            for one in self.held
        )
        return replace(self, held=held)

    def repaired(self) -> "Holdings":
        """As it would be after a repair with everybody there: what can be read has all its fragments."""
        held = tuple(
            one._replace(holders=tuple(sorted(one.holders + one.gone)), gone=())
            if len(one.holders) >= one.k
            else one
            for one in self.held
        )
        return replace(self, held=held)


def _with(held: Alike, names: Collection[str] | None) -> Alike:
    """The entry with these among its holders."""
    if not names:
        return held
    gone = tuple(name for name in held.gone if name not in names)
    return held._replace(holders=tuple(sorted([*held.holders, *names])), gone=gone)


def holdings(state: State, full: frozenset[str] = frozenset(), late: tuple[Late, ...] = ()) -> Holdings:
    """What the catalog says, which must have got as far as slot 0. Takes seconds for a million extents.

    The catalog does not know `full`, whose quotas are used up, and `late`, what of the missing may be there.
    """
    counts, (held, wholes, dead) = state.counts(), state.placements()
    inline = Amount(
        counts.objects - sum(whole.objects for whole in wholes),
        counts.bytes - sum(whole.bytes for whole in wholes),
    )
    return Holdings(
        state.policy(),
        state.members(),
        state.voters(),
        held,
        wholes,
        inline,
        state.log_bytes,
        dead,
        full & {member.name for member in state.members() if member.holds_data},
        late,
    )
