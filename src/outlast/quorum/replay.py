"""Learning many slots at once by following the hash chain.

A voter's accepted value at slot s is the decided one if the accepted value at s+1 names its hash, because no
gateway proposes at s+1 before it knows what s decided. So a run of slots can be read from one voter, many at
a time, and only the newest needs a majority. Where a voter has a gap, or holds a value that lost, the chain
continues with another voter's copy. The seal and the chain are sufficient proof, so these reads need no
attestation: this is also how a gateway learns of voters' new incarnations.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from itertools import cycle
from typing import NamedTuple

from outlast.base import limits
from outlast.base.errors import ProviderError, Tampered
from outlast.quorum.ballot import SlotState
from outlast.quorum.batch import Batch, value_hash
from outlast.quorum.voter import Voter

# Slots in one read-ahead window: four times as many after each window that a voter proved, because most runs
# are short; fewer if slots are so large that a window would exceed this many bytes.
WINDOW_SLOTS_MIN = 2
WINDOW_SLOTS_MAX = 64
WINDOW_BYTES = 4 * limits.MIB

Open = Callable[[int, bytes], Batch]
"""(slot, value) -> its batch; raises `Tampered`."""


class Accepted(NamedTuple):
    """What the voter `holder` has accepted for a slot."""

    slot: int
    state: SlotState
    value: bytes
    holder: str


async def replay(
    voters: Sequence[Voter], open_value: Open, slot: int, previous: bytes
) -> AsyncGenerator[Accepted, None]:
    """The decided states from `slot` on, as far as the chain proves them: all but the newest.

    `previous` is the hash of the value before `slot`. The first voter is followed as far as its chain goes.
    """
    stuck = 0
    # A voter's last states come last because they take twice the requests: only if all its first values lost.
    sources = cycle([(voter, last) for last in (False, True) for voter in voters])
    while voters:
        advanced = False
        async for proved in _run(*next(sources), open_value, slot, previous):
            yield proved
            slot, previous, advanced = proved.slot + 1, value_hash(proved.value), True
        stuck = 0 if advanced else stuck + 1
        if stuck < 2 * len(voters):
            continue
        together = await _proved_together(voters, open_value, slot, previous)
        if together is None:
            return
        yield together
        slot, previous, stuck = slot + 1, value_hash(together.value), 0


async def _proved_together(
    voters: Sequence[Voter], open_value: Open, slot: int, previous: bytes
) -> Accepted | None:
    """The decided state that no voter proves alone: one has the value, another the value that names it."""
    here, after = await asyncio.gather(_values(voters, slot), _values(voters, slot + 1))
    named = {open_value(slot + 1, one.value).previous for one in after}
    for one in here:
        if open_value(slot, one.value).previous == previous and value_hash(one.value) in named:
            return one
    return None


async def _values(voters: Sequence[Voter], slot: int) -> list[Accepted]:
    """Every value that some voter reports as accepted for the slot. Not proved yet."""
    found = await asyncio.gather(
        *(_accepted(voter, slot, last) for voter in voters for last in (False, True))
    )
    return [accepted for accepted in found if accepted is not None]


async def _run(
    voter: Voter, last: bool, open_value: Open, slot: int, previous: bytes
) -> AsyncGenerator[Accepted, None]:
    """What one voter alone can prove, until its first gap, wrong value, or failure."""
    before: Accepted | None = None
    width = WINDOW_SLOTS_MIN
    while True:
        window = await asyncio.gather(*(_accepted(voter, slot + i, last) for i in range(width)))
        for accepted in window:
            if accepted is None or open_value(accepted.slot, accepted.value).previous != previous:
                return
            if before is not None:
                yield before
            before, previous = accepted, value_hash(accepted.value)
        slot += width
        width = _next_width(width, sum(len(accepted.value) for accepted in window if accepted is not None))


def _next_width(width: int, size: int) -> int:
    """How many slots to read next, given that the last `width` slots had `size` bytes."""
    fitting = WINDOW_BYTES * width // max(size, 1)
    return max(WINDOW_SLOTS_MIN, min(4 * width, fitting, WINDOW_SLOTS_MAX))


async def _accepted(voter: Voter, slot: int, last: bool) -> Accepted | None:
    """What the voter reports as accepted for the slot, if anything. Not proved yet."""
    try:
        state = await voter.peek(slot, last)
    except (ProviderError, Tampered):
        return None  # another voter may have it; the newest slot needs a majority anyway
    if state is None or state.accepted is None or state.value is None:
        return None
    return Accepted(slot, state, state.value, voter.name)
