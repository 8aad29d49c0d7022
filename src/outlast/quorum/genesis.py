"""Slot 0: the record that identifies the store, written once by `outlast init`.

A gateway knows only providers and a key when it starts. It reads slot 0 from any of the providers. The seal
proves that it was written with the store's key, and everything else starts from its content (members, voters,
policy). The markers are not attested here, because that record states which incarnations they should have.
"""

from collections.abc import Sequence

import msgspec

from outlast.base.errors import Cause, NotFound, ProviderError, QuorumError, Unavailable
from outlast.providers.protocol import Provider
from outlast.quorum.ballot import Ballot, SlotState
from outlast.quorum.batch import GENESIS_HASH, Batch, Seal, Submission, open_batch, seal_batch
from outlast.quorum.state import StateCodec, decode_state, state_key


async def write_genesis(voters: Sequence[Provider], seal: Seal, gateway: bytes, record: bytes) -> None:
    """Write slot 0 to all `voters`. Raises `Exists` if one of them already has it, or `ProviderError`."""
    ballot = Ballot(0, gateway)
    submission = Submission(gateway, 0, (record,))
    value = seal_batch(seal, 0, Batch(GENESIS_HASH, gateway, (submission,)))
    state = SlotState(ballot, ballot, value)
    for voter in voters:
        _, data = StateCodec(seal, voter.name).encode(0, None, state)
        await voter.create(state_key(0, 0), data)


async def read_genesis(providers: Sequence[Provider], seal: Seal) -> bytes | None:
    """The genesis record, from the first provider that has it; None if all answered that they have none.

    Raises `Tampered` if it was written under another key, and the last `ProviderError` if no provider had it
    and at least one did not answer.
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
