"""Giving a voter the slots that it missed (it was away) or lost (it was erased).

Only decided values are written, so nothing here can change a decision: a voter that holds something else
for a decided slot, or nothing, takes the decided value, as it would have from a late phase 2. A promise
above the decided ballot is kept; whoever made it will adopt the same value.
"""

from collections.abc import Sequence

from outlast.base.errors import Cause, Conflict, Exists, NotFound, Unavailable
from outlast.providers.protocol import Provider
from outlast.quorum.ballot import SlotState, decode_state, encode_state
from outlast.quorum.replay import Open, replay
from outlast.quorum.voter import Voter, slot_key


async def refill(
    target: Provider,
    voters: Sequence[Voter],
    open_value: Open,
    slot: int,
    previous: bytes,
    until: int,
) -> int:
    """Write to `target` the decided slots from `slot` to `until`, the last as far as `voters` prove it.

    `previous` is the hash before `slot`. The number of slots that it did not hold. Raises `ProviderError` of
    the target, and `Unavailable` if nobody told of a slot before `until`: a voter that was erased and is
    taken back with a hole would answer "nothing there" about a slot in which it has voted.

    The target is among the voters, for it may be the only one left that holds a slot. It is a bare provider
    and need not be attested, since nothing is concluded from what is missing there.
    """
    written = 0
    reached = slot - 1
    async for number, state in replay(voters, open_value, slot, previous):
        if number > until:
            break
        written += await settle(target, number, state)
        reached = number
    if reached < until - 1:
        told = f"nobody told what slot {reached + 1} holds"
        raise Unavailable(target.name, "refill", told, Cause.TIMEOUT)
    return written


async def settle(target: Provider, slot: int, decided: SlotState) -> bool:
    """Make `target` hold the decided value; whether it had to be written."""
    assert decided.accepted is not None
    while True:
        try:
            blob = await target.get(slot_key(slot))
        except NotFound:
            fresh = SlotState(decided.accepted, decided.accepted, decided.value)
            try:
                await target.create(slot_key(slot), encode_state(fresh))
            except Exists:
                continue
            return True
        held = decode_state(blob.data)
        if held.value == decided.value:
            return False
        assert blob.etag is not None
        kept = SlotState(max(held.promised, decided.accepted), decided.accepted, decided.value)
        try:
            await target.replace(slot_key(slot), encode_state(kept), blob.etag)
        except Conflict:
            continue
        return True
