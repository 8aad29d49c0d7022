"""What the store really holds, and where: the catalog's placements, in a form in which losses can be tried.

A fragment that the catalog calls missing counts as not there, and so does one at a place that is no longer a
member.

What has no extent (small objects, every name, every extent's key) is in the log, at the voters.
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
    """How much. `bytes` are those of objects; extents of unfinished uploads belong to no object."""

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
    """The objects that are only in the log."""
    log_bytes: int = 0
    """Of the complete log, at each voter, including what was overwritten and deleted."""
    dead: Mapping[str, int] = field(default_factory=dict)
    """Bytes of fragments that await collection, by provider. No repair restores them."""
    full: frozenset[str] = frozenset()
    """Providers whose quotas are used up: they receive no new fragments."""
    late: tuple[Late, ...] = ()
    """Fragments that count as missing but may be there."""

    @cached_property
    def layout(self) -> tuple[int, int] | None:
        """(k, m) of new extents; None where the policy cannot be met, so that none are written."""
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
    def _margins_known(self) -> dict[tuple[int, tuple[str, ...]], int]:
        """Cache of margins: there are many entries and many losses, but few outcomes."""
        return {}

    def margins(self, away: Collection[str]) -> list[int]:
        """How many more domains each entry of `held` tolerates losing; negative: how many are missing."""
        there = [tuple(name for name in held.holders if name not in away) for held in self.held]
        return [self._margin(held.k, names) for held, names in zip(self.held, there, strict=True)]

    def _margin(self, k: int, holders: tuple[str, ...]) -> int:
        known = self._margins_known.get((k, holders))
        if known is None:
            known = self._margins_known[k, holders] = margin(holders, 0, k, self.members, self.policy)
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
        """The store if all late fragments are intact; one counts for all extents that are placed alike."""
        there: dict[tuple[int, tuple[str, ...], tuple[str, ...]], set[str]] = {}
        for one in self.late:
            there.setdefault((one.k, one.holders, one.gone), set()).add(one.place)
        if not there:
            return self
        return replace(
            self, late=(), held=tuple(_with(held, there.get(held[:1] + held[2:4])) for held in self.held)
        )

    def late_bytes(self, name: str) -> int:
        """Bytes of fragments at a provider that count as missing but may be there."""
        return sum(one.bytes for one in self.late if one.place == name)

    def without(self, lost: Collection[str]) -> "Holdings":
        """The store as it would be if these providers had lost everything."""
        held = tuple(
            one._replace(
                holders=tuple(name for name in one.holders if name not in lost),
                gone=tuple(sorted([*one.gone, *(name for name in one.holders if name in lost)])),
            )
            for one in self.held
        )
        return replace(self, held=held)

    def repaired(self) -> "Holdings":
        """The store after a repair with every provider available: what is readable has all its fragments."""
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
    """What the catalog says; it must have applied slot 0. Takes seconds for a million extents.

    The catalog knows neither `full` (providers over quota) nor `late` (missing fragments that may be there).
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
