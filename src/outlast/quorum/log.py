"""The log: one sequence of batches that all gateways agree on, and the only source of truth.

`append` gets a record decided and applied (`quorum.commit`). `sync` returns when the local catalog holds
everything that was acknowledged to any client before the call (`quorum.read_index`). Both learn what other
gateways decide (`quorum.learn`), and voters that missed slots receive them (`quorum.laggards`). This module
wires these together and is their interface to the rest of Outlast.

Not here: the meaning of records (`catalog`), and the choice of voters: the caller passes them in.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from outlast.base import limits
from outlast.base.clock import Clock
from outlast.base.concurrency import Background
from outlast.base.entropy import Entropy
from outlast.base.errors import NoMajority
from outlast.providers.protocol import Provider
from outlast.quorum.batch import GENESIS_HASH, Opener, Seal
from outlast.quorum.commit import Committer
from outlast.quorum.context import LogContext
from outlast.quorum.figures import LogFigures
from outlast.quorum.history import Apply, History
from outlast.quorum.laggards import Laggards
from outlast.quorum.learn import Learner
from outlast.quorum.pace import Pace
from outlast.quorum.proposer import Proposer
from outlast.quorum.read_index import ReadIndex
from outlast.quorum.state import StateCodec
from outlast.quorum.voter import AttestedProvider, Voter
from outlast.quorum.waiting import Readers


class VoterPlace(NamedTuple):
    """How to reach a voter. `source`: where to read without attestation, bypassing a guard that refuses."""

    provider: AttestedProvider
    source: Provider | None = None


class Log:
    """The log as one gateway sees it.

    `gateway` (16 bytes) is new at every process start. `append` and `sync` raise `NoMajority`; a record whose
    `append` raised may still be decided later. Waiting callers also get `ForkedLog` and errors of `apply`.
    """

    def __init__(
        self,
        voters: Sequence[VoterPlace],
        seal: Seal,
        gateway: bytes,
        clock: Clock,
        entropy: Entropy,
        apply: Apply,
        position: tuple[int, bytes] = (-1, GENESIS_HASH),
        report: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        open_value = Opener(seal)
        context = self._context = LogContext(
            gateway=gateway,
            voters=tuple(
                Voter(one.provider, StateCodec(seal, one.provider.name), clock, open_value, one.source)
                for one in voters
            ),
            seal=seal,
            open_value=open_value,
            clock=clock,
            entropy=entropy,
            pace=Pace(clock, entropy),
            background=Background(report),
            readers=Readers(clock),
        )
        history = self._history = History(open_value, apply, position)
        self._laggards = Laggards(context, history)
        proposer = Proposer(context, history, self._laggards)
        learner = Learner(context, history, proposer)
        self._reads = ReadIndex(context, history, proposer, learner, self._rides)
        self._committer = Committer(context, history, proposer, learner, self._reads)
        history.decided = self._committer.decided

    # ------------------------------------------------------------ for callers

    @property
    def voters(self) -> Sequence[Voter]:
        return self._context.voters

    @property
    def figures(self) -> LogFigures:
        return self._context.figures

    @property
    def slot(self) -> int:
        """The last slot that was applied."""
        return self._history.slot

    @property
    def hash(self) -> bytes:
        """The hash of that slot's value (32 bytes)."""
        return self._history.hash

    async def append(self, record: bytes) -> object:
        """Get `record` decided and applied, and return its outcome. Raises `NoMajority`.

        `record`: at most `limits.batch_bytes_max` bytes.
        """
        assert len(record) <= limits.batch_bytes_max
        writer = self._committer.add(record)
        self._committer.wake()
        return await writer.wait_outcome()

    async def sync(self) -> None:
        """Return when everything acknowledged before this call is applied. Raises `NoMajority`."""
        reader = self._context.readers.add()
        self._reads.wake()
        await reader.wait_outcome()

    @property
    def behind(self) -> dict[str, int]:
        """Voters known to lack slots, and the first slot that each lacks."""
        return self._laggards.slots

    async def refill(self, name: str, target: Provider | None = None) -> int:
        """Give the voter `name` every decided slot that it lacks; return how many. Raises `ProviderError`.

        `target` reaches an estranged voter directly, bypassing the guard that refuses it.
        """
        await self.sync()
        return await self._laggards.refill(name, target)

    async def begin_again(self, catalog: Callable[[], tuple[Apply, tuple[int, bytes]]]) -> None:
        """Continue with another local catalog: the present one is damaged, or its history is ours alone.

        `catalog()` returns the function that applies slots to it, and its position. It is called while no
        slot is being applied.
        """
        async with self._context.turn:
            self._history.begin(*catalog())

    async def close(self) -> None:
        """Stop all tasks. Callers that are still waiting get `NoMajority`."""
        await self._committer.close()
        await self._reads.close()
        await self._context.background.close()
        error = NoMajority("the log was closed")
        self._committer.fail_all(error)
        self._context.readers.fail_all(error)

    def _rides(self) -> bool:
        """Whether a commit in progress will prove readers to be current."""
        return self._committer.running and not self._committer.outage.active
