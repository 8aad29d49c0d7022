"""What the parts of one store share."""

from dataclasses import dataclass

from outlast.base.clock import Clock
from outlast.base.concurrency import Background
from outlast.base.entropy import Entropy
from outlast.catalog.catalog import Catalog
from outlast.coding.keys import Keyring
from outlast.store.budget import Budget
from outlast.store.fleet import Fleet
from outlast.store.notes import Notes
from outlast.store.quotas import Quotas


@dataclass(frozen=True, slots=True)
class StoreContext:
    """`budget` is the memory that all writers share."""

    catalog: Catalog
    fleet: Fleet
    quotas: Quotas
    keyring: Keyring
    clock: Clock
    entropy: Entropy
    notes: Notes
    budget: Budget
    background: Background
