"""Learning many slots at once by following the hash chain.

A voter's accepted value at slot s is the decided one if the accepted value at s+1 names its hash, since
nobody proposes at s+1 before knowing what s decided. So a run of slots can be read from one voter, many
at a time, and only the newest needs a majority. Where a voter has a hole, or holds a value that lost,
another voter's copy carries on. The seal and the chain are proof enough, so these reads need no
attestation: this is also how a gateway learns of voters' new incarnations.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from itertools import cycle

from outlast.base.errors import ProviderError, Tampered
from outlast.quorum.ballot import SlotState
from outlast.quorum.batch import Batch, value_hash
from outlast.quorum.voter import Voter

# Slots read ahead at a time: enough to hide a cloud's round trip, few enough to bound memory
# (a slot is at most `limits.batch_bytes_max`, nearly always far less).
WINDOW_SLOTS = 16

Open = Callable[[int, bytes], Batch]
"""(slot, value) -> its batch; raises `Tampered`."""


async def replay(
    voters: Sequence[Voter], open_value: Open, slot: int, previous: bytes
) -> AsyncGenerator[tuple[int, SlotState], None]:
    """The decided states from `slot` on, as far as the chain proves them: all but the newest.

    `previous` is the hash of the value before `slot`. Yields (slot, state), `state.value` being the
    decided value.
    """
    stuck = 0
    # A voter's last states come last, since they take twice the requests: only where all first values lost.
    sources = cycle([(voter, last) for last in (False, True) for voter in voters])
    while voters:
        advanced = False
        async for number, state in _run(*next(sources), open_value, slot, previous):
            assert state.value is not None
            yield number, state
            slot, previous, advanced = number + 1, value_hash(state.value), True
        stuck = 0 if advanced else stuck + 1
        if stuck < 2 * len(voters):
            continue
        together = await _proved_together(voters, open_value, slot, previous)
        if together is None or together.value is None:
            return
        yield slot, together
        slot, previous, stuck = slot + 1, value_hash(together.value), 0


async def _proved_together(
    voters: Sequence[Voter], open_value: Open, slot: int, previous: bytes
) -> SlotState | None:
    """The decided state that no voter proves alone: one has the value, another the one that names it."""
    here, after = await asyncio.gather(_values(voters, slot), _values(voters, slot + 1))
    named = {open_value(slot + 1, value).previous for value in after}
    for value, state in here.items():
        if open_value(slot, value).previous == previous and value_hash(value) in named:
            return state
    return None


async def _values(voters: Sequence[Voter], slot: int) -> dict[bytes, SlotState]:
    """Every value that some voter has accepted for the slot, as far as they tell."""
    found = await asyncio.gather(
        *(_accepted(voter, slot, last) for voter in voters for last in (False, True))
    )
    return {state.value: state for state in found if state is not None and state.value is not None}


async def _run(
    voter: Voter, last: bool, open_value: Open, slot: int, previous: bytes
) -> AsyncGenerator[tuple[int, SlotState], None]:
    """What one voter alone can prove, until its first hole, wrong value or failure."""
    before: SlotState | None = None
    while True:
        window = await asyncio.gather(*(_accepted(voter, slot + i, last) for i in range(WINDOW_SLOTS)))
        for number, state in enumerate(window, slot):
            if state is None or state.value is None or open_value(number, state.value).previous != previous:
                return
            if before is not None:
                yield number - 1, before
            before, previous = state, value_hash(state.value)
        slot += WINDOW_SLOTS


async def _accepted(voter: Voter, slot: int, last: bool) -> SlotState | None:
    try:
        state = await voter.peek(slot, last)
    except (ProviderError, Tampered):
        return None  # another voter may do better; a majority is asked about the newest slot anyway
    return None if state is None or state.accepted is None else state
