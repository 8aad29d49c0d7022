"""What the store is and who takes part: its id, policy, members and voters, and the drills that run.

Few and small, and needed by every write, so they are kept in memory beside the tables.
"""

import msgspec

from outlast.catalog.database import Database
from outlast.catalog.records import DrillSet, Genesis
from outlast.placement.members import Member

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Genesis] = msgspec.msgpack.Decoder(Genesis)


class Facts:
    """`genesis` is the store as it was created, with its members as they are now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reload()

    def reload(self) -> None:
        """Forget what memory says, after a batch was rolled back."""
        row = self._database.row("SELECT value FROM facts WHERE name = 'genesis'")
        self.genesis: Genesis | None = None if row is None else _decoder.decode(row[0])
        drills = self._database.rows("SELECT provider, shape, until FROM drills ORDER BY provider")
        self.drills: tuple[DrillSet, ...] = tuple(DrillSet(*drill) for drill in drills)

    def set_genesis(self, genesis: Genesis) -> None:
        """Write what the store is."""
        self.genesis = genesis
        self._database.run("REPLACE INTO facts VALUES ('genesis', ?)", _encoder.encode(genesis))

    def set_incarnation(self, provider: str, incarnation: bytes) -> None:
        """Give a member a new incarnation."""
        if self.genesis is not None:
            members = tuple(
                _reincarnated(member, incarnation) if member.name == provider else member
                for member in self.genesis.members
            )
            self.set_genesis(msgspec.structs.replace(self.genesis, members=members))

    def set_drill(self, drill: DrillSet) -> None:
        """Begin a drill at a provider in place of an earlier one, or end it where the shape is empty."""
        if drill.shape:
            self._database.run(
                "REPLACE INTO drills VALUES (?, ?, ?)", drill.provider, drill.shape, drill.until
            )
        else:
            self._database.run("DELETE FROM drills WHERE provider = ?", drill.provider)
        others = [other for other in self.drills if other.provider != drill.provider]
        self.drills = tuple(sorted([*others, *([drill] if drill.shape else [])], key=lambda d: d.provider))


def _reincarnated(member: Member, incarnation: bytes) -> Member:
    return msgspec.structs.replace(member, incarnation=incarnation)
