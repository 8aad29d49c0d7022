"""From values to components: settings, a key, and a local catalog become a store.

This is the one place that knows every part. It decides nothing: the providers are in the settings, and the
voters and the policy are in the catalog's first record.
"""

import asyncio

from outlast.assembly.providers import Providers
from outlast.assembly.wire import Report, wire_store
from outlast.base.clock import Clock
from outlast.base.concurrency import cancel_and_wait, wait_first
from outlast.base.entropy import Entropy
from outlast.base.errors import ConfigError, ProviderError, StoreUnavailable, Tampered
from outlast.catalog.records import Genesis
from outlast.catalog.state import State
from outlast.catalog.wire import decode
from outlast.coding.keys import Keyring
from outlast.coding.seal import Box
from outlast.placement.members import Member
from outlast.quorum.genesis import read_genesis
from outlast.quorum.log import VoterPlace
from outlast.store import Store


async def build_store(
    providers: Providers,
    keyring: Keyring,
    store: bytes,
    state: State,
    clock: Clock,
    entropy: Entropy,
    report: Report,
) -> Store:
    """Build the store, not open yet. Closing it closes the log, `state`, and the providers.

    Raises `ConfigError` (another store's key, unknown providers) and `StoreUnavailable` (nothing is known
    locally, and no provider answers).
    """
    seal = Box(keyring.log, entropy)
    genesis = state.genesis or await find_genesis(providers, seal)
    if genesis.store != store:
        raise ConfigError(
            f"the providers hold store {genesis.store.hex()}, but outlast.toml says {store.hex()}",
            "correct the line `store` in outlast.toml, or the providers' URLs",
        )
    providers.check_known(genesis.members)
    for member in genesis.members:
        providers.expect(member.name, member.incarnation)
    return wire_store(
        state,
        providers.guards,
        _voters(providers, genesis),
        keyring,
        clock,
        entropy,
        report,
        providers.drill,
        providers.quotas,
    )


def _voters(providers: Providers, genesis: Genesis) -> list[VoterPlace]:
    members: dict[str, Member] = {member.name: member for member in genesis.members}
    return [providers.voter(members[name]) for name in genesis.voters]


async def find_genesis(providers: Providers, seal: Box) -> Genesis:
    """Return the store's first record, from the provider that answers first.

    Raises `ConfigError` if it does not open with this key, or if all answered that they have none, and
    `StoreUnavailable` if none has answered.
    """
    names = sorted(providers.guards)
    tasks = [asyncio.ensure_future(read_genesis([providers.unattested(name)], seal)) for name in names]
    try:
        await wait_first(tasks, lambda: any(_found(task) is not None for task in tasks))
        for task in tasks:
            if (record := _found(task)) is not None:
                genesis = decode(record)
                assert isinstance(genesis, Genesis)
                return genesis
        raise _why_not_found([task.exception() for task in tasks])
    finally:
        await cancel_and_wait(tasks)


def _found(task: "asyncio.Task[bytes | None]") -> bytes | None:
    return task.result() if task.done() and task.exception() is None else None


def _why_not_found(failures: list[BaseException | None]) -> Exception:
    """Return the error if no provider gave the first record: preferably one that a person can fix."""
    if any(isinstance(failure, Tampered) for failure in failures):
        return ConfigError(
            "the key file is another store's: it cannot open this one",
            "name the right one in outlast.toml (key_file); `outlast doctor` shows the ids",
        )
    silent = [failure for failure in failures if isinstance(failure, ProviderError)]
    if silent:
        return StoreUnavailable("no provider that has the store answers: " + "; ".join(map(str, silent)))
    unforeseen = [failure for failure in failures if isinstance(failure, Exception)]
    if unforeseen:
        return unforeseen[0]
    return ConfigError(
        "none of the providers holds this store",
        "check the URLs in outlast.toml and the mounts of disks (if all were erased, the store is lost)",
    )
