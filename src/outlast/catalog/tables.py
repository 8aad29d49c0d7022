"""All tables of one catalog, as a judgement sees them."""

from outlast.catalog.access_keys import AccessKeys
from outlast.catalog.buckets import Buckets
from outlast.catalog.database import Database
from outlast.catalog.expiry import Expiry
from outlast.catalog.extents import Extents
from outlast.catalog.facts import Facts
from outlast.catalog.layouts import Layouts
from outlast.catalog.objects import ObjectTables
from outlast.catalog.uploads import Uploads
from outlast.catalog.usage import Usage


class Tables:
    """The tables, and `slot`: the slot that is being applied, the only notion of time in judgements.

    Judgements may not read a clock, because every gateway must reach the same one at its own time. Nor may
    they use the times in records, which are as wrong as the clocks of their writers.
    """

    def __init__(self, database: Database) -> None:
        self.buckets = Buckets(database)
        self.layouts = Layouts(database)
        self.extents = Extents(database, self.layouts)
        self.objects = ObjectTables(database, self.extents)
        self.uploads = Uploads(database, self.extents)
        self.access_keys = AccessKeys(database)
        self.facts = Facts(database)
        self.usage = Usage(database)
        self.expiry = Expiry(database)
        self.slot = -1

    def reload(self) -> None:
        """Reload memory from the tables, after a batch was rolled back."""
        self.buckets.reload()
        self.facts.reload()
        self.expiry.reload()
        self.layouts.reload(self.facts.incarnations)

    def flush(self) -> None:
        """Write the counts that are kept in memory. Call it at the end of each batch."""
        self.buckets.flush()
        self.layouts.flush()
