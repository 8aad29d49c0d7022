"""Giving a voter the slots that it missed (it was unavailable) or lost (it was erased).

Only decided values are written, so nothing here can change a decision: a voter that holds something else
for a decided slot, or nothing, gets the decided value, as it would have from a late phase 2. A promise above
the decided ballot is kept; its proposer will adopt the same value.
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

# Slots written at once: enough that reading the next ones hides a cloud's round trip.
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
    """Write the decided slots from `slot` to `until` to `target`, the last one only if `voters` prove it.

    `previous` is the hash before `slot`. Returns the number of slots that the target lacked. Raises the
    target's `ProviderError`, and `Unavailable` if no voter returned a slot before `until`: an erased voter
    that was reattached with a gap would answer "nothing there" about a slot in which it has voted.

    The target is one of the voters, because it may be the only one left that holds a slot. What it proves by
    itself is read only once. It is a bare provider and need not be attested, since nothing is concluded from
    what is missing there.
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
    """Call `fill_slot` for all slots at once; return how many were written. Raises after all have ended."""
    filled = await asyncio.gather(
        *(fill_slot(target, codec, slot, state) for slot, state in decided), return_exceptions=True
    )
    for outcome in filled:
        if isinstance(outcome, BaseException):
            raise outcome
    return sum(map(bool, filled))


async def fill_slot(target: Provider, codec: StateCodec, slot: int, decided: SlotState) -> bool:
    """Make `target` hold the decided value in one of the slot's states; return whether it was written."""
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
            # Its promises no longer matter: every higher ballot carries this value.
            await target.put(key, data)
            return True
        except NotFound:
            if hidden:
                break
            try:
                await target.create(key, data)
            except Exists:
                hidden = True  # it may return it now; if it does not, it never will
                continue
            return True
        if found.state.value == decided.value:
            return False
        promised, held, hidden = max(promised, found.state.promised), found, False
    raise Unavailable(
        target.name, "refill", f"slot {slot}: a state exists but is not returned", Cause.CORRUPT
    )
