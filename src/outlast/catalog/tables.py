"""All tables of one catalog, as a judgement sees them."""

from outlast.catalog.access_keys import AccessKeys
from outlast.catalog.buckets import Buckets
from outlast.catalog.database import Database
from outlast.catalog.extents import Extents
from outlast.catalog.facts import Facts
from outlast.catalog.objects import Objects
from outlast.catalog.uploads import Uploads
from outlast.catalog.usage import Usage


class Tables:
    """The tables, and `latest`: the latest time that a record has named, which is all the time that there is.

    Judgements may not look at a clock, for every gateway must come to the same one at its own time.
    """

    def __init__(self, database: Database) -> None:
        self.buckets = Buckets(database)
        self.extents = Extents(database)
        self.objects = Objects(database, self.extents)
        self.uploads = Uploads(database, self.extents)
        self.access_keys = AccessKeys(database)
        self.facts = Facts(database)
        self.usage = Usage(database)
        self.latest = 0

    def saw(self, at: int) -> None:
        """A record names this time (ms since the Unix epoch)."""
        self.latest = max(self.latest, at)
