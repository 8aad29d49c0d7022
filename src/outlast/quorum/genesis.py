"""Slot 0: the record that says which store this is, written once by `outlast init`.

A gateway knows only providers and a key when it starts. It reads slot 0 from any of them; the seal proves
that the store's key wrote it, and what it says (members, voters, policy) is where everything else begins.
The markers are not attested here: which incarnation they should have is in that record.
"""

from collections.abc import Sequence

import msgspec

from outlast.base.errors import Cause, NotFound, ProviderError, QuorumError, Unavailable
from outlast.providers.protocol import Provider
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import GENESIS_HASH, Batch, Seal, Submission, open_batch, seal_batch
from outlast.quorum.state import StateCodec, decode_state, state_key


async def write_genesis(voters: Sequence[Provider], seal: Seal, gateway: bytes, record: bytes) -> None:
    """Decide slot 0 at all `voters`. Raises `Exists` if one of them has one already, or `ProviderError`."""
    ballot = Ballot(0, gateway)
    submission = Submission(gateway, 0, (record,))
    value = seal_batch(seal, 0, Batch(GENESIS_HASH, gateway, (submission,)))
    state = SlotState(ballot, ballot, value)
    for voter in voters:
        _, data = StateCodec(seal, voter.name).encode(0, None, state)
        await voter.create(state_key(0, 0), data)


async def read_genesis(providers: Sequence[Provider], seal: Seal) -> bytes | None:
    """The genesis record, from the first provider that has it; None if all answered that they have none.

    Raises `Tampered` if it was written under another key, and the last `ProviderError` if nobody had it and
    somebody did not answer.
    """
    failure: ProviderError | None = None
    for provider in providers:
        try:
            state = decode_state(await provider.get(state_key(0, 0)))
        except NotFound:
            continue
        except ProviderError as error:
            failure = error
            continue
        except msgspec.DecodeError as error:
            failure = Unavailable(provider.name, "get", f"slot 0 is damaged: {error}", Cause.CORRUPT)
            continue
        if state.value is None:
            continue
        records = open_batch(seal, 0, state.value).records
        if len(records) != 1:
            raise QuorumError(f"{provider.name}: slot 0 holds {len(records)} records, not one")
        return records[0]
    if failure is not None:
        raise failure
    return None
