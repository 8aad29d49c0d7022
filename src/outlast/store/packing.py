"""Extents: begun with an id and a key of their own, filled stripe by stripe, placed and sent off.

Where the fragments go is decided last, when they are ready to go: by then it is known best who is down.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from outlast.base.clock import Clock
from outlast.base.entropy import Entropy
from outlast.base.errors import ConfigError, StoreFull
from outlast.catalog.catalog import Catalog
from outlast.catalog.records import Extent
from outlast.coding.extent import ExtentEncoder
from outlast.coding.keys import Keyring
from outlast.coding.seal import KEY_BYTES, Box, wrap_key
from outlast.placement.members import Member
from outlast.placement.plan import place
from outlast.placement.policy import data_layout
from outlast.store.fleet import Fleet
from outlast.store.notes import Notes
from outlast.store.quotas import Quotas
from outlast.store.shipment import Shipment

EXTENT_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Crate:
    """An extent that is being filled. `key` is its data key, in the clear."""

    id: bytes
    key: bytes
    k: int
    m: int
    encoder: ExtentEncoder
    full: frozenset[str]
    """Providers whose quota was used up when it was begun: they get no fragment."""


class Packer:
    """Begins extents and sends them off."""

    def __init__(
        self,
        catalog: Catalog,
        fleet: Fleet,
        quotas: Quotas,
        keyring: Keyring,
        clock: Clock,
        entropy: Entropy,
        notes: Notes,
    ) -> None:
        self._catalog = catalog
        self._fleet = fleet
        self._quotas = quotas
        self._box = Box(keyring.extents, entropy)
        self._clock = clock
        self._entropy = entropy
        self._notes = notes

    def begin(self) -> Crate:
        """A new, empty extent in the layout of the present policy. Raises `StoreFull`.

        Who has room decides the layout, too: with fewer domains it is a narrower one, as long as that bears
        what the policy says.
        """
        state, full = self._catalog.state, self._quotas.full()
        try:
            k, m = data_layout(state.policy(), _with_room(state.members(), full))
        except ConfigError as error:
            if not full:
                raise
            raise StoreFull(f"the quotas of {', '.join(sorted(full))} are used up: {error}") from error
        id, key = self._entropy.bytes(EXTENT_ID_BYTES), self._entropy.bytes(KEY_BYTES)
        assert state.genesis is not None, "no store before slot 0"
        return Crate(id, key, k, m, ExtentEncoder(state.genesis.store, id, key, k, m), full)

    def ship(self, crate: Crate, landed: Callable[[int], None]) -> Shipment:
        """Send off what the crate holds. `landed(bytes)`: see `Shipment`."""
        state = self._catalog.state
        members = state.members()
        down = self._fleet.down(member.name for member in members)
        size = crate.encoder.size
        places = place(crate.id, crate.k, crate.m, _with_room(members, crate.full), state.policy(), down)
        incarnations = {member.name: member.incarnation for member in members}
        extent = Extent(
            id=crate.id,
            size=size,
            key=wrap_key(self._box, crate.key, crate.id, size, crate.k, crate.m),
            k=crate.k,
            m=crate.m,
            places=places,
            incarnations=tuple(incarnations[name] for name in places),
        )
        self._quotas.shipped(extent)
        fragments = crate.encoder.fragments
        return Shipment(extent, fragments, self._fleet, self._clock, landed, self._notes.restored)

    @property
    def slot(self) -> int:
        """The newest slot that has been applied here."""
        return self._catalog.state.position.slot

    def deleted(self, extent: Extent) -> None:
        """The extent's fragments were deleted again: its write was given up."""
        self._quotas.deleted(extent)


def _with_room(members: Sequence[Member], full: Collection[str]) -> list[Member]:
    return [member for member in members if member.name not in full]
