"""Voters that fell behind: which slots they may lack, and refilling these once the voters answer again."""

from outlast.base.errors import ProviderError
from outlast.providers.protocol import Provider
from outlast.quorum.batch import GENESIS_HASH
from outlast.quorum.context import LogContext
from outlast.quorum.history import History
from outlast.quorum.refill import fill_slot, refill
from outlast.quorum.state import StateCodec
from outlast.quorum.voter import Voter

# The pause after a failed refill: each refill sends requests to all voters.
PAUSE_S = 5.0


class Laggards:
    """Voters of one log that lack slots of its `history`."""

    def __init__(self, context: LogContext, history: History) -> None:
        self._context = context
        self._history = history
        self._behind: dict[str, tuple[int, bytes]] = {}
        self._refilling: set[str] = set()

    @property
    def slots(self) -> dict[str, int]:
        """Voters known to lack slots, and the first slot that each lacks."""
        end = self._history.slot
        return {voter: slot for voter, (slot, _) in self._behind.items() if slot <= end}

    def heard(self, voter: Voter, error: Exception | None, slot: int, previous: bytes) -> None:
        """Record a voter's answer, or its failure, for `slot` or a later one.

        A voter that failed may lack every decision from `slot` on. `previous` is the hash before `slot`.
        """
        if error is None:
            self._catch_up(voter)
        else:
            self._note(voter, slot, previous)

    def _note(self, voter: Voter, slot: int, previous: bytes) -> None:
        known = self._behind.get(voter.name)
        if known is None or slot < known[0]:  # earlier ones may fail later
            self._behind[voter.name] = slot, previous

    def _catch_up(self, voter: Voter) -> None:
        """The voter votes again: give it the decided slots that it may lack."""
        gap = self._behind.get(voter.name)
        if gap is not None and gap[0] <= self._history.slot and voter.name not in self._refilling:
            self._refilling.add(voter.name)
            self._context.background.spawn(self._refill_behind(voter))

    async def refill(self, name: str, target: Provider | None = None) -> int:
        """Give the voter `name` every decided slot that it lacks; return how many. Raises `ProviderError`."""
        voter = next(voter for voter in self._context.voters if voter.name == name)
        gap = self._behind.pop(name, None)
        try:
            return await self._refill(target or voter.provider, 0, GENESIS_HASH)
        except ProviderError:
            if gap is not None:
                self._note(voter, *gap)
            raise

    async def _refill_behind(self, voter: Voter) -> None:
        gap = self._behind.pop(voter.name)
        try:
            await self._refill(voter.provider, *gap)
        except ProviderError:
            self._note(voter, *gap)
            await self._context.clock.sleep(PAUSE_S)  # unavailable again; its next vote retries
        finally:
            self._refilling.discard(voter.name)

    async def _refill(self, target: Provider, slot: int, previous: bytes) -> int:
        context, until, newest = self._context, self._history.slot, self._history.newest
        codec = StateCodec(context.seal, target.name)
        written = await refill(target, context.voters, context.open_value, codec, slot, previous, until)
        if newest is not None:  # no later slot proves this one yet
            written += await fill_slot(target, codec, until, newest)
        return written
