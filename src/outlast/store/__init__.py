"""Writing and reading one object: to the providers, into the catalog, and back.

From top to bottom, in the order of a request:

- `store`: the public interface.  `names`: valid names.  `access`: S3 access keys.
- `status`: the store's condition.  `readiness`: whether it can serve now.
  `figures`: counters, for metrics.
- `objects`, `multipart`: the records that make bodies objects and parts.
- `write`: bytes to bodies, and their commit.  `extent_writer`: chunks to stripes to extents.  `delivery`:
  one extent's fragments to their providers.  `digests`: hashing in threads.  `budget`: bounded memory.
  `redundancy`: replaces fragments that were lost during a write.  `restore`: rebuilds fragments.
  `proof`: proves that a fragment is at its provider.
- `read`: versions to bytes.  `reading`: the caller's handle.  `windows`: which ranges.  `feed`: fetches
  ahead of the consumer.  `read_memory`: the memory that all readers share.  `gather`: any k fragments of an
  extent.  `hedge`: the budget for hedged requests.  `holds`: protects long reads from collection.
- `fleet`: the providers, and which are available.  `quotas`: which have room.  `notes`: findings about
  fragments, for repair.  `context`: what the parts share.
"""

from outlast.catalog.listing import Listing
from outlast.store.access import AccessKey
from outlast.store.digests import Digest
from outlast.store.figures import Figures, HeldBytes
from outlast.store.fleet import Fleet
from outlast.store.multipart import part_span
from outlast.store.reading import PendingReading, Reading
from outlast.store.status import ProviderStatus, Status
from outlast.store.store import Check, Store
from outlast.store.write import Source

__all__ = [
    "AccessKey",
    "Check",
    "Digest",
    "Figures",
    "Fleet",
    "HeldBytes",
    "Listing",
    "PendingReading",
    "ProviderStatus",
    "Reading",
    "Source",
    "Status",
    "Store",
    "part_span",
]
