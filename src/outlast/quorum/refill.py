"""Giving a voter the slots that it missed (it was away) or lost (it was erased).

Only decided values are written, so nothing here can change a decision: a voter that holds something else
for a decided slot, or nothing, takes the decided value, as it would have from a late phase 2. A promise
above the decided ballot is kept; whoever made it will adopt the same value.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from outlast.base.errors import Cause, Exists, NotFound, Tampered, Unavailable
from outlast.providers.protocol import Provider
from outlast.quorum.ballot import SlotState
from outlast.quorum.replay import Open, replay
from outlast.quorum.state import PLACE_MAX, StateCodec, state_key
from outlast.quorum.voter import Voter

# Slots written at once: as many as hide a cloud's round trip behind the reading of the next ones.
FILLED_AT_ONCE = 16


async def refill(
    target: Provider,
    voters: Sequence[Voter],
    open_value: Open,
    codec: StateCodec,
    slot: int,
    previous: bytes,
    until: int,
) -> int:
    """Write to `target` the decided slots from `slot` to `until`, the last as far as `voters` prove it.

    `previous` is the hash before `slot`. The number of slots that it did not hold. Raises `ProviderError` of
    the target, and `Unavailable` if nobody told of a slot before `until`: a voter that was erased and is
    taken back with a hole would answer "nothing there" about a slot in which it has voted.

    The target is among the voters, for it may be the only one left that holds a slot, and what it proves by
    itself is read once and not again. It is a bare provider and need not be attested, since nothing is
    concluded from what is missing there.
    """
    written = 0
    reached = slot - 1
    waiting: list[tuple[int, SlotState]] = []
    target_first = sorted(voters, key=lambda voter: voter.name != target.name)
    async with aclosing(replay(target_first, open_value, slot, previous)) as decided:
        async for held in decided:
            if held.slot > until:
                break
            reached = held.slot
            if held.holder != target.name:
                waiting.append((held.slot, held.state))
            if len(waiting) == FILLED_AT_ONCE:
                written += await _fill_slots(target, codec, waiting)
                waiting.clear()
    written += await _fill_slots(target, codec, waiting)
    if reached < until - 1:
        detail = f"no voter that answered holds slot {reached + 1}"
        raise Unavailable(target.name, "refill", detail, Cause.TIMEOUT)
    return written


async def _fill_slots(target: Provider, codec: StateCodec, decided: Sequence[tuple[int, SlotState]]) -> int:
    """`fill_slot` for all at once; how many had to be written. Raises an error when all have ended."""
    filled = await asyncio.gather(
        *(fill_slot(target, codec, slot, state) for slot, state in decided), return_exceptions=True
    )
    for outcome in filled:
        if isinstance(outcome, BaseException):
            raise outcome
    return sum(map(bool, filled))


async def fill_slot(target: Provider, codec: StateCodec, slot: int, decided: SlotState) -> bool:
    """Make `target` hold the decided value in one of the slot's states; whether it had to be written."""
    assert decided.accepted is not None
    promised, held, hidden = decided.accepted, None, False
    for _ in range(2 * PLACE_MAX):
        next_state = SlotState(promised, decided.accepted, decided.value)
        placed, data = codec.encode(slot, held, next_state)
        key = state_key(slot, placed.place)
        try:
            found = codec.decode(slot, held, await target.get(key))
        except (Tampered, Unavailable) as error:
            if isinstance(error, Unavailable) and error.cause is not Cause.CORRUPT:
                raise
            # What it may have promised is of no use any more: every higher ballot carries this value.
            await target.put(key, data)
            return True
        except NotFound:
            if hidden:
                break
            try:
                await target.create(key, data)
            except Exists:
                hidden = True  # it may show it now; if it does not, it never will
                continue
            return True
        if found.state.value == decided.value:
            return False
        promised, held, hidden = max(promised, found.state.promised), found, False
    raise Unavailable(target.name, "refill", f"slot {slot}: a state exists and is not shown", Cause.CORRUPT)
