"""Voters that fell behind: which slots they may miss, and giving them back once they answer again."""

from collections.abc import Callable, Sequence

from outlast.base.concurrency import Background
from outlast.base.errors import ProviderError
from outlast.providers.protocol import Provider
from outlast.quorum.ballot import SlotState
from outlast.quorum.batch import GENESIS_HASH
from outlast.quorum.refill import refill, settle
from outlast.quorum.replay import Open
from outlast.quorum.slot import Slot
from outlast.quorum.voter import Voter

End = tuple[int, SlotState | None]
"""The newest decided slot, and its state if this process has seen it."""


class Laggards:
    """`end` tells where the log ends now."""

    def __init__(
        self, voters: Sequence[Voter], open_value: Open, background: Background, end: Callable[[], End]
    ) -> None:
        self._voters = voters
        self._open = open_value
        self._background = background
        self._end = end
        self._behind: dict[str, tuple[int, bytes]] = {}
        self._refilling: set[str] = set()

    @property
    def slots(self) -> dict[str, int]:
        """Voters known to miss slots, and the first that each misses."""
        return {voter: slot for voter, (slot, _) in self._behind.items()}

    def failed(self, voter: Voter, slot: int, previous: bytes) -> None:
        """The voter did not answer about a slot; `previous` is the hash before it."""
        self._behind.setdefault(voter.name, (slot, previous))

    def note_returned(self, slot: Slot) -> None:
        """Have a voter catch up that votes again after it was away."""
        for voter in self._voters:
            name = voter.name
            if name in self._behind and name in slot.tally.states and name not in self._refilling:
                self._refilling.add(name)
                self._background.spawn(self._refill_behind(name))

    async def refill(self, name: str, target: Provider | None = None) -> int:
        """Give the voter `name` every decided slot that it lacks; how many. Raises `ProviderError`."""
        gap = self._behind.pop(name, None)
        try:
            return await self._refill(name, 0, GENESIS_HASH, target)
        except ProviderError:
            if gap is not None:
                self._behind[name] = gap
            raise

    async def _refill_behind(self, name: str) -> None:
        gap = self._behind.pop(name)
        try:
            await self._refill(name, *gap)
        except ProviderError:
            self._behind[name] = gap  # away again; its next vote tries anew
        finally:
            self._refilling.discard(name)

    async def _refill(self, name: str, slot: int, previous: bytes, target: Provider | None = None) -> int:
        target = target or next(voter.provider for voter in self._voters if voter.name == name)
        until, newest = self._end()
        written = await refill(target, self._voters, self._open, slot, previous, until)
        if newest is not None:  # which no later slot proves yet
            written += await settle(target, until, newest)
        return written
